//! See `polymqtt_fuzz::options`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| polymqtt_fuzz::options::check(bytes));
