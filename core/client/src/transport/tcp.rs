//! TCP: name resolution and dialling.

use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::options::Server;
use tokio::net::TcpStream;

use super::dialling;

/// Connects to the first of the server's addresses that answers.
pub(super) async fn connect(server: &Server) -> Result<TcpStream, Error> {
    let found = tokio::net::lookup_host((server.host(), server.port())).await;
    let addresses = found.map_err(|error| unresolved(server, &error.to_string()))?;
    let addresses = dialling::interleaved(addresses);
    if addresses.is_empty() {
        return Err(unresolved(server, "it has no address"));
    }
    let stream =
        dialling::race(addresses, TcpStream::connect).await.map_err(|error| failed(server, &error))?;
    // Packets are gathered before they are written: waiting for more would only add latency.
    let nodelay = stream.set_nodelay(true);
    nodelay.map(|()| stream).map_err(|error| failed(server, &error))
}

fn unresolved(server: &Server, why: &str) -> Error {
    Error::new(ErrorKind::NameResolution, format!("the name of {server} can't be resolved: {why}"))
}

fn failed(server: &Server, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Transport, format!("can't connect to {server}: {error}"))
}
