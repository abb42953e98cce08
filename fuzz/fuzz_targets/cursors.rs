//! `cargo fuzz run cursors`: what it checks is described in `src/cursors.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::cursors(data));
