//! What the two hosts written in Rust share: reading what a command says into values of the client, and telling what
//! the client gives.

mod options;
mod reading;
mod report;

pub(crate) use options::{disconnect_options, options, stream_options, subscribe_request};
pub(crate) use reading::{
    acknowledgement, checked_user_properties, credentials, error_named, filters, message, messages, reply,
    seconds, text, user_properties,
};
pub(crate) use report::{
    acknowledged, attempt, connected, error, event, granted, metrics, outcome_of_one, received, step,
    undelivered, unsubscribed,
};

use serde_json::{Map, Value};

/// The values of a line.
pub(crate) type Fields = Map<String, Value>;
