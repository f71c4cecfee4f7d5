//! The host of one engine, and the program that uses it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::BytesMut;
use polymqtt_proto::Record;
use polymqtt_proto::codec::{Packet, RetainHandling, SubscriptionOptions, UserProperties};
use polymqtt_proto::connection::AuthenticationReply;
use polymqtt_proto::engine::{
    Action, Answer, DisconnectOptions, Engine, Request, RequestId, StreamId, StreamOptions, SubscribeRequest,
    Token, Transmit, WhenStreamFull,
};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::{Acknowledgement, Message};
use polymqtt_proto::options::{Credentials, Settings};
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::TopicFilter;

use super::peer::Peer;
use super::program::{How, Network, PASSWORD, Setup, Step};
use super::server::{self, TOPICS, choose, qos, reason};

const FILTERS: [&str; 7] = ["a", "a/b", "+/b", "#", "$share/g/b/#", "$SYS/#", "ü"];

/// More rounds than this without a new byte or a later time mean that something goes in circles.
const MOST_ROUNDS: usize = 10_000;

/// More deadlines than this are not waited for in one step.
const MOST_DEADLINES: usize = 300;

pub(super) struct Host {
    engine: Engine,
    settings: Settings,
    now: Timestamp,
    network: Network,
    opening: bool,
    /// The server's end, while there is a connection.
    peer: Option<Peer>,
    /// Sent by the server, not read yet.
    wire: BytesMut,
    received: BytesMut,
    piece: usize,
    stalls: bool,
    hesitates: bool,
    transmit: Transmit,
    questions: VecDeque<(RequestId, Request)>,
    journals: bool,
    records: Vec<Record>,
    unconfirmed: VecDeque<u64>,
    /// Begun operations, and how often each has ended.
    operations: BTreeMap<Token, usize>,
    /// Those of them that are requests.
    requests: BTreeSet<Token>,
    last_token: u64,
    streams: Vec<StreamId>,
    messages: Vec<Message>,
}

impl Host {
    /// A host of an engine with these options, where they fit together.
    pub(super) fn new(setup: &Setup) -> Option<Self> {
        let settings = setup.settings().ok()?;
        let now = Timestamp::from_micros(1_000_000);
        let mut engine = Engine::new(settings.clone(), [3; 16], now);
        if setup.journal {
            engine.enable_journal();
        }
        Some(Self {
            engine,
            settings,
            now,
            network: Network::Reachable,
            opening: false,
            peer: None,
            wire: BytesMut::new(),
            received: BytesMut::new(),
            piece: usize::MAX,
            stalls: false,
            hesitates: setup.hesitates,
            transmit: Transmit::default(),
            questions: VecDeque::new(),
            journals: setup.journal,
            records: Vec::new(),
            unconfirmed: VecDeque::new(),
            operations: BTreeMap::new(),
            requests: BTreeSet::new(),
            last_token: 0,
            streams: Vec::new(),
            messages: Vec::new(),
        })
    }

    pub(super) fn connect(&mut self) {
        let token = self.token();
        let started = self.engine.connect(self.now, token);
        self.begun(token, &started);
        self.settle();
    }

