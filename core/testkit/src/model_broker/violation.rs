//! What a client did against the specification.

use std::fmt;

use polymqtt_proto::time::Timestamp;

use super::LinkId;

/// A rule that a client broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Timestamp,
    /// On which connection.
    pub link: LinkId,
    /// The number of the specification's statement, such as "MQTT-2.2.1-3", or of its section where no statement is
    /// numbered.
    pub statement: &'static str,
    /// What it did.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, link, statement, what } = self;
        write!(f, "[{statement}] at {} us on {link:?}: {what}", at.as_micros())
    }
}

/// A broken rule before it is known when and where.
pub(super) struct Broken {
    pub(super) statement: &'static str,
    pub(super) what: String,
}

impl Broken {
    pub(super) fn new(statement: &'static str, what: impl Into<String>) -> Self {
        Self { statement, what: what.into() }
    }
}
