//! WebSockets as byte streams (section 6 of MQTT 5, RFC 6455): packets may be split over messages in any way, and
//! several may share one [MQTT-6.0.0-2].
//!
//! Reserved for a frame is what its head announces, up to the bound; used is what has arrived.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Sink, Stream};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::options::{Header, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::{Request, generate_key};
use tokio_tungstenite::tungstenite::http::{StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// Read from the stream below at once. Each connection holds as much, busy or not.
const READ_SIZE: usize = 8 * 1024;

/// The most payload of one message that is sent: servers bound what they take.
const MESSAGE_SIZE: usize = 64 * 1024;

/// What a received message may hold beside one packet of the largest size: more packets.
const BESIDE: usize = 1024 * 1024;

/// Asks the server for a WebSocket that carries MQTT [MQTT-6.0.0-3].
pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    server: &Server,
    headers: &[Header],
    maximum_packet_size: u32,
    stream: S,
) -> Result<WebSocket<S>, Error> {
    let most = usize::try_from(maximum_packet_size).unwrap_or(usize::MAX).saturating_add(BESIDE);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_SIZE)
        // What the driver gives is a batch already.
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MESSAGE_SIZE)
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    let request = request(server, headers)?;
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((stream, _response)) => Ok(WebSocket { stream, incoming: Bytes::new(), shut: false }),
        Err(error) => Err(refused(server, error)),
    }
}

fn request(server: &Server, headers: &[Header]) -> Result<Request, Error> {
    let authority = server.authority();
    let query = server.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut request = Request::builder()
        .uri(format!("{}://{authority}{}{query}", server.scheme().name(), server.path()))
        .header(header::HOST, authority)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, generate_key())
        .header(header::SEC_WEBSOCKET_PROTOCOL, "mqtt");
    for header in headers {
        request = request.header(header.name(), header.value());
    }
    request.body(()).map_err(|error| {
        Error::new(ErrorKind::InvalidOption, format!("no WebSocket can be asked for at {server}: {error}"))
    })
}

fn refused(server: &Server, error: tungstenite::Error) -> Error {
    match error {
        tungstenite::Error::Http(response) => {
            let status = response.status();
            let kind = match status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::NotAuthorized,
                _ => ErrorKind::Refused,
            };
            Error::new(kind, format!("{server} refused the WebSocket: HTTP status {status}"))
        }
        tungstenite::Error::Io(error) => {
            Error::new(ErrorKind::Transport, format!("the WebSocket handshake with {server} failed: {error}"))
        }
        tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete) => {
            let what = format!("{server} closed the connection during the WebSocket handshake");
            Error::new(ErrorKind::Transport, what)
        }
        tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(error)) => {
            let what = format!("{server} does not speak MQTT over its WebSocket [MQTT-6.0.0-4]: {error}");
            Error::new(ErrorKind::Unsupported, what)
        }
        error => {
            Error::new(ErrorKind::Protocol, format!("the WebSocket handshake with {server} failed: {error}"))
        }
    }
}

/// The bytes within the binary messages of a WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocket<S> {
    stream: WebSocketStream<S>,
    /// What is left of the message that is being read.
    incoming: Bytes,
    /// Whether our side is closed.
    shut: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// The next message with content; `None` at the end.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            let message = match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(message)) => message,
                // Closed without the handshake, as a server that is killed does.
                None
                | Some(Err(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                    return Poll::Ready(Ok(None));
                }
                Some(Err(error)) => return Poll::Ready(Err(failed(error))),
            };
            match message {
                Message::Binary(bytes) if !bytes.is_empty() => return Poll::Ready(Ok(Some(bytes))),
                // Pings were answered below.
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => {}
                // The server's half of our own closing: it ends the connection next.
                Message::Close(_) if self.shut => {}
                Message::Close(frame) => {
                    // The answer is on its way as far as the stream takes it; nothing depends on it.
                    let _answered = Pin::new(&mut self.stream).poll_flush(cx);
                    return Poll::Ready(closed(frame).map_or(Ok(None), Err));
                }
                Message::Text(_) | Message::Frame(_) => {
                    let what = "the server sent text over the WebSocket: MQTT is binary [MQTT-6.0.0-1]";
                    return Poll::Ready(Err(protocol(what.to_owned())));
                }
            }
        }
    }

    /// Sends one message of what `fill` puts into a buffer; gives its size.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        length: usize,
        fill: impl FnOnce(&mut BytesMut),
    ) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.stream).poll_ready(cx)).map_err(failed)?;
        let mut payload = BytesMut::with_capacity(length.min(MESSAGE_SIZE));
        fill(&mut payload);
        let length = payload.len();
        if length > 0 {
            Pin::new(&mut self.stream).start_send(Message::Binary(payload.freeze())).map_err(failed)?;
        }
        Poll::Ready(Ok(length))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        if socket.incoming.is_empty() {
            socket.incoming = ready!(socket.poll_message(cx))?.unwrap_or_default();
        }
        let length = socket.incoming.len().min(buf.remaining());
        buf.put_slice(&socket.incoming.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = bufs.iter().map(|buf| buf.len()).sum();
        self.get_mut().poll_send(cx, length, |payload| {
            for buf in bufs {
                payload.extend(buf.take(MESSAGE_SIZE - payload.len()).chunk());
            }
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx).map_err(failed)
    }

    /// Begins the closing handshake; reading to the end completes it (RFC 6455, section 7.1.1).
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        socket.shut = true;
        Pin::new(&mut socket.stream).poll_close(cx).map_err(failed)
    }
}

/// Why the server closed the WebSocket, unless it was in order.
fn closed(frame: Option<CloseFrame>) -> Option<io::Error> {
    let CloseFrame { code, reason } = frame?;
    if matches!(code, CloseCode::Normal | CloseCode::Away) {
        return None;
    }
    let what =
        format!("the server closed the WebSocket with code {}: {:?}", u16::from(code), reason.as_str());
    Some(io::Error::new(io::ErrorKind::ConnectionAborted, what))
}

/// An error that is more than one of the stream below holds what it is.
fn failed(error: tungstenite::Error) -> io::Error {
    match error {
        tungstenite::Error::Io(error) => error,
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
            io::Error::new(io::ErrorKind::ConnectionAborted, "the WebSocket is closed")
        }
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            let what = format!(
                "the server sent {size} bytes in one WebSocket message: at most {max_size} are taken"
            );
            io::Error::other(Error::new(ErrorKind::PacketTooLarge, what))
        }
        error => protocol(format!("the server broke the WebSocket protocol: {error}")),
    }
}

fn protocol(what: String) -> io::Error {
    io::Error::other(Error::new(ErrorKind::Protocol, what))
}
