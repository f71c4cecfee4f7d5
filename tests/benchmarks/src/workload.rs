//! The things that are measured, and their names.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Which way messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// Publish as fast as the client takes it; at QoS 1 and 2 with many messages in flight.
    Publish,
    /// Take a stream of messages, acknowledged automatically.
    Receive,
    /// Publish one message, wait for its echo, again.
    RoundTrip,
}

/// One of the things that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) exchange: Exchange,
    /// Of the messages that count.
    pub(crate) qos: u8,
}

impl Workload {
    /// All of them, in the order of the report.
    pub(crate) const ALL: &[Self] = &[
        Self::publish(0),
        Self::publish(1),
        Self::publish(2),
        Self::receive(0),
        Self::receive(1),
        Self::ROUND_TRIP,
    ];

    const ROUND_TRIP: Self = Self { exchange: Exchange::RoundTrip, qos: 0 };

    const fn publish(qos: u8) -> Self {
        Self { exchange: Exchange::Publish, qos }
    }

    const fn receive(qos: u8) -> Self {
        Self { exchange: Exchange::Receive, qos }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exchange {
            Exchange::Publish => write!(f, "publish-qos{}", self.qos),
            Exchange::Receive => write!(f, "receive-qos{}", self.qos),
            Exchange::RoundTrip => f.write_str("round-trip"),
        }
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let named = |workload: &&Self| workload.to_string() == name;
        Self::ALL.iter().find(named).copied().ok_or_else(|| format!("no workload is called {name}"))
    }
}

impl Serialize for Workload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
