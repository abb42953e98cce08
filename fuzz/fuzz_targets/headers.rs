//! `cargo fuzz run headers`: what it checks is described in `src/headers.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::headers(data));
