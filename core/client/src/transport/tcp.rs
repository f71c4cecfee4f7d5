//! TCP: name resolution and dialling.

use std::net::SocketAddr;

use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::options::Server;
use tokio::net::TcpStream;

/// Connects to the first of the server's addresses that answers.
pub(super) async fn connect(server: &Server) -> Result<TcpStream, Error> {
    let addresses = resolve(server).await?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Packets are gathered before they are written: waiting for more would only add latency.
                let nodelay = stream.set_nodelay(true);
                return nodelay.map(|()| stream).map_err(|error| failed(server, &error));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(error) => failed(server, &error),
        None => unresolved(server, "it has no address"),
    })
}

async fn resolve(server: &Server) -> Result<Vec<SocketAddr>, Error> {
    match tokio::net::lookup_host((server.host(), server.port())).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => Err(unresolved(server, &error.to_string())),
    }
}

fn unresolved(server: &Server, why: &str) -> Error {
    Error::new(ErrorKind::NameResolution, format!("the name of {server} can't be resolved: {why}"))
}

fn failed(server: &Server, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Transport, format!("can't connect to {server}: {error}"))
}
