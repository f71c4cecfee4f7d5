//! What the engine tells its host: actions, completions, events, requests, and figures.

use std::fmt;
use std::time::Duration;

use crate::codec::AckProperties;
use crate::connection::{AuthenticationReply, AuthenticationStep, Grant, KeyDerivation, ScramKeys};
use crate::error::Error;
use crate::message::Message;
use crate::options::{Credentials, Server};
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::topic::TopicFilter;

/// The caller's name for an operation, a number below 2^63; comes back with its completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

impl Token {
    /// Nobody waits: the operation gives no completion.
    pub const NONE: Self = Self(u64::MAX);

    /// From here on tokens are the engine's own: those of callers are smaller than 2^63.
    pub(super) const OWN: Self = Self(1 << 63);

    /// The publish of the request with this number.
    pub(super) fn of_request(number: u64) -> Self {
        Self(Self::OWN.0 | number)
    }

    /// The number of the request whose publish it is.
    pub(super) fn request(self) -> Option<u64> {
        (self >= Self::OWN && self != Self::NONE).then_some(self.0 & !Self::OWN.0)
    }
}

/// What the host is to do with the transport. There is never more than one transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Open a transport to this server; answer with `handle_opened` or `handle_closed`.
    Open(Server),
    /// Write what there is, shut writing down, read to the end for at most a second, close; answer with
    /// `handle_closed`. An early close can reach the server as a reset, and make it publish the will.
    Shutdown,
    /// Close at once, or give up opening; answer with `handle_closed`.
    Abort,
}

/// The outcome of an operation. Each ends exactly once.
#[derive(Debug)]
pub enum Completion {
    /// The first connect, or why it failed.
    Connected(Result<Box<Grant>, Error>),
    /// The server acknowledged the message, or why it has not; QoS 0: the message was handed to the connection.
    Published(Result<PublishAck, Error>),
    /// What was granted for each filter, in order of the request.
    Subscribed(Result<Vec<Granted>, Error>),
    /// The server answered the UNSUBSCRIBE.
    Unsubscribed(Result<UnsubscribeAck, Error>),
    /// The answer to a request, or why there is none.
    Responded(Result<Box<Message>, Error>),
    /// The server has accepted the client again, and is the one it was; or why not.
    Reauthenticated(Result<(), Error>),
    /// Everything accepted before was handed to the transport.
    Flushed(Result<(), Error>),
    /// The connection is closed; what could not be delivered.
    Disconnected(Undelivered),
}

/// The server's acknowledgement of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishAck {
    /// [`ReasonCode::Success`], or [`ReasonCode::NoMatchingSubscribers`] where the server tells (sections 3.4.2.1, 3.5.2.1).
    pub reason_code: ReasonCode,
    /// What came with it (v5 only).
    pub properties: Option<Box<AckProperties>>,
}

impl PublishAck {
    /// Success, and nothing more.
    pub const SUCCESS: Self = Self { reason_code: ReasonCode::Success, properties: None };
}

/// What the server granted for one filter of a subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct Granted {
    /// The filter.
    pub filter: TopicFilter,
    /// The greatest quality of service that messages will arrive with (section 3.9.3), or why it was refused, where
    /// partial success was allowed.
    pub outcome: Result<QoS, Error>,
    /// What came with the SUBACK (v5 only); `None` for a filter that was subscribed already.
    pub properties: Option<Box<AckProperties>>,
}

/// The server's answer to an UNSUBSCRIBE.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnsubscribeAck {
    /// One for each filter, success or [`ReasonCode::NoSubscriptionExisted`] (v5); none where nothing had to be sent,
    /// and with version 3.1.1.
    pub reason_codes: Vec<ReasonCode>,
    /// What came with them (v5 only).
    pub properties: Option<Box<AckProperties>>,
}

/// What a disconnect could not deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Undelivered {
    /// Messages that never left.
    pub queued: usize,
    /// Messages sent at QoS 1 or 2 whose acknowledgement did not arrive.
    pub unacknowledged: usize,
}

