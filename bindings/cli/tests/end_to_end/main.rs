//! The `polymqtt` command as a user runs it: real processes, real pipes, real brokers (its own, and mosquitto).

#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends by panicking; clippy's own exception knows test functions only, not their helpers"
)]

mod brokers;
mod debugging;
mod exit_codes;
mod json_lines;
mod killed;
mod pipes;
mod process;
mod queue;
mod reconnect;
mod requests;
mod retained;
mod sessions;
mod tls;
mod wills;
