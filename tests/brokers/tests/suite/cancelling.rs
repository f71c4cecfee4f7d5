//! Futures that are dropped before they are done.

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use polymqtt::{Client, ErrorKind, QoS, QueueOptions};
use polymqtt_broker_tests::{Mosquitto, ScriptedServer, VERSIONS, bounded, each, options};

/// Polls a future once and drops it; its output, if it was done.
fn give_up<F: IntoFuture>(future: F) -> Option<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future.into_future()).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn a_dropped_recv_loses_nothing() {
    each(async |case| {
        let client = case.connect().await;
        let mut stream = client.subscribe("r").qos(QoS::AtLeastOnce).await.unwrap();
        for n in 0..100_u8 {
            client.publish("r", vec![n]).qos(QoS::AtLeastOnce).enqueue().await.unwrap();
        }
        let (mut received, mut given_up) = (Vec::new(), 0);
        while received.len() < 100 {
            match give_up(stream.recv()) {
                Some(message) => received.push(message.unwrap().unwrap().payload()[0]),
                None => {
                    given_up += 1;
                    tokio::task::yield_now().await;
                }
            }
        }
        assert!(given_up > 0);
        assert!(received.into_iter().eq(0..100));
    })
    .await;
}

#[tokio::test]
async fn a_dropped_publish_that_was_not_accepted_is_not_sent() {
    for version in VERSIONS {
        bounded("publish", async {
            let mut broker = Mosquitto::start("");
            let small = QueueOptions { max_messages: 1, ..QueueOptions::default() };
            let client = Client::connect(options(&broker.url(), version).queue(small)).await.unwrap();
            let mut stream = client.subscribe("p").qos(QoS::AtLeastOnce).await.unwrap();
            let mut events = client.events();
            broker.kill();
            events.recv().await.unwrap();
            let first = client.publish("p", "first").qos(QoS::AtLeastOnce).enqueue().await.unwrap();
            assert!(give_up(client.publish("p", "not accepted").qos(QoS::AtLeastOnce)).is_none());
            assert!(give_up(client.publish("p", "nor this").qos(QoS::AtLeastOnce).enqueue()).is_none());
            let publish = client.publish("p", "second").qos(QoS::AtLeastOnce);
            let second = async {
                broker.restart();
                publish.await.unwrap();
            };
            let (first, ()) = tokio::join!(first, second);
            first.unwrap();
            for expected in ["first", "second"] {
                assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok(expected));
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_dropped_publish_that_was_accepted_goes_its_way() {
    each(async |case| {
        let client = case.connect().await;
        let mut stream = client.subscribe("p").qos(QoS::ExactlyOnce).await.unwrap();
        assert!(give_up(client.publish("p", "accepted").qos(QoS::ExactlyOnce)).is_none());
        assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok("accepted"));
    })
    .await;
}

#[tokio::test]
async fn a_dropped_subscribe_is_undone() {
    for version in VERSIONS {
        bounded("subscribe", async {
            let server = ScriptedServer::start().await;
            let (client, mut peer) =
                tokio::join!(Client::connect(options(&server.url(), version)), server.connected(version));
            let client = client.unwrap();
            assert!(give_up(client.subscribe("s")).is_none());
            assert_eq!(peer.packet().await.unwrap()[0], 0x82, "SUBSCRIBE");
            assert_eq!(peer.packet().await.unwrap()[0], 0xA2, "UNSUBSCRIBE");
        })
        .await;
    }
}

#[tokio::test]
async fn a_dropped_connect_gives_up() {
    let server = ScriptedServer::start().await;
    bounded("connect", async {
        let (peer, ()) = tokio::join!(server.accept(), async {
            let connecting = Client::connect(server.url());
            tokio::select! {
                _ = connecting => panic!("nobody answered"),
                () = async { for _ in 0..20 { tokio::task::yield_now().await; } } => {}
            }
        });
        let mut peer = peer;
        // CONNECT may have been sent or not; nothing else comes, and the connection ends.
        if let Some(packet) = peer.packet().await {
            assert_eq!(packet[0], 0x10);
            assert_eq!(peer.packet().await, None);
        }
    })
    .await;
}

#[tokio::test]
async fn a_publish_can_be_withdrawn_or_time_out() {
    for version in VERSIONS {
        bounded("publish", async {
            let mut broker = Mosquitto::start("");
            let client = Client::connect(options(&broker.url(), version)).await.unwrap();
            let mut events = client.events();
            broker.kill();
            events.recv().await.unwrap();
            let publish = || client.publish("p", "").qos(QoS::ExactlyOnce);
            let withdrawn = publish().enqueue().await.unwrap();
            withdrawn.cancel();
            assert_eq!(withdrawn.await.unwrap_err().kind(), ErrorKind::Cancelled);
            let late = publish().timeout(Duration::from_millis(10)).await;
            assert_eq!(late.unwrap_err().kind(), ErrorKind::Timeout);
            assert_eq!(client.metrics().queued, 0);
        })
        .await;
    }
}
