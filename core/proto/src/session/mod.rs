//! What outlives a network connection (section 4.1): packet identifiers in use, received QoS 2 identifiers, the
//! journal of both.

mod inbound;
mod journal;
mod slots;

pub(crate) use inbound::{AckRef, Arrival, Due, Inbound};
pub(crate) use journal::Journal;
pub use journal::Record;
pub(crate) use slots::{SlotState, Slots};
