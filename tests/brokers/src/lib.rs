//! Brokers, networks and servers to test polymqtt against: each on a free port, each ended with the test.
//!
//! A [`Case`] is one real broker and one protocol version; [`each`] runs a test in all of them. Between client and
//! broker a [`Relay`] can cut and hold the connection, and a [`Checkpoint`] stands still at a chosen packet; a
//! [`ScriptedServer`] is no broker at all and does what the test says.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test ends by panicking, and so does what it is made from"
)]

mod case;
mod certificates;
mod checkpoint;
mod collector;
mod embedded;
mod mosquitto;
mod packets;
mod relay;
mod road;
mod scripted;

pub use case::{Broker, Case, VERSIONS, bounded, each, lasting, options, quick};
pub use certificates::Certificates;
pub use checkpoint::{Checkpoint, Step, To};
pub use collector::{Collector, Told};
pub use embedded::{Embedded, Setup};
pub use mosquitto::Mosquitto;
pub use relay::Relay;
pub use road::{Road, each_road};
pub use scripted::{Peer, ScriptedServer};

/// The user that brokers with users know.
pub const USER: &str = "ann";
/// The password of [`USER`].
pub const PASSWORD: &str = "pass/word";
