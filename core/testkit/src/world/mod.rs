//! One engine, one broker and the network between them, stepped through virtual time from event to event.

mod commands;
mod faults;

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use polymqtt_proto::Record;
use polymqtt_proto::engine::{
    Action, Answer, Completion, Engine, Event, Request, RequestId, StreamId, Token, Transmit,
};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::Message;
use polymqtt_proto::options::Settings;
use polymqtt_proto::time::Timestamp;

pub use commands::request;

use crate::model_broker::{BrokerConfig, LinkId, ModelBroker};
use crate::pipe::{Direction, Pipe, PipeConfig, Read};

/// How long [`World::complete`] and the like go on before they give up: more than any timeout of the engine's defaults.
const PATIENCE: Duration = Duration::from_secs(900);

/// After Shutdown, the host reads on for this long.
const LINGER: Duration = Duration::from_secs(1);

/// More rounds than this at one point in time mean that something goes in circles.
const MOST_ROUNDS: usize = 100_000;

/// The world.
#[derive(Debug)]
pub struct World {
    /// The engine under test.
    pub engine: Engine,
    /// The server.
    pub broker: ModelBroker,
    /// The time.
    pub now: Timestamp,
    /// How connections opened from now on behave.
    pub network: PipeConfig,
    /// Whether a connection can be opened.
    pub reachable: bool,
    /// Whether messages are taken from streams as they come; they are then in [`World::received`].
    pub takes_messages: bool,
    /// What was taken by the application, in order.
    pub received: Vec<(StreamId, Message)>,
    /// Events of the engine, in order.
    pub events: Vec<Event>,
    /// Whether keys are derived and randomness is given at once, as by any host (default yes).
    pub answers: bool,
    /// How often keys were derived.
    pub derivations: usize,
    /// Questions of the engine that are not answered yet.
    pub requests: VecDeque<(RequestId, Request)>,
    /// Where the engine was told to connect to, in order.
    pub opened: Vec<String>,
    settings: Settings,
    completions: BTreeMap<Token, Completion>,
    /// Tokens that were completed, and how often.
    completed: BTreeMap<Token, usize>,
    last_token: u64,
    wires: BTreeMap<LinkId, Wire>,
    /// The connection of the engine, until it is told that it is closed.
    current: Option<Current>,
    opening: Option<Timestamp>,
    transmit: Transmit,
    unwritten: VecDeque<Bytes>,
    journal: Option<Store>,
    rng: fastrand::Rng,
}

/// A network connection and which ends of it are open.
#[derive(Debug)]
struct Wire {
    pipe: Pipe,
    client_open: bool,
    broker_open: bool,
}

#[derive(Debug)]
struct Current {
    link: LinkId,
    received: BytesMut,
    /// Set by Shutdown: when reading ends.
    shutdown: Option<Timestamp>,
    finished: bool,
}

/// A store that confirms records late.
#[derive(Debug)]
struct Store {
    delay: RangeInclusive<Duration>,
    records: Vec<(u64, Record)>,
    due: VecDeque<(Timestamp, u64)>,
    confirmed: u64,
    /// What earlier engines left.
    before: Vec<Record>,
}

impl World {
    /// An engine with these settings, before its connect, and a broker; `seed` decides everything random.
    #[must_use]
    pub fn new(settings: Settings, broker: BrokerConfig, seed: u64) -> Self {
        let now = Timestamp::from_micros(1_000_000);
        let mut rng = fastrand::Rng::with_seed(seed);
        Self {
            engine: Engine::new(settings.clone(), rng.u128(..).to_le_bytes(), now),
            broker: ModelBroker::new(broker, rng.u64(..)),
            now,
            network: PipeConfig::default(),
            reachable: true,
            takes_messages: false,
            received: Vec::new(),
            events: Vec::new(),
            answers: true,
            derivations: 0,
            requests: VecDeque::new(),
            opened: Vec::new(),
            settings,
            completions: BTreeMap::new(),
            completed: BTreeMap::new(),
            last_token: 0,
            wires: BTreeMap::new(),
            current: None,
            opening: None,
            transmit: Transmit::default(),
            unwritten: VecDeque::new(),
            journal: None,
            rng,
        }
    }

    /// Gives the engine a store that confirms each record after a random time from `delay`.
    pub fn enable_journal(&mut self, delay: RangeInclusive<Duration>) {
        self.engine.enable_journal();
        let (records, before) = (Vec::new(), Vec::new());
        self.journal = Some(Store { delay, records, due: VecDeque::new(), confirmed: 0, before });
    }

    /// A token that was not used before.
    pub fn token(&mut self) -> Token {
        self.last_token += 1;
        Token(self.last_token)
    }

    /// Every operation that ended so far, with the number of its completions: each must be 1.
    #[must_use]
    pub fn completed(&self) -> &BTreeMap<Token, usize> {
        &self.completed
    }

    /// Whether there is a connection, from the network's point of view.
    #[must_use]
    pub fn has_connection(&self) -> bool {
        self.current.is_some()
    }

