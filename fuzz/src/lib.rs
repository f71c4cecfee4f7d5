//! What is fuzzed, a module a target: each takes any bytes and panics when a promise is broken.
//!
//! `scripts/fuzz` looks for such bytes; `tests/corpus.rs` plays those of the corpora, without libfuzzer.
#![forbid(unsafe_code)]

pub mod engine;
pub mod frames;
pub mod options;
pub mod packets;
