//! `cargo +nightly fuzz run update`; what it does is `fuzz::update`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::update(data));

#[cfg(not(fuzzing))]
fn main() {
    println!("this target needs libFuzzer: cargo +nightly fuzz run update");
}
