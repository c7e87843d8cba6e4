//! `cargo +nightly fuzz run identity`; what it does is `fuzz::identity`.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::identity(data));

#[cfg(not(fuzzing))]
fn main() {
    println!("this target needs libFuzzer: cargo +nightly fuzz run identity");
}
