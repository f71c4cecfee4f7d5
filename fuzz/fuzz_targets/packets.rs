//! See `polymqtt_fuzz::packets`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| polymqtt_fuzz::packets::check(bytes));
