//! The tests stand in for the driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::time::Instant;

use polymqtt_proto::engine::Token;
use polymqtt_proto::message::Message;
use polymqtt_proto::options::Options;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::*;
use crate::connected;
use crate::transport::Transport;

/// Counts how often the driver was woken.
#[derive(Default)]
struct Wakings(AtomicUsize);

impl Wake for Wakings {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connected client whose driver rests.
struct Resting {
    shared: Shared,
    wakings: Arc<Wakings>,
}

impl Resting {
    /// With the server's end of its connection.
    async fn new() -> (Self, TcpStream) {
        let (stream, server) = connected::streams().await;
        let options = Options::new("mqtt://server").unwrap();
        let shared = connected::shared(&options, Instant::now() - 2 * RUN);
        let wakings = Arc::new(Wakings::default());
        let mut state = shared.lock().unwrap();
        let (waker, wanted) = (Arc::clone(&wakings).into(), Wanted::by(&state.engine));
        state.park(Parked::new(waker, wanted, Some(Wire::new(Transport::Tcp(stream), None))));
        drop(state);
        (Self { shared, wakings }, server)
    }

    fn publish(&self, payload: Vec<u8>) {
        let message = Message::new("a", payload).unwrap();
        let publish = |state: &mut State, _: &mut Wakes| {
            state.engine.publish(Timestamp::ZERO, message, None, Token::NONE).map(drop)
        };
        self.shared.with(publish).unwrap().unwrap();
    }

    fn wakings(&self) -> usize {
        self.wakings.0.load(Ordering::Relaxed)
    }

    fn unpark(&self) -> Unparked {
        self.shared.lock().unwrap().unpark(Waker::noop())
    }
}

const PUBLISH: &[u8] = b"\x30\x05\0\x01a\0!";

#[tokio::test]
async fn what_there_is_to_send_is_written_without_the_driver() {
    let (client, mut server) = Resting::new().await;
    client.publish(b"!".into());
    let mut received = [0; PUBLISH.len()];
    server.read_exact(&mut received).await.unwrap();
    assert_eq!((&received[..], client.wakings()), (PUBLISH, 0));
    assert!(matches!(client.unpark(), Unparked::Wire(wire) if wire.is_clear()));
}

#[tokio::test]
async fn a_run_of_messages_is_the_drivers() {
    let (client, server) = Resting::new().await;
    let just_now = client.shared.now() + Duration::from_secs(3600);
    client.shared.lock().unwrap().written = just_now;
    client.publish(b"!".into());
    client.publish(b"!".into());
    assert_eq!(client.wakings(), 1);
    assert_eq!(server.try_read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn what_the_transport_does_not_take_now_is_left_to_the_driver() {
    let (client, _server) = Resting::new().await;
    client.publish(vec![0; 64 << 20]);
    assert_eq!(client.wakings(), 1);
    assert!(matches!(client.unpark(), Unparked::Wire(wire) if !wire.is_clear()));
}

#[tokio::test]
async fn the_driver_learns_that_the_connection_broke() {
    let (client, server) = Resting::new().await;
    server.set_zero_linger().unwrap();
    drop(server);
    client.publish(b"!".into());
    assert_eq!(client.wakings(), 1);
    assert!(matches!(client.unpark(), Unparked::Wire(wire) if !wire.is_clear()));
}
