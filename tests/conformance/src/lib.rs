//! What the MQTT specifications demand of a client, and the tests that prove it.
//!
//! [`table`] reads the statements, [`sources`] finds the tests that they name, and [`peer`] is the server of these
//! tests: it speaks bytes, written as they would be in the specification.

pub mod hex;
pub mod peer;
pub mod sources;
pub mod table;
