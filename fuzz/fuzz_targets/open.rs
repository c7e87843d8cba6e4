//! `cargo +nightly fuzz run open`; what it does is `fuzz::open`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::open(data));

#[cfg(not(fuzzing))]
fn main() {
    println!("this target needs libFuzzer: cargo +nightly fuzz run open");
}
