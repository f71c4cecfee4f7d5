//! What every foreign binding of polymqtt needs once, and none of it knows MQTT: options by name, stable error codes,
//! the runtime, the wake, and messages in hand.
//!
//! A binding holds a [`Client`] and speaks to it in tokens that its [`Pending`] operations have. It has two lanes under
//! one [`Bell`]: outcomes and events are always taken ([`Client::take`]), since they are bounded by the operations in
//! flight; messages stay on this side, in a [`Stream`] each, until the program asks for them.

mod bell;
mod client;
mod line;
pub mod message;
pub mod mqtt;
pub mod options;
mod pending;
mod questions;
mod runtime;
mod stream;
pub mod topic;

pub use bell::Bell;
pub use client::{Client, Hooks, News, Offered};
pub use line::Offer;
pub use options::Value;
pub use pending::Pending;
pub use questions::{Answer, Question};
pub use runtime::Process;
pub use stream::{Next, Stream};
