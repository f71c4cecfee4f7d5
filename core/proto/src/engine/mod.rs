//! The client's life: commands, reconnecting, the queue, subscriptions, acknowledgements.
//!
//! [`Engine`] is a value that is fed and drained; it has no socket, clock, thread or source of randomness of its own.
//!
//! - **Inputs** (`handle_*`, [`Engine::answer`]): what happened to the transport, bytes, passed deadlines, confirmed
//!   journal records, answers to requests. Every input takes the time.
//! - **Commands** ([`Engine::connect`], [`Engine::publish`], [`Engine::request`], [`Engine::subscribe`], ...): each answers at once whether
//!   it was accepted; its outcome comes later with the caller's [`Token`], exactly once.
//! - **Outputs** (`poll_*`, [`Engine::deadline`], [`Engine::wants_read`], [`Engine::receive`]): drained after inputs
//!   and commands, in any order, until they are empty.
//!
//! The host performs each [`Action`] and reports back with `handle_opened` or `handle_closed`; it writes what
//! [`Engine::poll_transmit`] gives and reports it with `handle_written`. Input that does not fit the state (bytes
//! without a connection, an unknown token) is ignored; nothing panics.

mod acknowledge;
mod acknowledged;
mod authenticate;
mod awaited;
mod backoff;
mod deadlines;
mod dispatch;
mod flapping;
mod goodbye;
mod handshake;
mod headers;
mod journal;
mod life;
mod outbox;
mod output;
mod publish;
mod queue;
mod receive;
mod redirect;
mod requests;
mod response_topic;
mod round_trip;
mod router;
mod servers;
mod status;
mod stream;
mod subscribe;
mod subscriptions;
mod timers;
mod unclaimed;
mod version;

use std::collections::VecDeque;

use bytes::BytesMut;

use self::authenticate::Authenticating;
use self::awaited::Requests;
use self::backoff::Backoff;
use self::flapping::Flapping;
pub use self::goodbye::DisconnectOptions;
use self::life::Life;
use self::outbox::Outbox;
pub use self::outbox::Transmit;
pub use self::output::{
    Action, Answer, Completion, Event, Granted, Metrics, PublishAck, Request, RequestId, Token, Undelivered,
    UnsubscribeAck,
};
pub use self::publish::Rejected;
use self::publish::{Flush, PublishTimeouts};
use self::queue::Queue;
use self::round_trip::RoundTrip;
use self::servers::Servers;
pub use self::status::{ConnectionPhase, Status};
pub use self::stream::{StreamId, StreamOptions, WhenStreamFull};
pub use self::subscribe::SubscribeRequest;
use self::subscriptions::Subscriptions;
use self::timers::Timers;
use self::unclaimed::Unclaimed;
use self::version::Versions;
use crate::codec::{EncodeError, Frames};
use crate::connection::{Connection, Grant};
use crate::error::Error;
use crate::options::Settings;
use crate::session::{Inbound, Journal, Record, Slots};
use crate::text::Utf8String;
use crate::time::Timestamp;

/// One client. See the [module](self) for the contract.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    now: Timestamp,
    life: Life,
    backoff: Backoff,
    flapping: Flapping,
    timers: Timers,
    servers: Servers,
    versions: Versions,
    authenticating: Authenticating,
    client_id: Utf8String,
    /// Names the client where it needs a name and has none.
    number: u128,

    connection: Option<Connection>,
    outbox: Outbox,
    /// Bytes that the host still holds of a packet that is not whole.
    unparsed: usize,
    /// Packets that arrived before reading paused.
    unhandled: Frames,

    slots: Slots,
    inbound: Inbound,
    /// Whether the server has sent more than this side's receive maximum, and not all of it is acknowledged.
    overrun: bool,
    /// Whether an acknowledgement waits for an earlier one.
    acks_held: bool,
    journal: Journal,
    /// Counts accepted messages, for the journal.
    accepted: u64,

    queue: Queue,
    publish_timeouts: PublishTimeouts,
    flushes: Vec<Flush>,
    subscriptions: Subscriptions,
    unclaimed: Unclaimed,
    /// Those of the program, to other clients.
    requests: Requests,

    actions: VecDeque<Action>,
    completions: VecDeque<(Token, Completion)>,
    events: VecDeque<Event>,
    /// Those of the engine, to its host.
    questions: VecDeque<(RequestId, Request)>,
    readable: VecDeque<StreamId>,
    metrics: Metrics,
    round_trip: RoundTrip,
    /// The dropped messages that the last event told of: outgoing, incoming.
    dropped_told: (u64, u64),
}

