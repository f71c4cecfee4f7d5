//! WebSockets as byte streams (section 6 of MQTT 5, RFC 6455): packets may be split over messages in any way, and
//! several may share one [MQTT-6.0.0-2].
//!
//! Reserved for a frame is what its head announces, up to the bound; used is what has arrived.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Sink, Stream};
use http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::options::{Header, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_websockets::upgrade::{self, Response};
use tokio_websockets::{ClientBuilder, CloseCode, Limits, Message, WebSocketStream};

use super::opening::Opening;

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
    let mut request = ClientBuilder::from_uri(uri(server)?)
        .limits(Limits::default().max_payload_len(Some(most)))
        .add_header(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL))
        .map_err(|error| unaskable(server, &error))?;
    for header in headers {
        let name = HeaderName::from_bytes(header.name().as_bytes());
        let value = HeaderValue::from_bytes(header.value());
        // Header::check let them pass.
        let (Ok(name), Ok(value)) = (name, value) else { continue };
        request = request.add_header(name, value).map_err(|error| unaskable(server, &error))?;
    }
    let (mut stream, response) =
        request.connect_on(Opening::new(stream)).await.map_err(|error| refused(server, error))?;
    check_subprotocol(server, &response)?;
    stream.get_mut().opened();
    Ok(WebSocket { stream, incoming: Bytes::new(), shut: false })
}

const SUBPROTOCOL: &str = "mqtt";

fn uri(server: &Server) -> Result<Uri, Error> {
    let query = server.query().map(|query| format!("?{query}")).unwrap_or_default();
    let uri = format!("{}://{}{}{query}", server.scheme().name(), server.authority(), server.path());
    uri.parse().map_err(|error: http::uri::InvalidUri| unaskable(server, &error))
}

fn unaskable(server: &Server, error: &dyn std::error::Error) -> Error {
    Error::new(ErrorKind::InvalidOption, format!("no WebSocket can be asked for at {server}: {error}"))
}

/// The server has to take up what was offered [MQTT-6.0.0-4].
fn check_subprotocol(server: &Server, response: &Response) -> Result<(), Error> {
    let taken = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL).map(HeaderValue::as_bytes);
    if taken == Some(SUBPROTOCOL.as_bytes()) {
        return Ok(());
    }
    let what = match taken {
        Some(_) => "it names another subprotocol",
        None => "it names no subprotocol",
    };
    let what = format!("{server} does not speak MQTT over its WebSocket [MQTT-6.0.0-4]: {what}");
    Err(Error::new(ErrorKind::Unsupported, what))
}

fn refused(server: &Server, error: tokio_websockets::Error) -> Error {
    use tokio_websockets::Error as WebSocketError;
    match error {
        WebSocketError::Upgrade(upgrade::Error::DidNotSwitchProtocols(status)) => {
            let kind = match StatusCode::from_u16(status) {
                Ok(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => ErrorKind::NotAuthorized,
                _ => ErrorKind::Refused,
            };
            let status = StatusCode::from_u16(status).map_or(status.to_string(), |status| status.to_string());
            Error::new(kind, format!("{server} refused the WebSocket: HTTP status {status}"))
        }
        WebSocketError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            let what = format!("{server} closed the connection during the WebSocket handshake");
            Error::new(ErrorKind::Transport, what)
        }
        WebSocketError::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            Error::new(ErrorKind::Protocol, format!("the WebSocket handshake with {server} failed: {error}"))
        }
        WebSocketError::Io(error) => {
            Error::new(ErrorKind::Transport, format!("the WebSocket handshake with {server} failed: {error}"))
        }
        error => {
            Error::new(ErrorKind::Protocol, format!("the WebSocket handshake with {server} failed: {error}"))
        }
    }
}

/// The bytes within the binary messages of a WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocket<S> {
    stream: WebSocketStream<Opening<S>>,
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
                Some(Err(error)) => return Poll::Ready(Err(failed(error))),
                None => return Poll::Ready(Ok(None)),
            };
            if message.is_binary() {
                let bytes: Bytes = message.into_payload().into();
                if !bytes.is_empty() {
                    return Poll::Ready(Ok(Some(bytes)));
                }
            } else if message.is_text() {
                let what = "the server sent text over the WebSocket: MQTT is binary [MQTT-6.0.0-1]";
                return Poll::Ready(Err(protocol(what.to_owned())));
            } else if let Some((code, reason)) = message.as_close().filter(|_| !self.shut) {
                let outcome = closed(code, reason).map_or(Ok(None), Err);
                // The answer is on its way as far as the stream takes it; nothing depends on it.
                let _answered = Pin::new(&mut self.stream).poll_flush(cx);
                return Poll::Ready(outcome);
            }
            // Pings were answered below. The server's half of our own closing ends the connection next.
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
            Pin::new(&mut self.stream).start_send(Message::binary(payload)).map_err(failed)?;
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
        if !std::mem::replace(&mut socket.shut, true) {
            let goodbye = Message::close(Some(CloseCode::NORMAL_CLOSURE), "");
            match Pin::new(&mut socket.stream).start_send(goodbye) {
                // The server was first.
                Ok(()) | Err(tokio_websockets::Error::AlreadyClosed) => {}
                Err(error) => return Poll::Ready(Err(failed(error))),
            }
        }
        Pin::new(&mut socket.stream).poll_flush(cx).map_err(failed)
    }
}

/// Why the server closed the WebSocket, unless it was in order.
fn closed(code: CloseCode, reason: &str) -> Option<io::Error> {
    if [CloseCode::NORMAL_CLOSURE, CloseCode::GOING_AWAY, CloseCode::NO_STATUS_RECEIVED].contains(&code) {
        return None;
    }
    let what = format!("the server closed the WebSocket with code {}: {reason:?}", u16::from(code));
    Some(io::Error::new(io::ErrorKind::ConnectionAborted, what))
}

/// An error that is more than one of the stream below holds what it is.
fn failed(error: tokio_websockets::Error) -> io::Error {
    match error {
        tokio_websockets::Error::Io(error) => error,
        tokio_websockets::Error::AlreadyClosed => {
            io::Error::new(io::ErrorKind::ConnectionAborted, "the WebSocket is closed")
        }
        tokio_websockets::Error::PayloadTooLong { len, max_len } => {
            let what =
                format!("the server sent {len} bytes in one WebSocket message: at most {max_len} are taken");
            io::Error::other(Error::new(ErrorKind::PacketTooLarge, what))
        }
        error => protocol(format!("the server broke the WebSocket protocol: {error}")),
    }
}

fn protocol(what: String) -> io::Error {
    io::Error::other(Error::new(ErrorKind::Protocol, what))
}
