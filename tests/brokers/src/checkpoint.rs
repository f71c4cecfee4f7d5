//! A network that stands still at a chosen packet.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::packets::Packets;

/// Which way a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// From the client.
    Server,
    /// From the server.
    Client,
}

/// Where the network stands still: at the first packet of a type that goes this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which way the packet goes.
    pub to: To,
    /// Its type, as in section 2.1.2.
    pub packet_type: u8,
    /// Whether it is passed on, as the last one.
    pub passed: bool,
}

/// Passes connections on to a server on 127.0.0.1, up to a [`Step`]: then nothing moves until [`Checkpoint::cut`].
#[derive(Debug)]
pub struct Checkpoint {
    port: u16,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Watching,
    Still,
    Cut,
}

impl Checkpoint {
    /// A network that works up to this step.
    pub async fn at(server: u16, step: Step) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = watch::Sender::new(State::Watching);
        let network = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, step, network.clone()));
            }
        });
        Self { port, state, task }
    }

    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Waits until the network stands still.
    pub async fn reached(&self) {
        let mut state = self.state.subscribe();
        state.wait_for(|state| *state != State::Watching).await.expect("the network is there");
    }

    /// Ends the connection that stands still, without a goodbye to anybody. New ones work from now on.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn pass(client: TcpStream, server: u16, step: Step, network: watch::Sender<State>) {
    let Ok(server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], server))).await else {
        return;
    };
    // What the network adds is not to be delay.
    let _no_delay = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // The end of one direction is the end of both.
    tokio::select! {
        () = pipe(from_client, to_server, Some(step).filter(|step| step.to == To::Server), &network) => {}
        () = pipe(from_server, to_client, Some(step).filter(|step| step.to == To::Client), &network) => {}
    }
    // Where the network stands still, nobody learns of an end.
    let mut network = network.subscribe();
    let _gone = network.wait_for(|state| *state != State::Still).await;
}

async fn pipe(
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    step: Option<Step>,
    network: &watch::Sender<State>,
) {
    let mut packets = Packets::of(from);
    while let Some(packet) = packets.next().await {
        let packet_type = packet.first().map(|first| first >> 4);
        let step = step.filter(|step| Some(step.packet_type) == packet_type);
        let stops = network.send_if_modified(|state| {
            let stops = *state == State::Watching && step.is_some();
            if stops {
                *state = State::Still;
            }
            stops
        });
        let passes =
            if stops { step.is_some_and(|step| step.passed) } else { *network.borrow() != State::Still };
        if !passes || to.write_all(&packet).await.is_err() || stops {
            return;
        }
    }
}
