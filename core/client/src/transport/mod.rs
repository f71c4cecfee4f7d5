//! Byte streams to a server: dialling, and reading and writing whatever was dialled.

mod tcp;
mod tls;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use polymqtt_proto::error::Error;
use polymqtt_proto::options::{Options, Scheme, Server, TlsOptions};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Dials servers.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    tls: TlsOptions,
}

impl Connector {
    pub(crate) fn new(options: &Options) -> Self {
        Self { tls: options.tls_options().clone() }
    }

    /// Opens a transport to the server: name resolution, TCP, TLS.
    pub(crate) async fn open(self, server: Server) -> Result<Transport, Error> {
        let stream = tcp::connect(&server).await?;
        match server.scheme() {
            Scheme::Mqtts => {
                let stream = tls::handshake(&self.tls, &server, stream).await?;
                Ok(Transport::Tls(Box::new(stream)))
            }
            _ => Ok(Transport::Tcp(stream)),
        }
    }
}

/// An open byte stream.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
