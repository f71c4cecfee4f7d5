//! A server that does what the test says, and nothing more.

use bytes::{Buf, BytesMut};
use polymqtt::Version;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Listens on a port of its own.
#[derive(Debug)]
pub struct ScriptedServer(TcpListener);

/// One connection of a [`ScriptedServer`].
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    received: BytesMut,
}

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
        Peer { stream, received: BytesMut::new() }
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
        loop {
            if let Some(length) = packet_length(&self.received)
                && self.received.len() >= length
            {
                let packet = self.received.get(..length).map(<[u8]>::to_vec);
                self.received.advance(length);
                return packet;
            }
            match self.stream.read_buf(&mut self.received).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Sends these bytes.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the client is there");
    }

    /// Sends these bytes as far as the client takes them.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }
}

/// The whole length of the packet at the front, once its remaining length is there [section 2.1.4].
fn packet_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(2 + index + length);
        }
    }
    None
}
