//! A host in another process, and connections over TCP.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use crate::stage::{Heard, Received, Stage};

/// More than any machine needs for what is meant to come at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// A stage whose host speaks on standard input and is spoken to on standard output.
#[derive(Debug)]
pub struct SocketStage {
    start: Instant,
    said: Receiver<Value>,
    servers: BTreeMap<String, Server>,
    connection: Option<TcpStream>,
}

#[derive(Debug)]
struct Server {
    address: String,
    /// `None` where nobody listens.
    connections: Option<Receiver<TcpStream>>,
}

impl SocketStage {
    /// A stage that nobody is connected to.
    #[must_use]
    pub fn new() -> Self {
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
        Self { start: Instant::now(), said, servers: BTreeMap::new(), connection: None }
    }
}

impl Default for SocketStage {
    fn default() -> Self {
        Self::new()
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
        let made =
            Server::new(server).map_err(|error| format!("the server {server} can't listen: {error}"))?;
        let address = made.address.clone();
        self.servers.insert(server.to_owned(), made);
        Ok(address)
    }

    fn accept(&mut self, server: &str, patience: Duration) -> bool {
        let connections = self.servers.get(server).and_then(|server| server.connections.as_ref());
        let Some(Ok(connection)) = connections.map(|connections| connections.recv_timeout(patience)) else {
            return false;
        };
        self.connection = Some(connection);
        true
    }

    fn read(&mut self, patience: Duration) -> Received {
        let Some(connection) = &mut self.connection else {
            return Received::Nothing;
        };
        // A timeout of zero would be none.
        let patience = patience.max(Duration::from_millis(1));
        let mut buffer = vec![0; 64 * 1024];
        let read = connection.set_read_timeout(Some(patience)).and_then(|()| connection.read(&mut buffer));
        match read {
            Ok(0) => Received::Closed,
            Ok(length) => {
                buffer.truncate(length);
                Received::Bytes(Bytes::from(buffer))
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Received::Nothing
            }
            Err(_reset) => Received::Closed,
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(connection) = &mut self.connection {
            // That the client is gone shows when it is read from.
            let _gone = connection.write_all(bytes);
        }
    }

    fn close(&mut self) {
        self.connection = None;
    }
}

impl Server {
    fn new(name: &str) -> io::Result<Self> {
        if name == "nowhere" {
            return Ok(Self { address: "nowhere.invalid:1883".to_owned(), connections: None });
        }
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        // A redirect to another host is not a redirect to another port.
        let host = if name == "b" { "localhost" } else { "127.0.0.1" };
        let address = format!("{host}:{port}");
        if name == "closed" {
            return Ok(Self { address, connections: None });
        }
        let (sender, connections) = channel();
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let delayed = connection.set_nodelay(true);
                if delayed.is_err() || sender.send(connection).is_err() {
                    return;
                }
            }
        });
        Ok(Self { address, connections: Some(connections) })
    }
}