    pub(super) fn step(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Publish { topic, qos, retain, size, expiry, timeout } => {
                let mut message = message(topic, qos, usize::from(size) * 8).with_retain(retain);
                message.properties_mut().message_expiry_interval = expiry.map(u32::from);
                let token = self.token();
                let timeout = timeout.map(|tenths| Duration::from_millis(u64::from(tenths) * 100));
                let outcome = self.engine.publish(now, message, timeout, token);
                self.begun(token, &outcome);
            }
            Step::Request { topic, qos, timeout } => {
                let token = self.token();
                let timeout = Duration::from_millis(u64::from(timeout) * 100);
                let outcome = self.engine.request(now, message(topic, qos, 3), timeout, token);
                self.begun(token, &outcome);
                self.requests.insert(token);
            }
            Step::Subscribe { filters, options, bounds, manual, partial, declares } => {
                let request = subscribe_request(filters, options, bounds, manual, partial);
                self.subscribe(request, declares);
            }
            Step::Unsubscribe { stream } => {
                if let Some(stream) = pick(&self.streams, stream) {
                    let token = self.token();
                    let outcome = self.engine.unsubscribe(now, stream, UserProperties::new(), token);
                    self.begun(token, &outcome);
                }
            }
            Step::UnsubscribeFilter { filter } => {
                let filters = vec![TopicFilter::try_from(choose(&FILTERS, filter)).expect("a filter")];
                let token = self.token();
                let outcome = self.engine.unsubscribe_filters(now, filters, UserProperties::new(), token);
                self.begun(token, &outcome);
            }
            Step::Release { stream } => {
                if let Some(stream) = pick(&self.streams, stream) {
                    self.engine.release(now, stream);
                }
            }
            Step::Unclaimed { bounds, manual } => {
                let stream = self.engine.unclaimed(now, stream_options(bounds, manual));
                self.streams.extend(stream.ok());
            }
            Step::Receive { stream, most } => {
                if let Some(stream) = pick(&self.streams, stream) {
                    let most = usize::from(most);
                    let _ended = self.engine.receive_many(now, stream, most, &mut self.messages);
                }
            }
            Step::Acknowledge { message, reason: code } => self.acknowledge(message, code),
            Step::Flush => {
                let token = self.token();
                self.operations.insert(token, 0);
                self.engine.flush(now, token);
            }
            Step::Cancel { token } => {
                self.engine.cancel(now, Token(token.into()));
            }
            Step::ForgetRequest { token } => self.forget_request(Token(token.into())),
            Step::Reauthenticate => {
                let token = self.token();
                let outcome = self.engine.reauthenticate(now, token);
                self.begun(token, &outcome);
            }
            Step::Disconnect { timeout, with_will, session_expiry, words } => {
                let options = DisconnectOptions {
                    timeout: Duration::from_millis(u64::from(timeout) * 100),
                    with_will,
                    session_expiry: session_expiry.map(|seconds| Duration::from_secs(seconds.into())),
                    reason_string: words.then(|| Utf8String::from_static("bye")),
                    user_properties: UserProperties::new(),
                };
                self.disconnect(options);
            }
            Step::Close => self.engine.close(now, Error::new(ErrorKind::Closed, "the program ends")),
            Step::Answer { question, how } => {
                let number = usize::from(question) % self.questions.len().max(1);
                if let Some((id, request)) = self.questions.remove(number) {
                    self.answer(id, request, how);
                }
            }
            Step::Journaled { all } => {
                let most = if all { self.unconfirmed.len() } else { 1 };
                for number in self.unconfirmed.drain(..most.min(self.unconfirmed.len())) {
                    self.engine.handle_journaled(number);
                }
            }
            Step::Restart { snapshot } => self.restart(snapshot),
            Step::Stall(stalls) => self.stalls = stalls,
            Step::Pieces(size) => self.piece = usize::from(size).wrapping_sub(1).max(1),
            Step::Network(network) => self.network = network,
            Step::Opened => self.opened(),
            Step::Wait { milliseconds } => self.wait(now + Duration::from_millis(milliseconds.into())),
            Step::NextDeadline => {
                if let Some(deadline) = self.engine.deadline() {
                    self.wait(deadline.max(now));
                }
            }
            Step::Comply { session_present } => self.comply(session_present),
            Step::Send(packet) => {
                if let Some(peer) = &self.peer
                    && let Some(packet) = server::packet(peer, &packet)
                {
                    self.send(&packet);
                }
            }
            Step::Raw(bytes) => {
                if let Some(peer) = &mut self.peer {
                    peer.sent_raw = true;
                    self.wire.extend_from_slice(&bytes);
                }
            }
            Step::Respond { wrong, qos } => {
                if let Some(peer) = &self.peer
                    && let Some(packet) = server::response(peer, wrong, qos)
                {
                    self.send(&packet);
                }
            }
            Step::Hangup => {
                self.settle();
                self.closed("by the server");
            }
        }
    }

    fn token(&mut self) -> Token {
        self.last_token += 1;
        Token(self.last_token)
    }

    /// What was refused has no outcome.
    fn begun<T, E>(&mut self, token: Token, outcome: &Result<T, E>) {
        if outcome.is_ok() {
            self.operations.insert(token, 0);
        }
    }

    fn subscribe(&mut self, request: SubscribeRequest, declares: bool) {
        if declares {
            self.streams.extend(self.engine.declare(self.now, request).ok());
            return;
        }
        let token = self.token();
        let outcome = self.engine.subscribe(self.now, request, token);
        self.begun(token, &outcome);
        self.streams.extend(outcome.ok());
    }

    fn acknowledge(&mut self, message: u8, code: Option<u8>) {
        if self.messages.is_empty() {
            return;
        }
        let number = usize::from(message) % self.messages.len();
        // Some are acknowledged again.
        let message =
            if message < 200 { self.messages.swap_remove(number) } else { self.messages[number].clone() };
        match code {
            None => self.engine.acknowledge(self.now, &message),
            Some(code) => {
                let answer = Acknowledgement::with_reason(reason(code));
                let _refused = self.engine.acknowledge_with(self.now, &message, answer);
            }
        }
    }

    /// What is forgotten has no outcome any more.
    fn forget_request(&mut self, token: Token) {
        if self.requests.contains(&token) && self.operations.get(&token) == Some(&0) {
            self.operations.remove(&token);
        }
        self.engine.forget_request(self.now, token);
    }

    fn disconnect(&mut self, options: DisconnectOptions) {
        let token = self.token();
        let outcome = self.engine.disconnect(self.now, options, token);
        self.begun(token, &outcome);
    }

    /// The process is killed, and begins again with what it kept.
    fn restart(&mut self, snapshot: bool) {
        let records = if snapshot { self.engine.snapshot() } else { std::mem::take(&mut self.records) };
        self.engine = Engine::new(self.settings.clone(), [5; 16], self.now);
        self.peer = None;
        self.opening = false;
        self.forget_bytes();
        self.questions.clear();
        self.unconfirmed.clear();
        self.operations.clear();
        self.streams.clear();
        self.messages.clear();
        if self.journals {
            self.engine.enable_journal();
            self.records.clone_from(&records);
        }
        self.engine.restore(self.now, records);
        self.connect();
    }

    fn send(&mut self, packet: &Packet) {
        if let Some(peer) = &mut self.peer
            && packet.encode(peer.version, &mut self.wire).is_ok()
        {
            peer.send(packet);
        }
    }

    /// The server answers everything.
    fn comply(&mut self, session_present: bool) {
        let connected = self.engine.grant().is_some();
        let Some(peer) = &mut self.peer else {
            return;
        };
        let packets = std::mem::take(&mut peer.unanswered);
        for packet in packets {
            if let Some(peer) = &self.peer
                && let Some(answer) = server::answer(peer, &packet, session_present, connected)
            {
                self.send(&answer);
            }
        }
    }

    /// Until the engine has nothing more to say for now.
    pub(super) fn settle(&mut self) {
        for _ in 0..MOST_ROUNDS {
            let mut busy = self.drain();
            busy |= self.write();
            busy |= self.read();
            if !busy {
                self.look();
                return;
            }
        }
        panic!("goes in circles at {:?}", self.now);
    }

    fn look(&self) {
        let metrics = self.engine.metrics();
        assert!(metrics.in_flight <= usize::from(u16::MAX), "{metrics:?}");
        assert!(metrics.queued > 0 || metrics.queued_bytes == 0, "{metrics:?}");
        let shown = format!("{:?}", self.engine.status(self.now));
        assert!(!shown.contains(PASSWORD), "{shown}");
    }

    fn drain(&mut self) -> bool {
        let mut busy = false;
        while let Some((token, completion)) = self.engine.poll_completion() {
            let times = self.operations.get_mut(&token);
            let times = times.unwrap_or_else(|| panic!("{token:?} was not begun: {completion:?}"));
            *times += 1;
            assert_eq!(*times, 1, "{token:?} ended again: {completion:?}");
            busy = true;
        }
        while let Some(event) = self.engine.poll_event() {
            let shown = format!("{event} {event:?}");
            assert!(!shown.contains(PASSWORD), "{shown}");
            busy = true;
        }
        while let Some((id, request)) = self.engine.poll_request() {
            if self.hesitates {
                self.questions.push_back((id, request));
            } else {
                self.answer(id, request, How::Right);
            }
            busy = true;
        }
        while let Some((number, record)) = self.engine.poll_journal() {
            assert!(self.journals, "a record without a journal: {record:?}");
            self.records.push(record);
            self.unconfirmed.push_back(number);
            busy = true;
        }
        while self.engine.poll_readable().is_some() {}
        while let Some(action) = self.engine.poll_action() {
            self.act(&action);
            busy = true;
        }
        busy
    }

    fn answer(&mut self, id: RequestId, request: Request, how: How) {
        let answer = match (how, request) {
            (How::Failed, _) => Answer::Failed(Error::new(ErrorKind::NotAuthorized, "the host can't say")),
            (How::Beside, Request::Randomness) => Answer::Credentials(Credentials::default()),
            (How::Beside, _) => Answer::Randomness([9; 24]),
            (How::Right, Request::Credentials { .. }) => {
                Answer::Credentials(Credentials::new("bob", PASSWORD).expect("they can be sent"))
            }
            (How::Right, Request::Randomness) => Answer::Randomness([9; 24]),
            (How::Right, Request::DeriveKeys(derivation)) => Answer::Keys(derivation.derive()),
            (How::Right, _) => Answer::Authenticate(AuthenticationReply::new("step")),
        };
        self.engine.answer(self.now, id, answer);
    }

    fn act(&mut self, action: &Action) {
        match action {
            Action::Open(server) => {
                assert!(self.peer.is_none() && !self.opening, "a second connection, to {server}");
                self.opening = true;
                match self.network {
                    Network::Reachable => self.opened(),
                    Network::Unreachable => self.closed("never opened"),
                    Network::Slow => {}
                }
            }
            Action::Shutdown => {
                self.stalls = false;
                self.write();
                self.closed("shut down");
            }
            Action::Abort => self.closed("aborted"),
        }
    }

    fn opened(&mut self) {
        if std::mem::take(&mut self.opening) {
            self.peer = Some(Peer::default());
            self.engine.handle_opened(self.now);
        }
    }

    fn closed(&mut self, why: &str) {
        if self.peer.take().is_none() && !std::mem::take(&mut self.opening) {
            return;
        }
        self.forget_bytes();
        self.engine.handle_closed(self.now, Error::new(ErrorKind::Transport, why));
    }

    fn forget_bytes(&mut self) {
        self.wire.clear();
        self.received.clear();
        self.stalls = false;
    }

    fn write(&mut self) -> bool {
        let Some(peer) = self.peer.as_mut().filter(|_| !self.stalls) else {
            return false;
        };
        if !self.engine.poll_transmit(&mut self.transmit) {
            return false;
        }
        let mut bytes = BytesMut::new();
        self.transmit.chunks.drain(..).for_each(|chunk| bytes.extend_from_slice(&chunk));
        bytes.unsplit(self.transmit.tail.split());
        peer.receive(&bytes, self.engine.grant().map(|grant| &grant.limits));
        self.engine.handle_written(self.now, bytes.len());
        true
    }

    fn read(&mut self) -> bool {
        if self.peer.is_none() {
            return false;
        }
        if self.engine.has_unhandled() {
            self.engine.handle_bytes(self.now, &mut self.received);
            return true;
        }
        if self.wire.is_empty() || !self.engine.wants_read() {
            return false;
        }
        let piece = self.wire.split_to(self.piece.min(self.wire.len()));
        self.received.unsplit(piece);
        self.engine.handle_bytes(self.now, &mut self.received);
        true
    }

    /// Time passes, and every deadline with it.
    fn wait(&mut self, until: Timestamp) {
        for _ in 0..MOST_DEADLINES {
            let Some(deadline) = self.engine.deadline().filter(|deadline| *deadline <= until) else {
                break;
            };
            self.now = self.now.max(deadline);
            self.engine.handle_deadline(self.now);
            self.settle();
        }
        self.now = self.now.max(until);
    }

    /// Whatever happened before, a disconnect ends the client within its timeout, and every operation with it.
    pub(super) fn end(&mut self) {
        self.network = Network::Unreachable;
        if self.opening {
            self.closed("never opened");
        }
        for number in self.unconfirmed.drain(..) {
            self.engine.handle_journaled(number);
        }
        self.settle();
        self.disconnect(DisconnectOptions {
            timeout: Duration::from_secs(1),
            ..DisconnectOptions::default()
        });
        self.settle();
        // A server that reads no more is closed by the deadline of the goodbye.
        self.wait(self.now + Duration::from_secs(600));
        self.settle();
        assert!(self.engine.is_ended(), "the client goes on: {:?}", self.engine.status(self.now));
        let endless: BTreeSet<_> = self.operations.iter().filter(|(_, times)| **times != 1).collect();
        assert!(endless.is_empty(), "operations without an end: {endless:?}");
        for stream in std::mem::take(&mut self.streams) {
            self.empty(stream);
        }
    }

    /// A stream of a client that has ended comes to its end.
    fn empty(&mut self, stream: StreamId) {
        for _ in 0..100_000 {
            match self.engine.receive(self.now, stream) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{stream:?} goes on, though the client has ended"),
                Err(_) => return,
            }
        }
        panic!("{stream:?} has no end");
    }
}

