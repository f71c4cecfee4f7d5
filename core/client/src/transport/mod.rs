//! Byte streams to a server: dialling, and reading and writing whatever was dialled.

mod dialling;
#[cfg(all(test, polymqtt_loom))]
pub(crate) mod obedient;
mod opening;
mod tcp;
mod tls;
mod unix;
mod websocket;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use polymqtt_proto::error::Error;
use polymqtt_proto::options::{Header, Options, Scheme, Server, TlsOptions};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use self::unix::UnixStream;
use self::websocket::WebSocket;

/// Dials servers.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    tls: TlsOptions,
    maximum_packet_size: u32,
}

impl Connector {
    pub(crate) fn new(options: &Options) -> Self {
        Self { tls: options.tls_options().clone(), maximum_packet_size: options.packet_size_limit() }
    }

    /// Opens a transport to the server: name resolution, TCP, TLS, the WebSocket with these headers.
    pub(crate) async fn open(self, server: Server, headers: Vec<Header>) -> Result<Transport, Error> {
        let limit = self.maximum_packet_size;
        match server.scheme() {
            Scheme::Mqtts => Ok(Transport::Tls(Box::new(self.secure(&server).await?))),
            Scheme::Ws => {
                let stream = tcp::connect(&server).await?;
                let stream = websocket::handshake(&server, &headers, limit, stream).await?;
                Ok(Transport::WebSocket(Box::new(stream)))
            }
            Scheme::Wss => {
                let stream = self.secure(&server).await?;
                let stream = websocket::handshake(&server, &headers, limit, stream).await?;
                Ok(Transport::SecureWebSocket(Box::new(stream)))
            }
            Scheme::Unix => unix::connect(&server).await.map(Transport::Unix),
            _ => tcp::connect(&server).await.map(Transport::Tcp),
        }
    }

    async fn secure(&self, server: &Server) -> Result<TlsStream<TcpStream>, Error> {
        let stream = tcp::connect(server).await?;
        tls::handshake(&self.tls, server, stream).await
    }
}

/// An open byte stream.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
    WebSocket(Box<WebSocket<TcpStream>>),
    SecureWebSocket(Box<WebSocket<TlsStream<TcpStream>>>),
    #[cfg(all(test, polymqtt_loom))]
    Obedient(obedient::Obedient),
}

/// The same call, whatever the stream is.
macro_rules! on_stream {
    ($transport:expr, $stream:ident => $call:expr) => {
        match $transport.get_mut() {
            Self::Tcp($stream) => $call,
            Self::Tls($stream) => $call,
            Self::Unix($stream) => $call,
            Self::WebSocket($stream) => $call,
            Self::SecureWebSocket($stream) => $call,
            #[cfg(all(test, polymqtt_loom))]
            Self::Obedient($stream) => $call,
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}
