//! A server that does what the test says, and nothing more.

use polymqtt::Version;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::packets::Packets;

/// Listens on a port of its own.
#[derive(Debug)]
pub struct ScriptedServer(TcpListener);

/// One connection of a [`ScriptedServer`].
#[derive(Debug)]
pub struct Peer(Packets<TcpStream>);

impl ScriptedServer {
    /// A server that nobody is connected to.
    pub async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.expect("a free port"))
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.0.local_addr().expect("an address"))
    }

    /// The next connection.
    pub async fn accept(&self) -> Peer {
        let (stream, _) = self.0.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Peer(Packets::of(stream))
    }

    /// The next connection, its CONNECT taken and answered by a plain CONNACK.
    pub async fn connected(&self, version: Version) -> Peer {
        let connack: &[u8] = if version == Version::V5 { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] };
        self.connected_by(connack).await
    }

    /// The next connection, its CONNECT taken and answered by these bytes.
    pub async fn connected_by(&self, connack: &[u8]) -> Peer {
        let mut peer = self.accept().await;
        let connect = peer.packet().await.expect("a packet");
        assert_eq!(connect.first(), Some(&0x10), "CONNECT goes first");
        peer.send(connack).await;
        peer
    }
}

impl Peer {
    /// The next packet, its fixed header included; `None` at the end of the connection.
    pub async fn packet(&mut self) -> Option<Vec<u8>> {
        self.0.next().await
    }

    /// Sends these bytes.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.0.from.write_all(bytes).await.expect("the client is there");
    }

    /// Sends these bytes as far as the client takes them.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.from.write_all(bytes).await
    }
}
