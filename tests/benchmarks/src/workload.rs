//! The things that are measured, and their names.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::link::Link;

/// Payload of an ordinary message, in bytes.
const SMALL: usize = 64;

/// Payload of a large one.
const LARGE: usize = 1 << 20;

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
    /// Bytes of each message.
    pub(crate) payload: usize,
    pub(crate) link: Link,
    /// Threads that publish through one client; `None`: the contender's own way.
    pub(crate) threads: Option<u64>,
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
        Self::publish(0).large(),
        Self::publish(1).large(),
        Self::receive(0).large(),
        Self::receive(1).large(),
        Self::publish(1).threads(1),
        Self::publish(1).threads(4),
        Self::publish(1).threads(16),
        Self::publish(0).over(Link::Tls),
        Self::publish(1).over(Link::Tls),
        Self::receive(0).over(Link::Tls),
        Self::receive(1).over(Link::Tls),
        Self::ROUND_TRIP.over(Link::Tls),
        Self::publish(0).over(Link::WebSocket),
        Self::publish(1).over(Link::WebSocket),
        Self::receive(0).over(Link::WebSocket),
        Self::receive(1).over(Link::WebSocket),
        Self::ROUND_TRIP.over(Link::WebSocket),
    ];

    const ROUND_TRIP: Self = Self { exchange: Exchange::RoundTrip, ..Self::publish(0) };

    const fn publish(qos: u8) -> Self {
        Self { exchange: Exchange::Publish, qos, payload: SMALL, link: Link::Tcp, threads: None }
    }

    const fn receive(qos: u8) -> Self {
        Self { exchange: Exchange::Receive, ..Self::publish(qos) }
    }

    const fn large(self) -> Self {
        Self { payload: LARGE, ..self }
    }

    const fn threads(self, threads: u64) -> Self {
        Self { threads: Some(threads), ..self }
    }

    const fn over(self, link: Link) -> Self {
        Self { link, ..self }
    }

    /// Whether it is about bytes more than about messages.
    pub(crate) fn is_large(&self) -> bool {
        self.payload > SMALL
    }

    /// Whether nothing about it is special: every contender does it.
    pub(crate) fn is_plain(&self) -> bool {
        !self.is_large() && self.link == Link::Tcp && self.threads.is_none()
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exchange {
            Exchange::Publish => write!(f, "publish-qos{}", self.qos)?,
            Exchange::Receive => write!(f, "receive-qos{}", self.qos)?,
            Exchange::RoundTrip => f.write_str("round-trip")?,
        }
        if self.is_large() {
            f.write_str("-1mib")?;
        }
        if let Some(threads) = self.threads {
            write!(f, "-threads{threads}")?;
        }
        match self.link {
            Link::Tcp => Ok(()),
            Link::Tls => f.write_str("-tls"),
            Link::WebSocket => f.write_str("-ws"),
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
