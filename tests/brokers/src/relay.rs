//! A network between client and server that can be cut and held.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on to a server on 127.0.0.1.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    /// Counts cuts: each ends the connections there are.
    cuts: watch::Sender<usize>,
    held: watch::Sender<bool>,
    begun: watch::Receiver<usize>,
    ended: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Relay {
    /// A network that works until told otherwise.
    pub async fn to(port: u16) -> Self {
        Self::failing(port, Vec::new()).await
    }

    /// A network that cuts its first connections, each after as many bytes (both ways counted) as its entry says.
    pub async fn failing(server: u16, lifetimes: Vec<usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let cuts = watch::Sender::new(0);
        let held = watch::Sender::new(false);
        let (begun_sender, begun) = watch::channel(0);
        let (ended_sender, ended) = watch::channel(0);
        let (cut, hold) = (cuts.clone(), held.clone());
        let task = tokio::spawn(async move {
            let mut lifetimes = lifetimes.into_iter();
            while let Ok((client, _)) = listener.accept().await {
                begun_sender.send_modify(|begun| *begun += 1);
                let mut cut = cut.subscribe();
                let connection = Connection {
                    held: hold.subscribe(),
                    left: Arc::new(AtomicUsize::new(lifetimes.next().unwrap_or(usize::MAX))),
                };
                let ended = ended_sender.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = cut.changed() => {}
                        () = connection.pass(client, server) => {}
                    }
                    ended.send_modify(|ended| *ended += 1);
                });
            }
        });
        Self { port, cuts, held, begun, ended, task }
    }

    /// Its port, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Ends the connections there are, without a goodbye to anybody. New ones work.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Stops passing on what comes, both ways, until [`Relay::release`]; connections stay open.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Goes on after [`Relay::hold`].
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// How many connections have come since the relay began.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.begun.borrow()
    }

    /// Waits until so many connections have ended since the relay began.
    pub async fn ended(&self, connections: usize) {
        let mut ended = self.ended.clone();
        ended.wait_for(|ended| *ended >= connections).await.expect("the relay is there");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

struct Connection {
    held: watch::Receiver<bool>,
    left: Arc<AtomicUsize>,
}

impl Connection {
    /// Until both sides have ended, or one failed, or the lifetime is over.
    async fn pass(self, client: TcpStream, server: u16) {
        let Ok(server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], server))).await else {
            return;
        };
        // What the network adds is not to be delay.
        let _no_delay = (client.set_nodelay(true), server.set_nodelay(true));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let up = self.pipe(from_client, to_server);
        let down = self.pipe(from_server, to_client);
        // An error is the end of both directions.
        let _failed = tokio::try_join!(up, down);
    }

    async fn pipe(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        let mut held = self.held.clone();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = from.read(&mut buffer).await?;
            if held.wait_for(|held| !held).await.is_err() || count == 0 {
                return to.shutdown().await;
            }
            let before = self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(count)))
                .unwrap_or_default();
            let passed = buffer.get(..count.min(before)).unwrap_or_default();
            to.write_all(passed).await?;
            if count >= before {
                return Err(std::io::ErrorKind::ConnectionAborted.into());
            }
        }
    }
}
