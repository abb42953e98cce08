//! `cargo fuzz run stored_records`: what it checks is described in `src/stored_records.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::stored_records(data));
