//! Where a client stands, in one line.

use std::fmt;
use std::time::Duration;

use super::Engine;
use super::life::Phase;
use super::timers::Timer;
use crate::codec::Version;
use crate::error::Error;
use crate::options::Server;
use crate::text::Utf8String;
use crate::time::Timestamp;

/// Where a client stands; shown as one line, such as
/// `connected to mqtts://host:8883 as "id" (v5.0, session resumed) for 12 s; 3 in flight, 0 queued, 2 subscriptions, 1 reconnect`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// What the client is doing about its connection.
    pub phase: ConnectionPhase,
    /// Packet identifiers in use: QoS 1 and 2 messages, SUBSCRIBEs and UNSUBSCRIBEs without an answer yet.
    pub in_flight: usize,
    /// Messages that wait in the queue.
    pub queued: usize,
    /// Topic filters that the program is subscribed to, granted by the server or to be restored once it is back.
    pub subscriptions: usize,
    /// Connections after the first.
    pub reconnects: u64,
}

/// What a client is doing about its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionPhase {
    /// Nothing yet: connecting was not asked for.
    NotStarted,
    /// An attempt is under way, until CONNACK.
    #[non_exhaustive]
    Connecting {
        /// Where to.
        server: Option<Server>,
        /// Counts attempts since the last connection, from 1.
        attempt: u32,
    },
    /// CONNACK is in.
    #[non_exhaustive]
    Connected {
        /// Where to.
        server: Option<Server>,
        /// The client identifier in use, the server's where it assigned one.
        client_id: Utf8String,
        /// The protocol version in use.
        version: Version,
        /// Whether the server went on with a session that it had.
        session_present: bool,
        /// How long the connection has lasted.
        lasted: Duration,
    },
    /// The last attempt failed, or the connection was lost; the next attempt is not due yet.
    #[non_exhaustive]
    Waiting {
        /// Where the next attempt goes.
        server: Option<Server>,
        /// Its number, counted since the last connection.
        attempt: u32,
        /// In how long it begins.
        retry_in: Duration,
        /// Why there is no connection.
        error: Option<Error>,
    },
    /// The connection is being closed: in order, or because of an error.
    #[non_exhaustive]
    Disconnecting {
        /// Where from.
        server: Option<Server>,
        /// Why, unless it was asked for.
        error: Option<Error>,
    },
    /// The client has ended.
    #[non_exhaustive]
    Closed {
        /// Why, unless it was asked for.
        error: Option<Error>,
    },
}

impl Status {
    /// A client that has ended by this error, of which nothing else is known.
    #[must_use]
    pub fn closed(error: Error) -> Self {
        let phase = ConnectionPhase::Closed { error: Some(error) };
        Self { phase, in_flight: 0, queued: 0, subscriptions: 0, reconnects: 0 }
    }
}

impl Engine {
    /// Where the client stands at the time `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        let metrics = self.metrics();
        Status {
            phase: self.connection_phase(now.max(self.now)),
            in_flight: metrics.in_flight,
            queued: metrics.queued,
            subscriptions: self.subscriptions.entries.len(),
            reconnects: metrics.reconnects,
        }
    }

    fn connection_phase(&self, now: Timestamp) -> ConnectionPhase {
        let life = &self.life;
        let server = self.servers.current().cloned();
        match &life.phase {
            Phase::Idle => ConnectionPhase::NotStarted,
            Phase::Asking(_) | Phase::Opening | Phase::Handshaking | Phase::Verifying => {
                ConnectionPhase::Connecting { server, attempt: life.attempt }
            }
            Phase::Waiting => ConnectionPhase::Waiting {
                server: self.servers.next().cloned(),
                attempt: life.attempt.saturating_add(1),
                retry_in: self.timers.at(Timer::Reconnect).map_or(Duration::ZERO, |at| at.since(now)),
                error: life.last_error.clone(),
            },
            Phase::Connected if life.is_closing() => ConnectionPhase::Disconnecting { server, error: None },
            Phase::Connected => ConnectionPhase::Connected {
                server,
                client_id: self.client_id.clone(),
                version: self.version(),
                session_present: self.grant().is_some_and(|grant| grant.session_present),
                lasted: now.since(life.connected_at),
            },
            Phase::Closing { reason, .. } => ConnectionPhase::Disconnecting { server, error: reason.clone() },
            Phase::Ended => ConnectionPhase::Closed { error: life.last_error.clone() },
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.phase, f)?;
        if matches!(self.phase, ConnectionPhase::NotStarted | ConnectionPhase::Closed { .. }) {
            return Ok(());
        }
        let Self { in_flight, queued, subscriptions, reconnects, .. } = self;
        let many = |plural| if plural { "s" } else { "" };
        write!(
            f,
            "; {in_flight} in flight, {queued} queued, {subscriptions} subscription{}, {reconnects} reconnect{}",
            many(*subscriptions != 1),
            many(*reconnects != 1)
        )
    }
}

impl fmt::Display for ConnectionPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("not started"),
            Self::Connecting { server, attempt } => {
                write!(f, "connecting to {}, attempt {attempt}", Name(server.as_ref()))
            }
            Self::Connected { server, client_id, version, session_present, lasted } => {
                let session = if *session_present { "session resumed" } else { "new session" };
                let (server, lasted) = (Name(server.as_ref()), Lasted(*lasted));
                write!(
                    f,
                    "connected to {server} as {:?} (v{version}, {session}) for {lasted}",
                    client_id.as_str()
                )
            }
            Self::Waiting { server, attempt, retry_in, error } => {
                let (server, wait) = (Name(server.as_ref()), retry_in.as_secs_f64());
                write!(f, "waiting {wait:.1} s before attempt {attempt} to {server}")?;
                because(error.as_ref(), f)
            }
            Self::Disconnecting { server, error } => {
                write!(f, "disconnecting from {}", Name(server.as_ref()))?;
                because(error.as_ref(), f)
            }
            Self::Closed { error } => {
                f.write_str("closed")?;
                because(error.as_ref(), f)
            }
        }
    }
}

fn because(error: Option<&Error>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Some(error) => write!(f, ": {error}"),
        None => Ok(()),
    }
}

struct Name<'a>(Option<&'a Server>);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(server) => fmt::Display::fmt(server, f),
            None => f.write_str("no server"),
        }
    }
}

/// Whole seconds, minutes, hours or days: two of a unit at least, so that little is lost.
struct Lasted(Duration);

impl fmt::Display for Lasted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        for (unit, name) in [(86_400, "days"), (3_600, "h"), (60, "min")] {
            if seconds >= 2 * unit {
                return write!(f, "{} {name}", seconds / unit);
            }
        }
        write!(f, "{seconds} s")
    }
}
