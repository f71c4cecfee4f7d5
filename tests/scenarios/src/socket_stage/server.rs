//! A server that a scenario names, and the connections that come to it.

use std::io;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::Transport;
use super::connection::Connection;

pub(super) struct Server {
    pub(super) address: String,
    /// `None` where nobody listens.
    connections: Option<Receiver<Connection>>,
    /// Removes a Unix domain socket at the end.
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    pub(super) fn new(name: &str, transport: Transport) -> io::Result<Self> {
        match name {
            "nowhere" => {
                let address = "nowhere.invalid:1883".to_owned();
                Ok(Self { address, connections: None, _folder: None })
            }
            #[cfg(unix)]
            "unix" => Self::unix(),
            _ => Self::tcp(name, transport),
        }
    }

    /// The next connection, waited for this long.
    pub(super) fn accept(&self, patience: Duration) -> Option<Connection> {
        self.connections.as_ref()?.recv_timeout(patience).ok()
    }

    fn tcp(name: &str, transport: Transport) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        // A redirect to another host is not a redirect to another port.
        let host = if name == "b" { "localhost" } else { "127.0.0.1" };
        let address = format!("{host}:{port}");
        if name == "closed" {
            return Ok(Self { address, connections: None, _folder: None });
        }
        let connections = serve(move |sender| {
            for stream in listener.incoming().map_while(Result::ok) {
                // What is written goes out at once, or a little later.
                let _delayed = stream.set_nodelay(true);
                let connection = match transport {
                    Transport::Tcp => Some(Connection::Tcp(stream)),
                    Transport::WebSocket => Connection::websocket(stream),
                };
                if connection.is_some_and(|connection| sender.send(connection).is_err()) {
                    return;
                }
            }
        });
        Ok(Self { address, connections: Some(connections), _folder: None })
    }

    #[cfg(unix)]
    fn unix() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("mqtt.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path)?;
        let connections = serve(move |sender| {
            for stream in listener.incoming().map_while(Result::ok) {
                if sender.send(Connection::Unix(stream)).is_err() {
                    return;
                }
            }
        });
        let address = path.to_string_lossy().into_owned();
        Ok(Self { address, connections: Some(connections), _folder: Some(folder) })
    }
}

/// Accepts away from the judge, which may be busy with another connection.
fn serve(accept: impl FnOnce(Sender<Connection>) + Send + 'static) -> Receiver<Connection> {
    let (sender, connections) = channel();
    std::thread::spawn(move || accept(sender));
    connections
}
