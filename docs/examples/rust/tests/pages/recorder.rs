//! A network between client and server that notes the packets.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use polymqtt_proto::codec::PacketLog;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on to a server on 127.0.0.1.
pub(crate) struct Recorder {
    port: u16,
    /// Connections that are open.
    open: watch::Receiver<usize>,
    connections: Arc<Mutex<Vec<Arc<Mutex<Connection>>>>>,
    task: JoinHandle<()>,
}

/// Everything that passed in one run.
pub(crate) struct Recording {
    /// Which run it was.
    pub(crate) name: String,
    /// In the order in which they were opened.
    pub(crate) connections: Vec<Connection>,
}

#[derive(Default)]
pub(crate) struct Connection {
    log: PacketLog,
    pub(crate) packets: Vec<Packet>,
}

pub(crate) struct Packet {
    pub(crate) from_client: bool,
    /// As the packet's `Display` has it.
    pub(crate) line: String,
}

impl Packet {
    /// The words of the line, and the values behind their equals signs.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        let words = self.line.split(' ').map(|word| word.trim_end_matches(','));
        words.flat_map(|word| [word, word.split_once('=').map_or(word, |(_, value)| value)])
    }
}

impl Connection {
    /// The client identifier that CONNECT, or else CONNACK, names.
    pub(crate) fn client_id(&self) -> &str {
        let named = |before| self.packets.iter().find_map(|packet| quoted_behind(&packet.line, before));
        named(" client=\"").filter(|id| !id.is_empty()).or_else(|| named("assigned client \"")).unwrap_or("")
    }

    fn passed(&mut self, from_client: bool, bytes: &[u8]) {
        let packets = &mut self.packets;
        let note = |packet: &polymqtt_proto::codec::LoggedPacket<'_>| {
            packets.push(Packet { from_client, line: packet.to_string() });
        };
        if from_client {
            self.log.sent(bytes, note);
        } else {
            self.log.received(bytes, note);
        }
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for connection in &self.connections {
            writeln!(f, "{}, client {:?}:", self.name, connection.client_id())?;
            for packet in &connection.packets {
                writeln!(f, "  {} {}", if packet.from_client { "->" } else { "<-" }, packet.line)?;
            }
        }
        Ok(())
    }
}

fn quoted_behind<'a>(line: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(before)?;
    rest.split('"').next()
}

impl Recorder {
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (counter, open) = watch::channel(0);
        let connections = Arc::new(Mutex::new(Vec::new()));
        let opened = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let connection = Arc::new(Mutex::new(Connection::default()));
                opened.lock().unwrap().push(Arc::clone(&connection));
                let counter = counter.clone();
                counter.send_modify(|open| *open += 1);
                tokio::spawn(async move {
                    pass(client, server, &connection).await;
                    counter.send_modify(|open| *open -= 1);
                });
            }
        });
        Self { port, open, connections, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Waits until all connections have ended.
    pub(crate) async fn recording(mut self, name: String) -> Recording {
        self.open.wait_for(|open| *open == 0).await.unwrap();
        let connections = std::mem::take(&mut *self.connections.lock().unwrap());
        let take = |connection: Arc<Mutex<Connection>>| std::mem::take(&mut *connection.lock().unwrap());
        let recording = Recording { name, connections: connections.into_iter().map(take).collect() };
        if std::env::var_os("SHOW_PACKETS").is_some() {
            println!("{recording}");
        }
        recording
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Until both sides have ended, or one failed.
async fn pass(client: TcpStream, server: u16, connection: &Mutex<Connection>) {
    let Ok(server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], server))).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = pipe(from_client, to_server, |bytes| connection.lock().unwrap().passed(true, bytes));
    let down = pipe(from_server, to_client, |bytes| connection.lock().unwrap().passed(false, bytes));
    // An error is the end of both directions.
    let _failed = tokio::try_join!(up, down);
}

async fn pipe(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    note: impl Fn(&[u8]),
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        let bytes = buffer.get(..count).unwrap_or_default();
        note(bytes);
        to.write_all(bytes).await?;
    }
}
