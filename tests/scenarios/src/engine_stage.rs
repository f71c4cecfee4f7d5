//! The engine as a host, and the network between it and the broker, in virtual time.

mod commands;
mod network;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::BytesMut;
use polymqtt_proto::engine::{Action, Answer, Engine, Request, Transmit};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::options::Server;
use polymqtt_proto::time::Timestamp;
use serde_json::Value;

use self::commands::Program;
use self::network::Network;
use crate::stage::{Heard, Received, Stage};

/// More than any timeout of the engine's defaults: where nothing can come any more, time is cheap.
const PATIENCE: Duration = Duration::from_secs(600);

/// After [`Action::Shutdown`], a host reads on for this long.
const LINGER: Duration = Duration::from_secs(1);

/// A stage in one process and one thread: what it says and does depends on nothing but the scenario.
#[derive(Debug)]
pub struct EngineStage {
    now: Timestamp,
    engine: Option<Engine>,
    program: Program,
    network: Network,
    /// What the engine has read of, and could not take yet.
    received: BytesMut,
    transmit: Transmit,
    /// When reading ends after a shutdown.
    lingers: Option<Timestamp>,
    reports: VecDeque<Value>,
    drawn: u8,
}

impl Default for EngineStage {
    fn default() -> Self {
        Self {
            now: Timestamp::from_micros(1_000_000),
            engine: None,
            program: Program::default(),
            network: Network::default(),
            received: BytesMut::new(),
            transmit: Transmit::default(),
            lingers: None,
            reports: VecDeque::new(),
            drawn: 0,
        }
    }
}

impl Stage for EngineStage {
    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn clock(&self) -> Duration {
        Duration::from_micros(self.now.as_micros())
    }

    fn tell(&mut self, line: &Value) {
        self.command(line);
        self.settle();
    }

    fn hear(&mut self, patience: Duration) -> Heard {
        match self.wait_for(patience, |stage| stage.reports.pop_front()) {
            Some(line) => Heard::Line(line),
            None => Heard::Nothing,
        }
    }

    fn address(&mut self, server: &str) -> Result<String, String> {
        Ok(if server == "unix" { "/unix.sock".to_owned() } else { format!("{server}.test:1883") })
    }

    fn accept(&mut self, server: &str, patience: Duration) -> bool {
        self.wait_for(patience, |stage| stage.network.accept(server)).is_some()
    }

    fn read(&mut self, patience: Duration) -> Received {
        self.wait_for(patience, |stage| stage.network.broker_reads()).unwrap_or(Received::Nothing)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.network.broker_writes(bytes);
        self.settle();
    }

    fn close(&mut self) {
        self.network.broker_closes();
        self.settle();
    }
}

impl EngineStage {
    /// Lets time pass until there is what is looked for.
    fn wait_for<T>(&mut self, patience: Duration, look: impl Fn(&mut Self) -> Option<T>) -> Option<T> {
        let until = self.now + patience;
        self.settle();
        loop {
            if let Some(found) = look(self) {
                return Some(found);
            }
            let deadline = self.engine.as_ref().and_then(Engine::deadline);
            let next = [deadline, self.lingers].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
                self.settle();
                return look(self);
            };
            self.now = self.now.max(next);
            self.settle();
        }
    }

    /// Does everything that is due now.
    fn settle(&mut self) {
        while self.turn() {}
    }

    fn turn(&mut self) -> bool {
        let now = self.now;
        let Some(engine) = &mut self.engine else {
            return false;
        };
        if engine.deadline().is_some_and(|at| at <= now) {
            engine.handle_deadline(now);
        }
        let mut busy = false;
        if let Some((id, request)) = engine.poll_request() {
            match request {
                Request::Randomness => {
                    self.drawn = self.drawn.wrapping_add(1);
                    engine.answer(now, id, Answer::Randomness([self.drawn; 24]));
                }
                Request::DeriveKeys(derivation) => engine.answer(now, id, Answer::Keys(derivation.derive())),
                other => {
                    let question = self.program.asked(id, &other);
                    self.reports.extend(question);
                }
            }
            busy = true;
        }
        busy |= self.program.turn(engine, now, &mut self.reports);
        if let Some(action) = engine.poll_action() {
            self.act(action);
            busy = true;
        }
        busy | self.write_out() | self.read_in() | self.end_linger()
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Open(server) => self.open(&server),
            Action::Shutdown => {
                self.write_out();
                self.network.client_closes();
                self.lingers = Some(self.now + LINGER);
            }
            Action::Abort => {
                self.network.client_closes();
                self.closed(Error::new(ErrorKind::Transport, "the connection was aborted"));
            }
        }
    }

    fn open(&mut self, server: &Server) {
        // A Unix domain socket has no host, but a path.
        let host =
            if server.host().is_empty() { server.path().trim_start_matches('/') } else { server.host() };
        let name = host.split('.').next().unwrap_or_default();
        match name {
            "closed" => self.closed(Error::new(ErrorKind::Transport, "connection refused")),
            "nowhere" => self.closed(Error::new(ErrorKind::NameResolution, "the name is not known")),
            name => {
                self.network.open(name);
                if let Some(engine) = &mut self.engine {
                    engine.handle_opened(self.now);
                }
            }
        }
    }

    fn closed(&mut self, error: Error) {
        self.network.forget();
        self.received.clear();
        self.transmit = Transmit::default();
        self.lingers = None;
        if let Some(engine) = &mut self.engine {
            engine.handle_closed(self.now, error);
        }
    }

    fn write_out(&mut self) -> bool {
        let Some(engine) = &mut self.engine else {
            return false;
        };
        if !self.network.is_open() || !engine.poll_transmit(&mut self.transmit) {
            return false;
        }
        let mut written = 0;
        for chunk in self.transmit.chunks.drain(..) {
            written += chunk.len();
            self.network.client_writes(&chunk);
        }
        written += self.transmit.tail.len();
        self.network.client_writes(&self.transmit.tail.split());
        engine.handle_written(self.now, written);
        true
    }

    fn read_in(&mut self) -> bool {
        let Some(engine) = &mut self.engine else {
            return false;
        };
        if engine.has_unhandled() {
            engine.handle_bytes(self.now, &mut self.received);
            return true;
        }
        if !engine.wants_read() {
            return false;
        }
        match self.network.client_reads() {
            Received::Nothing => false,
            Received::Bytes(bytes) => {
                self.received.extend_from_slice(&bytes);
                engine.handle_bytes(self.now, &mut self.received);
                true
            }
            Received::Closed => {
                self.closed(Error::new(ErrorKind::Transport, "the server closed the connection"));
                true
            }
        }
    }

    fn end_linger(&mut self) -> bool {
        let over = self.lingers.is_some_and(|at| at <= self.now);
        if over {
            self.closed(Error::new(ErrorKind::Transport, "the connection was shut down"));
        }
        over
    }
}
