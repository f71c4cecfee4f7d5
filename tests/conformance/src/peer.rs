//! The server of a conformance test: what it sends and what it must get are bytes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use polymqtt_proto::codec::Version;
use polymqtt_proto::engine::{
    Action, Completion, DisconnectOptions, Engine, Event, Rejected, Request, RequestId, StreamId,
    SubscribeRequest, Token, Transmit,
};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::Message;
use polymqtt_proto::options::Options;
use polymqtt_proto::time::Timestamp;

use crate::hex;

/// CONNACK of version 5 without a session and without limits.
pub const CONNACK: &str = "20 03 00 00 00";
/// The same, with a session.
pub const CONNACK_SESSION: &str = "20 03 01 00 00";
/// CONNACK of version 3.1.1 without a session.
pub const CONNACK_311: &str = "20 02 00 00";

/// How the client leaves its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// After the last byte was written.
    InOrder,
    /// At once.
    Aborted,
}

/// An engine, seen from the other end of its connection.
#[derive(Debug)]
pub struct Peer {
    /// The client.
    pub engine: Engine,
    /// The time.
    pub now: Timestamp,
    /// What the engine told, in order.
    pub events: Vec<Event>,
    /// What the engine asks its host, in order.
    pub requests: Vec<(RequestId, Request)>,
    completions: BTreeMap<Token, Completion>,
    last_token: u64,
    received: BytesMut,
    written: Vec<u8>,
    opening: bool,
    closed: Option<Closed>,
}

/// Options for a client `c` without a keep alive and without topic aliases, so that packets are short.
///
/// # Panics
/// Never: the address is one.
#[must_use]
pub fn options() -> Options {
    match Options::new("mqtt://server") {
        Ok(options) => options.client_id("c").keep_alive(Duration::ZERO).topic_alias_maximum(0),
        Err(error) => fail(&error),
    }
}

/// As [`options`], for version 3.1.1.
#[must_use]
pub fn options_311() -> Options {
    options_of(Version::V311)
}

/// As [`options`], for this version.
#[must_use]
pub fn options_of(version: Version) -> Options {
    options().version(version)
}

impl Peer {
    /// A client that has a network connection; its CONNECT can be [taken](Peer::sent).
    ///
    /// # Panics
    /// When the options are not valid.
    #[must_use]
    #[track_caller]
    pub fn open(options: Options) -> Self {
        let mut peer = Self::new(options);
        peer.start();
        peer
    }

    /// A client that has got this CONNACK, its CONNECT put away.
    #[must_use]
    #[track_caller]
    pub fn accept(options: Options, connack: &str) -> Self {
        let mut peer = Self::open(options);
        peer.sent();
        peer.send(connack);
        assert!(peer.closed.is_none(), "CONNACK is not taken: {:?}", peer.events);
        peer
    }

    /// A client of version 5 that is connected, without limits.
    #[must_use]
    #[track_caller]
    pub fn connected() -> Self {
        Self::accept(options(), CONNACK)
    }

    /// A client of version 3.1.1 that is connected.
    #[must_use]
    #[track_caller]
    pub fn connected_311() -> Self {
        Self::accept(options_311().clean_start(false), CONNACK_311)
    }

