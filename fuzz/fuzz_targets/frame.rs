//! `cargo +nightly fuzz run frame`; what it does is `fuzz::frame`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::frame(data));

#[cfg(not(fuzzing))]
fn main() {
    println!("this target needs libFuzzer: cargo +nightly fuzz run frame");
}
