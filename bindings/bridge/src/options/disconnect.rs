//! How a client disconnects, by name.

use polymqtt::DisconnectOptions;

use super::Value;
use super::description::Description;
use super::error::OptionError;
use super::table::{Entry, Set, describe, entry, find, unknown};

/// How to disconnect.
///
/// # Errors
/// The first option that can't be.
pub fn disconnect(
    named: impl IntoIterator<Item = (String, Value)>,
) -> Result<DisconnectOptions, OptionError> {
    let mut options = DisconnectOptions::default();
    for (name, value) in named {
        let option = find(TABLE, &name).ok_or_else(|| unknown(&name, descriptions()))?;
        options = option.set(options, value)?;
    }
    Ok(options)
}

/// The options that disconnecting can be given.
pub fn descriptions() -> impl Iterator<Item = Description> {
    describe(TABLE)
}

const TABLE: &[Entry<DisconnectOptions>] = &[
    entry(
        "timeout",
        Set::Duration(|options, timeout| DisconnectOptions { timeout, ..options }),
        "How many seconds to go on delivering what was accepted; by default 10, and 0 disconnects at once.",
    ),
    entry(
        "with_will",
        Set::Flag(|options, with_will| DisconnectOptions { with_will, ..options }),
        "Whether the server is to publish the will all the same; by default not.",
    ),
    entry(
        "session_expiry",
        Set::Endless(|options, expiry| DisconnectOptions { session_expiry: Some(expiry), ..options }),
        "How many seconds the server keeps the session from now on; by default as the client's options say. Infinity does \
         not expire.",
    ),
    entry(
        "reason_string",
        Set::Utf8(|options, text| DisconnectOptions { reason_string: Some(text), ..options }),
        "Words for people who look after the server; by default none.",
    ),
    entry(
        "user_properties",
        Set::UserProperties(|options, user_properties| DisconnectOptions { user_properties, ..options }),
        "User properties of the DISCONNECT packet; by default none.",
    ),
];
