//! The sans-I/O MQTT 3.1.1 / 5.0 engine of polymqtt: everything that is the same in every host.
//!
//! [`engine::Engine`] is a client as a value: fed with bytes, times and commands, drained of bytes, deadlines and
//! outcomes. It has no socket, clock, thread, runtime or source of randomness of its own, so that one engine serves
//! native clients, the browser and tests in virtual time alike. The crate `polymqtt` drives it with tokio.

pub mod codec;
pub mod connection;
pub mod engine;
pub mod error;
pub mod message;
#[cfg(not(feature = "mutants"))]
mod mutant;
#[cfg(feature = "mutants")]
pub mod mutant;
pub mod options;
pub mod qos;
pub mod reason;
mod session;
pub mod text;
pub mod time;
pub mod topic;

pub use session::Record;
