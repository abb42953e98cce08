//! `cargo fuzz run json_body`: what it checks is described in `src/json_body.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| muster_fuzz::json_body(data));