    /// Runs until the condition holds; whether it came to hold within a quarter of an hour.
    pub fn run_until(&mut self, mut condition: impl FnMut(&mut Self) -> bool) -> bool {
        let until = self.now + PATIENCE;
        self.settle();
        loop {
            if condition(self) {
                return true;
            }
            if !self.step(until) {
                return false;
            }
        }
    }

    /// Runs for this long.
    pub fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.step(until) {}
        self.now = until;
        self.settle();
    }

    /// Goes to the next event that is due by `until`; whether there was one.
    pub fn step(&mut self, until: Timestamp) -> bool {
        self.settle();
        let Some(next) = self.next_event().filter(|next| *next <= until) else {
            return false;
        };
        self.now = self.now.max(next);
        self.settle();
        true
    }

    /// Asserts that the broker saw nothing against the specification and that no operation ended twice.
    pub fn assert_clean(&self) {
        let violations = self.broker.violations();
        assert!(violations.is_empty(), "violations: {violations:#?}");
        let twice: Vec<_> = self.completed.iter().filter(|(_, times)| **times != 1).collect();
        assert!(twice.is_empty(), "operations that ended more than once: {twice:?}");
    }

    fn next_event(&self) -> Option<Timestamp> {
        let wires = self.wires.iter().flat_map(|(link, wire)| {
            let current = self.current.as_ref().filter(|current| current.link == *link);
            let reads = current.is_some() && self.engine.wants_read();
            [
                wire.pipe.deadline(Direction::ToBroker).filter(|_| wire.broker_open),
                wire.pipe.deadline(Direction::ToClient).filter(|_| reads),
            ]
        });
        let own = [
            self.engine.deadline(),
            self.broker.deadline(),
            self.opening,
            self.current.as_ref().and_then(|current| current.shutdown),
            self.journal.as_ref().and_then(|store| store.due.front().map(|(due, _)| *due)),
        ];
        wires.chain(own).flatten().min()
    }

    /// Does everything that is due now.
    pub fn settle(&mut self) {
        for _ in 0..MOST_ROUNDS {
            let mut busy = self.fire_deadlines();
            busy |= self.drain_engine();
            busy |= self.write();
            busy |= self.move_bytes();
            busy |= self.close_ends();
            if !busy {
                return;
            }
        }
        unexpected(&format!(
            "the world goes in circles at {:?}: {:?}",
            self.now,
            self.events.iter().rev().take(4)
        ))
    }

    fn fire_deadlines(&mut self) -> bool {
        let now = self.now;
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let mut busy = false;
        if is_due(self.engine.deadline()) {
            self.engine.handle_deadline(now);
            busy = true;
        }
        if is_due(self.broker.deadline()) {
            self.broker.advance(now);
            busy = true;
        }
        if is_due(self.opening) {
            self.opening = None;
            self.opened_or_not();
            busy = true;
        }
        while let Some(store) = &mut self.journal
            && is_due(store.due.front().map(|(due, _)| *due))
            && let Some((_, number)) = store.due.pop_front()
        {
            store.confirmed = number;
            self.engine.handle_journaled(number);
            busy = true;
        }
        busy
    }

    fn opened_or_not(&mut self) {
        if !self.reachable {
            let error = Error::new(ErrorKind::Transport, "the server can't be reached");
            self.engine.handle_closed(self.now, error);
            return;
        }
        let link = self.broker.open(self.now);
        let pipe = Pipe::new(self.network.clone(), self.rng.u64(..));
        self.wires.insert(link, Wire { pipe, client_open: true, broker_open: true });
        self.current = Some(Current { link, received: BytesMut::new(), shutdown: None, finished: false });
        self.forget_unwritten();
        self.engine.handle_opened(self.now);
    }

    fn drain_engine(&mut self) -> bool {
        let mut busy = false;
        while let Some((token, completion)) = self.engine.poll_completion() {
            *self.completed.entry(token).or_default() += 1;
            self.completions.insert(token, completion);
            busy = true;
        }
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event);
        }
        while let Some((id, request)) = self.engine.poll_request() {
            self.ask(id, request);
            busy = true;
        }
        while let Some((number, record)) = self.engine.poll_journal() {
            if let Some(store) = &mut self.journal {
                let micros = |duration: &Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
                let wait = self.rng.u64(micros(store.delay.start())..=micros(store.delay.end()));
                let due = self.now + Duration::from_micros(wait);
                let due = store.due.back().map_or(due, |(last, _)| due.max(*last));
                store.due.push_back((due, number));
                store.records.push((number, record));
            }
            busy = true;
        }
        while let Some(stream) = self.engine.poll_readable() {
            if self.takes_messages {
                self.take_all(stream);
                busy = true;
            }
        }
        while let Some(action) = self.engine.poll_action() {
            self.act(action);
            busy = true;
        }
        busy
    }

    fn ask(&mut self, id: RequestId, request: Request) {
        match request {
            Request::Randomness if self.answers => {
                let random = std::array::from_fn(|_| self.rng.u8(..));
                self.engine.answer(self.now, id, Answer::Randomness(random));
            }
            Request::DeriveKeys(derivation) if self.answers => {
                self.derivations += 1;
                self.engine.answer(self.now, id, Answer::Keys(derivation.derive()));
            }
            other => self.requests.push_back((id, other)),
        }
    }

    /// Takes everything that a stream has.
    pub fn take_all(&mut self, stream: StreamId) {
        while let Ok(Some(message)) = self.engine.receive(self.now, stream) {
            self.received.push((stream, message));
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Open(server) => {
                self.opened.push(server.to_string());
                self.opening = Some(self.now + *self.network.delay.end());
            }
            Action::Shutdown => {
                self.write();
                if let Some(current) = &mut self.current {
                    current.shutdown = Some(self.now + LINGER);
                }
            }
            Action::Abort => {
                self.opening = None;
                self.closed("aborted");
            }
        }
    }

    /// The client's end of the connection is closed.
    fn closed(&mut self, why: &str) {
        if let Some(current) = self.current.take()
            && let Some(wire) = self.wires.get_mut(&current.link)
        {
            wire.client_open = false;
            wire.pipe.finish(self.now, Direction::ToBroker);
        }
        self.forget_unwritten();
        self.engine
            .handle_closed(self.now, Error::new(ErrorKind::Transport, format!("the connection was {why}")));
    }

    fn forget_unwritten(&mut self) {
        self.transmit = Transmit::default();
        self.unwritten.clear();
    }

    /// Writes as much as there is room for.
    fn write(&mut self) -> bool {
        let Some(current) = &self.current else {
            return false;
        };
        if current.finished {
            return false;
        }
        let (link, ends) = (current.link, current.shutdown.is_some());
        let Some(wire) = self.wires.get_mut(&link) else {
            return false;
        };
        let mut busy = false;
        while let Some(room) = Some(wire.pipe.room(Direction::ToBroker)).filter(|room| *room > 0) {
            if self.unwritten.is_empty() {
                if !self.engine.poll_transmit(&mut self.transmit) {
                    break;
                }
                self.unwritten.extend(self.transmit.chunks.drain(..));
                self.unwritten.push_back(self.transmit.tail.split().freeze());
            }
            let Some(mut chunk) = self.unwritten.pop_front() else {
                break;
            };
            let part = chunk.split_to(chunk.len().min(room));
            if !chunk.is_empty() {
                self.unwritten.push_front(chunk);
            }
            let written = part.len();
            wire.pipe.write(self.now, Direction::ToBroker, part);
            self.engine.handle_written(self.now, written);
            busy = true;
        }
        if ends && self.unwritten.is_empty() {
            wire.pipe.finish(self.now, Direction::ToBroker);
            if let Some(current) = &mut self.current {
                current.finished = true;
            }
            busy = true;
        }
        busy
    }

    fn move_bytes(&mut self) -> bool {
        let now = self.now;
        let mut busy = false;
        for (link, wire) in &mut self.wires {
            let mut buffer = BytesMut::new();
            while wire.broker_open {
                match wire.pipe.read(now, Direction::ToBroker, &mut buffer) {
                    Read::Nothing => break,
                    Read::Piece => self.broker.bytes(*link, now, &mut buffer),
                    Read::End => {
                        self.broker.closed(*link, now);
                        wire.broker_open = false;
                        wire.pipe.finish(now, Direction::ToClient);
                    }
                }
                busy = true;
            }
        }
        for (link, wire) in &mut self.wires {
            let room = wire.pipe.room(Direction::ToClient);
            if let Some(output) = self.broker.output(*link)
                && !output.is_empty()
                && room > 0
            {
                let part = output.split_to(output.len().min(room)).freeze();
                wire.pipe.write(now, Direction::ToClient, part);
                busy = true;
            }
            let finished = self.broker.output(*link).is_none_or(|output| output.is_empty());
            if wire.broker_open && finished && self.broker.wants_close(*link) {
                self.broker.closed(*link, now);
                wire.broker_open = false;
                wire.pipe.finish(now, Direction::ToClient);
                busy = true;
            }
        }
        busy | self.read()
    }

    /// One piece at a time, as a socket would give it.
    fn read(&mut self) -> bool {
        let now = self.now;
        let mut busy = false;
        if self.engine.has_unhandled()
            && let Some(current) = &mut self.current
        {
            self.engine.handle_bytes(now, &mut current.received);
            busy = true;
        }
        while self.engine.wants_read()
            && let Some(current) = &mut self.current
            && let Some(wire) = self.wires.get_mut(&current.link)
        {
            match wire.pipe.read(now, Direction::ToClient, &mut current.received) {
                Read::Nothing => break,
                Read::Piece => self.engine.handle_bytes(now, &mut current.received),
                Read::End => self.closed("closed by the server"),
            }
            busy = true;
        }
        busy
    }

    fn close_ends(&mut self) -> bool {
        let over =
            self.current.as_ref().and_then(|current| current.shutdown).is_some_and(|at| at <= self.now);
        if over {
            self.closed("shut down");
        }
        self.wires.retain(|_, wire| wire.client_open || wire.broker_open);
        over
    }
}

#[expect(clippy::panic, reason = "a test fails by panicking")]
fn unexpected(what: &dyn std::fmt::Debug) -> ! {
    panic!("{what:?}")
}
