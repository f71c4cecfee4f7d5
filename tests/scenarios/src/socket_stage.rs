//! A host in another process, and connections over real sockets.

mod connection;
mod server;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

use self::connection::Connection;
use self::server::Server;
use crate::stage::{Heard, Received, Stage};

/// More than any machine needs for what is meant to come at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the servers of a stage speak under MQTT; one that is called `unix` is a Unix domain socket all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// WebSockets, for hosts that have nothing else.
    WebSocket,
}

/// A stage whose host speaks on standard input and is spoken to on standard output.
pub struct SocketStage {
    transport: Transport,
    start: Instant,
    said: Receiver<Value>,
    servers: BTreeMap<String, Server>,
    connection: Option<Connection>,
}

impl SocketStage {
    /// A stage that nobody is connected to.
    #[must_use]
    pub fn new(transport: Transport) -> Self {
        let (sender, said) = channel();
        std::thread::spawn(move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str(&line) else {
                    eprintln!("scripted-broker: the host says what is no JSON: {line}");
                    return;
                };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { transport, start: Instant::now(), said, servers: BTreeMap::new(), connection: None }
    }
}

impl fmt::Debug for SocketStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketStage").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl Stage for SocketStage {
    fn patience(&self) -> Duration {
        PATIENCE
    }

    fn clock(&self) -> Duration {
        self.start.elapsed()
    }

    fn tell(&mut self, line: &Value) {
        let mut output = io::stdout().lock();
        if let Err(error) = writeln!(output, "{line}").and_then(|()| output.flush()) {
            eprintln!("scripted-broker: the host does not listen: {error}");
        }
    }

    fn hear(&mut self, patience: Duration) -> Heard {
        match self.said.recv_timeout(patience) {
            Ok(line) => Heard::Line(line),
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::Gone,
        }
    }

    fn address(&mut self, server: &str) -> Result<String, String> {
        if let Some(server) = self.servers.get(server) {
            return Ok(server.address.clone());
        }
        let made = Server::new(server, self.transport);
        let made = made.map_err(|error| format!("the server {server} can't listen: {error}"))?;
        let address = made.address.clone();
        self.servers.insert(server.to_owned(), made);
        Ok(address)
    }

    fn url(&self, url: String) -> String {
        match url.strip_prefix("mqtt://").filter(|_| self.transport == Transport::WebSocket) {
            Some(server) => format!("ws://{server}/mqtt"),
            None => url,
        }
    }

    fn accept(&mut self, server: &str, patience: Duration) -> bool {
        let connection = self.servers.get(server).and_then(|server| server.accept(patience));
        let accepted = connection.is_some();
        if accepted {
            self.connection = connection;
        }
        accepted
    }

    fn read(&mut self, patience: Duration) -> Received {
        self.connection.as_mut().map_or(Received::Nothing, |connection| connection.read(patience))
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(connection) = &mut self.connection {
            connection.write(bytes);
        }
    }

    fn close(&mut self) {
        self.connection = None;
    }
}
