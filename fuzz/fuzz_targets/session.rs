//! `cargo +nightly fuzz run session`; what it does is `fuzz::session`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::session(data));

#[cfg(not(fuzzing))]
fn main() {
    println!("this target needs libFuzzer: cargo +nightly fuzz run session");
}