    /// A client that was not told to connect.
    ///
    /// # Panics
    /// When the options are not valid.
    #[must_use]
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "so that tests can chain setters")]
    pub fn new(options: Options) -> Self {
        let now = Timestamp::from_micros(1_000_000);
        let settings = match options.check() {
            Ok(settings) => settings,
            Err(error) => fail(&error),
        };
        Self {
            engine: Engine::new(settings, [7; 16], now),
            now,
            events: Vec::new(),
            requests: Vec::new(),
            completions: BTreeMap::new(),
            last_token: 0,
            received: BytesMut::new(),
            written: Vec::new(),
            opening: false,
            closed: None,
        }
    }

    /// Tells the client to connect, and accepts its connection unless it asks its host first.
    #[track_caller]
    pub fn start(&mut self) -> Token {
        let token = self.token();
        if let Err(error) = self.engine.connect(self.now, token) {
            fail(&error);
        }
        self.drain();
        self.opened();
        token
    }

    /// Accepts the connection that the client opens, if it does.
    pub fn opened(&mut self) {
        if std::mem::take(&mut self.opening) {
            self.received.clear();
            self.engine.handle_opened(self.now);
            self.drain();
        }
    }

    /// Sends bytes to the client.
    #[track_caller]
    pub fn send(&mut self, bytes: &str) {
        self.received.extend_from_slice(&hex::bytes(bytes));
        self.engine.handle_bytes(self.now, &mut self.received);
        self.drain();
    }

    /// The packets that the client has sent since it was asked last.
    ///
    /// # Panics
    /// When that does not end with a whole packet.
    #[track_caller]
    pub fn sent(&mut self) -> Vec<String> {
        self.drain();
        let written = std::mem::take(&mut self.written);
        let mut rest = &written[..];
        let mut packets = Vec::new();
        while !rest.is_empty() {
            let Some((packet, after)) = split_packet(rest) else {
                fail(&format!("a part of a packet: {}", hex::text(rest)));
            };
            packets.push(hex::text(packet));
            rest = after;
        }
        packets
    }

    /// Asserts that the client has sent these packets, and no other, since it was asked last.
    #[track_caller]
    pub fn expect(&mut self, packets: &[&str]) {
        let expected: Vec<_> = packets.iter().map(|packet| hex::text(&hex::bytes(packet))).collect();
        assert_eq!(self.sent(), expected);
    }

    /// Asserts that the client has sent this as its last word, and has closed the connection.
    #[track_caller]
    pub fn expect_end(&mut self, packets: &[&str]) {
        self.expect(packets);
        assert_eq!(self.closed(), Some(Closed::InOrder));
    }

    /// How the client has closed the connection, if it has.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.closed
    }

    /// Lets time pass.
    pub fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(at) = self.engine.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.engine.handle_deadline(self.now);
            self.drain();
        }
        self.now = until;
        self.engine.handle_deadline(self.now);
        self.drain();
    }

    /// Closes the connection, or finds that the client has, and accepts the next one; the CONNECT can be taken.
    #[track_caller]
    pub fn cut(&mut self) {
        self.lose();
        for _ in 0..100 {
            if self.opening {
                return self.opened();
            }
            self.pass(Duration::from_secs(1));
        }
        fail(&format!("the client does not come back: {:?}", self.events));
    }

    /// Closes the connection, or finds that the client has.
    pub fn lose(&mut self) {
        self.closed = None;
        self.written.clear();
        self.received.clear();
        self.engine.handle_closed(self.now, Error::new(ErrorKind::Transport, "cut"));
        self.drain();
    }

    /// Closes the connection and answers the next CONNECT by this CONNACK.
    #[track_caller]
    pub fn cut_and_accept(&mut self, connack: &str) {
        self.cut();
        self.sent();
        self.send(connack);
    }

    /// Publishes.
    ///
    /// # Errors
    /// When the engine does not accept the message.
    pub fn publish(&mut self, message: Message) -> Result<Token, Rejected> {
        let token = self.token();
        self.engine.publish(self.now, message, None, token)?;
        Ok(token)
    }

    /// Subscribes; SUBSCRIBE can be taken.
    ///
    /// # Panics
    /// When the engine does not accept the subscription.
    #[track_caller]
    pub fn subscribe(&mut self, request: SubscribeRequest) -> (StreamId, Token) {
        let token = self.token();
        match self.engine.subscribe(self.now, request, token) {
            Ok(stream) => (stream, token),
            Err(error) => fail(&error),
        }
    }

    /// Disconnects in order.
    ///
    /// # Panics
    /// When the engine does not accept it.
    #[track_caller]
    pub fn disconnect(&mut self, options: DisconnectOptions) -> Token {
        let token = self.token();
        if let Err(error) = self.engine.disconnect(self.now, options, token) {
            fail(&error);
        }
        self.drain();
        token
    }

    /// The next message of a stream; acknowledges the one before.
    ///
    /// # Panics
    /// When the stream has ended.
    #[track_caller]
    pub fn receive(&mut self, stream: StreamId) -> Option<Message> {
        let received = self.engine.receive(self.now, stream);
        self.drain();
        match received {
            Ok(message) => message,
            Err(error) => fail(&error),
        }
    }

    /// The outcome of an operation, if it has ended.
    pub fn outcome(&mut self, token: Token) -> Option<Completion> {
        self.drain();
        self.completions.remove(&token)
    }

    /// A token that was not used before.
    pub fn token(&mut self) -> Token {
        self.last_token += 1;
        Token(self.last_token)
    }

    /// Why the last connection was lost, or the last attempt failed.
    #[must_use]
    pub fn loss(&self) -> Option<&Error> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Disconnected { error, .. } => error.as_ref(),
            _ => None,
        })
    }

    /// The reason code of that, once the connection is closed.
    #[must_use]
    pub fn reason(&self) -> Option<u8> {
        self.loss().and_then(Error::reason_code).map(|code| code as u8)
    }

    fn drain(&mut self) {
        let mut transmit = Transmit::default();
        while self.engine.poll_transmit(&mut transmit) {
            let before = self.written.len();
            transmit.chunks.drain(..).for_each(|chunk| self.written.extend_from_slice(&chunk));
            self.written.extend_from_slice(&transmit.tail.split());
            self.engine.handle_written(self.now, self.written.len() - before);
        }
        while let Some(action) = self.engine.poll_action() {
            match action {
                Action::Open(_) => self.opening = true,
                Action::Shutdown => self.closed = Some(Closed::InOrder),
                Action::Abort => self.closed = Some(Closed::Aborted),
            }
        }
        while let Some((token, completion)) = self.engine.poll_completion() {
            self.completions.insert(token, completion);
        }
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event);
        }
        while let Some(request) = self.engine.poll_request() {
            self.requests.push(request);
        }
        while self.engine.poll_readable().is_some() {}
    }
}

/// The first packet, and what follows it.
fn split_packet(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return bytes.split_at_checked(2 + index + length);
        }
    }
    None
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
#[track_caller]
fn fail(what: &dyn std::fmt::Debug) -> ! {
    panic!("{what:?}")
}
