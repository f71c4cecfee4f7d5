//! Seeded network emulator and model broker for the tests of polymqtt.
//!
//! [`World`](world::World) is an engine, a broker and the network between them in virtual time.

pub mod model_broker;
pub mod pipe;
pub mod world;
