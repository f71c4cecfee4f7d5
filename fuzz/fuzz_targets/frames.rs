//! See `polymqtt_fuzz::frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| polymqtt_fuzz::frames::check(bytes));
