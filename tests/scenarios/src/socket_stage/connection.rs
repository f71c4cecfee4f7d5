//! A connection that was accepted, over TCP, a Unix domain socket or a WebSocket.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, accept_hdr};

use crate::stage::Received;

pub(super) enum Connection {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
    /// Packets in binary messages (section 6).
    WebSocket(Box<WebSocket<TcpStream>>),
}

impl Connection {
    /// Takes the client's request for a WebSocket, and names the subprotocol [MQTT-6.0.0-4].
    pub(super) fn websocket(stream: TcpStream) -> Option<Self> {
        #[expect(clippy::result_large_err, reason = "the signature is the callback's")]
        fn name(_request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
            response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("mqtt"));
            Ok(response)
        }
        accept_hdr(stream, name).ok().map(|socket| Self::WebSocket(Box::new(socket)))
    }

    /// The next bytes, waited for this long.
    pub(super) fn read(&mut self, patience: Duration) -> Received {
        // A timeout of zero would be none.
        let patience = Some(patience.max(Duration::from_millis(1)));
        let mut buffer = vec![0; 64 * 1024];
        let read = match self {
            Self::Tcp(stream) => stream.set_read_timeout(patience).and_then(|()| stream.read(&mut buffer)),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_read_timeout(patience).and_then(|()| stream.read(&mut buffer)),
            Self::WebSocket(socket) => {
                return match socket
                    .get_ref()
                    .set_read_timeout(patience)
                    .map_err(Error::from)
                    .and_then(|()| socket.read())
                {
                    Ok(Message::Binary(bytes)) => Received::Bytes(bytes),
                    Ok(Message::Close(_)) => Received::Closed,
                    Ok(_) => Received::Nothing,
                    Err(Error::Io(error)) => nothing_or_end(&error),
                    Err(_closed) => Received::Closed,
                };
            }
        };
        match read {
            Ok(0) => Received::Closed,
            Ok(length) => {
                buffer.truncate(length);
                Received::Bytes(Bytes::from(buffer))
            }
            Err(error) => nothing_or_end(&error),
        }
    }

    /// Writes, as far as the client is there.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        // That the client is gone shows when it is read from.
        let _gone = match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write_all(bytes),
            Self::WebSocket(socket) => {
                socket.send(Message::Binary(Bytes::copy_from_slice(bytes))).map_err(io::Error::other)
            }
        };
    }
}

fn nothing_or_end(error: &io::Error) -> Received {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Received::Nothing,
        _ => Received::Closed,
    }
}
