//! `cargo fuzz run settings`: what it checks is described in `src/settings.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::settings(data));
