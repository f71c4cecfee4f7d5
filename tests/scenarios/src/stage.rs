//! Where a scenario is played: the host that has the client, and the network that the broker is reached by.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// A host and a network.
pub trait Stage {
    /// How long what is expected may take to come.
    fn patience(&self) -> Duration;

    /// The time since any moment of old.
    fn clock(&self) -> Duration;

    /// Says a line to the host.
    fn tell(&mut self, line: &Value);

    /// The next line of the host, waited for this long.
    fn hear(&mut self, patience: Duration) -> Heard;

    /// Where the server of this name is, as host and port: `closed` is one where nobody listens, `nowhere` one whose
    /// name is not known; others listen from the first time that they are asked for.
    ///
    /// # Errors
    /// Why it can't listen.
    fn address(&mut self, server: &str) -> Result<String, String>;

    /// The URL by which what a scenario names `mqtt://...` is reached.
    fn url(&self, url: String) -> String {
        url
    }

    /// Takes the next connection to this server, waited for this long: from then on it is the one that is read and
    /// written. Whether one came.
    fn accept(&mut self, server: &str, patience: Duration) -> bool;

    /// The next bytes of the connection, waited for this long.
    fn read(&mut self, patience: Duration) -> Received;

    /// Writes to the connection, as far as it is open.
    fn write(&mut self, bytes: &[u8]);

    /// Closes the connection.
    fn close(&mut self);
}

/// What the host says.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A line.
    Line(Value),
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    Gone,
}

/// What a connection gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Bytes.
    Bytes(Bytes),
    /// Nothing yet.
    Nothing,
    /// Its end.
    Closed,
}
