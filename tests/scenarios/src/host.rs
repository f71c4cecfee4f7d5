//! What the two hosts written in Rust share: reading what a command says into values of the client, and telling what
//! the client gives.

mod options;
mod reading;
mod report;

pub(crate) use options::options;
pub(crate) use reading::{
    acknowledgement, credentials, disconnect_options, error_named, filters, message, messages, reply,
    seconds, stream_options, subscription_options, text, user_properties,
};
pub(crate) use report::{
    acknowledged, attempt, connected, error, event, granted, metrics, outcome_of_one, received, step,
    undelivered, unsubscribed,
};

use serde_json::{Map, Value};

/// The values of a line.
pub(crate) type Fields = Map<String, Value>;
