//! What is between the server and a client: TCP, with TLS or a WebSocket on top. The server has one port, and knows by
//! the first byte.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::{self, SERVER};
use crate::error::{BenchError, Context};
use crate::task::Task;
use crate::websocket::WebSocket;

/// The way of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Tcp,
    Tls,
    WebSocket,
}

/// A connection, whatever it is made of.
pub(crate) trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// Connects to the server, blocking.
pub(crate) fn dial(task: Task) -> Result<Box<dyn Stream>, BenchError> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, task.port)).context("connect")?;
    stream.set_nodelay(true).context("set TCP_NODELAY")?;
    match task.workload.link {
        Link::Tcp => Ok(Box::new(stream)),
        Link::Tls => {
            let name = ServerName::try_from(SERVER).map_err(BenchError::client)?;
            let config = certificates::client(task.authority()?)?;
            let connection = ClientConnection::new(config, name).map_err(BenchError::client)?;
            Ok(Box::new(StreamOwned::new(connection, stream)))
        }
        Link::WebSocket => Ok(Box::new(WebSocket::connect(stream).context("open a WebSocket")?)),
    }
}

/// Accepts a client's connection, once its first byte is there; over TLS if the server shows itself so.
pub(crate) fn accept(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
) -> Result<Box<dyn Stream>, BenchError> {
    stream.set_nodelay(true).context("set TCP_NODELAY")?;
    let mut first = [0];
    stream.peek(&mut first).context("read")?;
    match first {
        // A TLS record with a handshake message.
        [0x16] => {
            let tls = tls.ok_or(BenchError::Protocol("TLS without certificates"))?;
            let connection = ServerConnection::new(tls).map_err(BenchError::client)?;
            Ok(Box::new(StreamOwned::new(connection, stream)))
        }
        [b'G'] => Ok(Box::new(WebSocket::accept(stream).context("accept a WebSocket")?)),
        _ => Ok(Box::new(stream)),
    }
}

/// Whether a client has gone without a goodbye, which is not the server's concern.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe
    )
}
