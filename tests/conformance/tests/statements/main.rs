//! Bytes in, bytes out: the client as the specification has it, a file a chapter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod authentication;
mod connack;
mod connect;
mod delivery;
mod ending;
mod publish;
mod reader;
mod readings;
mod said;
mod subscribe;
mod v311;
