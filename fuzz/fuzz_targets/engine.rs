//! See `polymqtt_fuzz::engine`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| polymqtt_fuzz::engine::check(bytes));
