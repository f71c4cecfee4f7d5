//! Unix domain sockets, where the system has them.

use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::options::Server;

#[cfg(unix)]
pub(super) use tokio::net::UnixStream;

/// Stands where there is none; never made.
#[cfg(not(unix))]
pub(super) type UnixStream = tokio::net::TcpStream;

#[cfg(unix)]
pub(super) async fn connect(server: &Server) -> Result<UnixStream, Error> {
    UnixStream::connect(server.path())
        .await
        .map_err(|error| Error::new(ErrorKind::Transport, format!("can't connect to {server}: {error}")))
}

#[cfg(not(unix))]
pub(super) async fn connect(server: &Server) -> Result<UnixStream, Error> {
    let what = format!("can't connect to {server}: this system has no Unix domain sockets");
    Err(Error::new(ErrorKind::Unsupported, what))
}