fn message(topic: u8, level: u8, size: usize) -> Message {
    let message = Message::new(choose(&TOPICS, topic), vec![b'x'; size]).expect("a topic");
    message.with_qos(qos(level))
}

fn subscribe_request(
    filters: [u8; 2],
    options: u8,
    bounds: u8,
    manual: bool,
    partial: bool,
) -> SubscribeRequest {
    let retain_handling = choose(
        &[RetainHandling::SendAtSubscribe, RetainHandling::SendIfNew, RetainHandling::DoNotSend],
        options >> 4,
    );
    let options = SubscriptionOptions {
        maximum_qos: qos(options),
        no_local: options & 4 != 0,
        retain_as_published: options & 8 != 0,
        retain_handling,
    };
    let filters = filters.into_iter().filter(|number| *number < 250);
    SubscribeRequest {
        filters: filters
            .map(|number| (TopicFilter::try_from(choose(&FILTERS, number)).expect("a filter"), options))
            .collect(),
        stream: stream_options(bounds, manual),
        allow_partial: partial,
        user_properties: UserProperties::new(),
    }
}

fn stream_options(bounds: u8, manual_ack: bool) -> StreamOptions {
    StreamOptions {
        max_messages: usize::from(bounds % 8),
        max_bytes: 64 << (bounds % 8),
        when_full: if bounds & 8 == 0 { WhenStreamFull::DropNewest } else { WhenStreamFull::DropOldest },
        manual_ack,
    }
}

fn pick<T: Copy>(among: &[T], number: u8) -> Option<T> {
    among.get(usize::from(number) % among.len().max(1)).copied()
}