/// Something a user may want to see.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An attempt to connect begins.
    Connecting {
        /// Where to.
        server: Server,
        /// Counts attempts since the last connection, from 1.
        attempt: u32,
    },
    /// CONNACK is in.
    Connected(Box<Grant>),
    /// The connection, or an attempt, is over.
    Disconnected {
        /// Why; `None` for an orderly disconnect.
        error: Option<Error>,
        /// In how long the next attempt begins; `None` when there will be none.
        retry_in: Option<Duration>,
    },
    /// The server sends the client to another one (v5, section 4.11), where the next attempt goes.
    Redirected {
        /// Where to.
        to: Server,
        /// Whether for good; else for this time.
        moved: bool,
    },
    /// The client has authenticated again on its connection (v5, section 4.12.1).
    Reauthenticated,
    /// The client could not begin to authenticate again; the connection goes on. A failure after the beginning ends
    /// the connection instead.
    ReauthenticationFailed {
        /// Why.
        error: Error,
    },
    /// The server no longer has the session: subscriptions are made anew.
    SessionLost,
    /// So many connections in a row were closed soon after the server had accepted them: probably another client uses
    /// the same client identifier. Waits between attempts go on growing.
    Flapping {
        /// How many.
        connections: u32,
    },
    /// A received message that the application has not taken keeps acknowledgements of later ones from leaving
    /// [MQTT-4.6.0-2]. Told once, until they have left.
    AcksHeld {
        /// How many wait.
        acks: usize,
    },
    /// Messages were dropped since the last such event, by a policy or because no stream was for them.
    Dropped {
        /// From the queue of outgoing messages.
        outgoing: u64,
        /// Received messages.
        incoming: u64,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { server, attempt } => write!(f, "connecting to {server}, attempt {attempt}"),
            Self::Connected(grant) if grant.session_present => {
                f.write_str("connected, going on with the session")
            }
            Self::Connected(_) => f.write_str("connected"),
            Self::Disconnected { error, retry_in } => {
                f.write_str("disconnected")?;
                if let Some(error) = error {
                    write!(f, ": {error}")?;
                }
                match retry_in {
                    Some(wait) => write!(f, "; next attempt in {:.1} s", wait.as_secs_f64()),
                    None => Ok(()),
                }
            }
            Self::Redirected { to, moved: true } => write!(f, "the server has moved to {to}"),
            Self::Redirected { to, moved: false } => {
                write!(f, "the server sends the client to {to} this time")
            }
            Self::Reauthenticated => f.write_str("authenticated again"),
            Self::ReauthenticationFailed { error } => write!(f, "could not authenticate again: {error}"),
            Self::SessionLost => f.write_str("the server no longer has the session"),
            Self::Flapping { connections } => write!(
                f,
                "{connections} connections in a row were closed soon after the server had accepted them: another client \
                 may use the same client identifier"
            ),
            Self::AcksHeld { acks } => {
                write!(f, "{acks} acknowledgements wait for an earlier message that is not taken")
            }
            Self::Dropped { outgoing, incoming } => {
                write!(f, "dropped {outgoing} outgoing and {incoming} received messages")
            }
        }
    }
}

/// Names a question that the engine asks its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub(super) u64);

/// A question to the host, to be answered by [`Engine::answer`](super::Engine::answer) within the connect timeout.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// Which credentials to use for this attempt.
    Credentials {
        /// Where to.
        server: Server,
        /// Counts attempts since the last connection, from 1.
        attempt: u32,
    },
    /// 24 bytes that nobody can guess, from the system's source of cryptographic randomness: for a nonce.
    Randomness,
    /// To derive these keys, which takes long: away from any lock and any executor's thread.
    DeriveKeys(Box<KeyDerivation>),
    /// A step of the authentication method that the options leave to the host.
    Authenticate(Box<AuthenticationStep>),
}

/// The host's answer to a [`Request`].
#[derive(Clone)]
#[non_exhaustive]
pub enum Answer {
    /// Use these.
    Credentials(Credentials),
    /// Cryptographic randomness. Must never be the same twice.
    Randomness([u8; 24]),
    /// What [`KeyDerivation::derive`] gave.
    Keys(ScramKeys),
    /// The client's part of the step; after the last step, that the server is accepted.
    Authenticate(AuthenticationReply),
    /// The host can't say; the attempt, or the authentication, fails with this error.
    Failed(Error),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials(credentials) => f.debug_tuple("Credentials").field(credentials).finish(),
            Self::Randomness(_) => f.write_str("Randomness([redacted])"),
            Self::Keys(keys) => f.debug_tuple("Keys").field(keys).finish(),
            Self::Authenticate(reply) => f.debug_tuple("Authenticate").field(reply).finish(),
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
        }
    }
}

/// Figures since the engine was made, and as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Messages sent for the first time.
    pub messages_sent: u64,
    /// Messages received for at least one stream.
    pub messages_received: u64,
    /// Bytes written to transports.
    pub bytes_sent: u64,
    /// Bytes read from transports.
    pub bytes_received: u64,
    /// Packet identifiers in use: QoS 1 and 2 messages, SUBSCRIBEs and UNSUBSCRIBEs without an answer yet.
    pub in_flight: usize,
    /// Messages that wait in the queue.
    pub queued: usize,
    /// Bytes that wait in the queue.
    pub queued_bytes: usize,
    /// Outgoing messages that a policy dropped.
    pub dropped_outgoing: u64,
    /// Received messages that a policy dropped, or that no stream was for.
    pub dropped_incoming: u64,
    /// Requests that wait for their answers.
    pub requests: usize,
    /// Answers that no request waited for: late ones, second ones, those to somebody else.
    pub unmatched_responses: u64,
    /// Connections after the first.
    pub reconnects: u64,
    /// How long the server took for its last answer that was timed: to a CONNECT, a PINGREQ, or one QoS 1 PUBLISH of
    /// many; `None` before the first.
    pub round_trip: Option<Duration>,
}
