//! `cargo fuzz run forwarded`: what it checks is described in `src/forwarded.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::forwarded(data));