impl Engine {
    /// An engine that does nothing until [`Engine::connect`].
    ///
    /// `entropy` seeds the jitter of reconnects and, where MQTT 3.1.1 needs one, the client identifier: it need not
    /// be secret, but differ from client to client.
    #[must_use]
    pub fn new(settings: Settings, entropy: [u8; 16], now: Timestamp) -> Self {
        let number = u128::from_le_bytes(entropy);
        Self {
            queue: Queue::new(settings.queue),
            servers: Servers::new(&settings.servers),
            versions: Versions::default(),
            authenticating: Authenticating::default(),
            client_id: settings.client_id.clone(),
            number,
            settings,
            now,
            life: Life::default(),
            backoff: Backoff::new(number as u64),
            flapping: Flapping::default(),
            timers: Timers::default(),
            connection: None,
            outbox: Outbox::default(),
            unparsed: 0,
            unhandled: Frames::default(),
            slots: Slots::default(),
            inbound: Inbound::default(),
            overrun: false,
            acks_held: false,
            journal: Journal::default(),
            accepted: 0,
            publish_timeouts: PublishTimeouts::default(),
            flushes: Vec::new(),
            subscriptions: Subscriptions::default(),
            unclaimed: Unclaimed::default(),
            requests: Requests::new(number),
            actions: VecDeque::new(),
            completions: VecDeque::new(),
            events: VecDeque::new(),
            questions: VecDeque::new(),
            readable: VecDeque::new(),
            metrics: Metrics::default(),
            round_trip: RoundTrip::default(),
            dropped_told: (0, 0),
        }
    }

    /// The next thing to do with the transport.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Swaps the bytes to be written into `transmit`, which must be empty; whether there are any. Its buffers come
    /// back into use, so the host keeps one `Transmit`.
    pub fn poll_transmit(&mut self, transmit: &mut Transmit) -> bool {
        self.outbox.take(&self.journal, transmit)
    }

    /// Whether there is anything that [`Engine::poll_transmit`] or [`Engine::poll_action`] may give.
    #[must_use]
    #[inline]
    pub fn has_output(&self) -> bool {
        self.has_transmit() || self.has_actions()
    }

    /// Whether there are bytes for [`Engine::poll_transmit`], if only ones that wait for the journal.
    #[must_use]
    #[inline]
    pub fn has_transmit(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Whether [`Engine::poll_action`] has something.
    #[must_use]
    #[inline]
    pub fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// When [`Engine::handle_deadline`] is due; may be earlier than needed, never later.
    #[must_use]
    #[inline]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Whether [`Engine::poll_completion`], [`Engine::poll_readable`] or [`Engine::poll_event`] has something.
    #[must_use]
    #[inline]
    pub fn has_news(&self) -> bool {
        !self.completions.is_empty()
            || !self.readable.is_empty()
            || !self.events.is_empty()
            || self.dropped_told != (self.metrics.dropped_outgoing, self.metrics.dropped_incoming)
    }

    /// The next outcome of an operation.
    pub fn poll_completion(&mut self) -> Option<(Token, Completion)> {
        self.completions.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        let dropped = (self.metrics.dropped_outgoing, self.metrics.dropped_incoming);
        if dropped != self.dropped_told {
            let (outgoing, incoming) = (dropped.0 - self.dropped_told.0, dropped.1 - self.dropped_told.1);
            self.dropped_told = dropped;
            self.events.push_back(Event::Dropped { outgoing, incoming });
        }
        self.events.pop_front()
    }

    /// The next question to the host; answered by [`Engine::answer`].
    pub fn poll_request(&mut self) -> Option<(RequestId, Request)> {
        self.questions.pop_front()
    }

    /// Whether [`Engine::poll_request`] has something.
    #[must_use]
    pub fn has_questions(&self) -> bool {
        !self.questions.is_empty()
    }

    /// The next stream that has become readable, or has ended: told once, until [`Engine::receive`] has found it
    /// empty.
    pub fn poll_readable(&mut self) -> Option<StreamId> {
        self.readable.pop_front()
    }

    /// The next record for the store, with its number; confirmed by [`Engine::handle_journaled`].
    pub fn poll_journal(&mut self) -> Option<(u64, Record)> {
        self.journal.poll()
    }

    /// The figures as they stand.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics {
            in_flight: self.slots.len(),
            queued: self.queue.len(),
            queued_bytes: self.queue.bytes(),
            round_trip: self.round_trip.last(),
            requests: self.requests.len(),
            ..self.metrics
        }
    }

    /// What the server granted for the connection as it stands; `None` while there is none.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        self.connection.as_ref().map(|connection| &connection.grant)
    }

    /// The client identifier in use: the server's where it assigned one; empty before that.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The engine's time: never backwards.
    #[inline]
    fn tick(&mut self, now: Timestamp) -> Timestamp {
        self.now = self.now.max(now);
        self.now
    }

    #[inline]
    fn complete(&mut self, token: Token, completion: Completion) {
        if token < Token::OWN {
            self.completions.push_back((token, completion));
        } else if token != Token::NONE {
            self.request_published(token, completion);
        }
    }

    fn fail_publish(&mut self, token: Token, error: Error) {
        self.complete(token, Completion::Published(Err(error)));
    }

    /// Appends a small packet; it overtakes the messages that wait.
    fn put(&mut self, encode: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>) {
        // What is encoded here was checked, or came from the server and fits therefore: nothing is written on error.
        let _unwritable = encode(self.outbox.tail());
    }
}
