//! What clients hold of memory, sockets and tasks: a program of its own, since it counts all of its process.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test ends by panicking; clippy's own exception knows test functions only, not their helpers"
)]

mod held;
mod idle;
mod reconnects;
