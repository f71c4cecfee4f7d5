//! A program that reads slowly, and QoS 0 messages that its stream has no room for: with each policy, and where
//! reading may pause, none is lost.

use polymqtt::{Client, QoS, StreamOptions, Subscription, Version, WhenStreamFull};
use polymqtt_broker_tests::{Peer, ScriptedServer, VERSIONS, bounded, options};

/// Messages from which on the stream is full; while reading can't pause it takes twice as many.
const BOUND: usize = 2;
const SENT: u8 = 20;

/// A client with a stream of [`BOUND`] messages.
async fn subscribed(version: Version, when_full: WhenStreamFull) -> (Client, Subscription, Peer) {
    let server = ScriptedServer::start().await;
    let client = Client::connect(options(&server.url(), version)).prepare().unwrap();
    let stream = StreamOptions { max_messages: BOUND, when_full, ..StreamOptions::default() };
    let stream = client.subscribe("s").stream(stream).declare().unwrap();
    let (started, mut peer) = tokio::join!(client.start(), server.connected(version));
    started.unwrap();
    let subscribe = peer.packet().await.unwrap();
    let suback = [&subscribe[2..4], properties(version), &[0]].concat();
    peer.send(&[&[0x90, suback.len() as u8][..], &suback].concat()).await;
    (client, stream, peer)
}

fn properties(version: Version) -> &'static [u8] {
    if version == Version::V5 { &[0] } else { &[] }
}

/// Sends [`SENT`] messages of QoS 0, each a byte that counts them.
async fn flood(peer: &mut Peer, version: Version) {
    for n in 0..SENT {
        let publish = [b"\0\x01s", properties(version), &[n]].concat();
        peer.send(&[&[0x30, publish.len() as u8][..], &publish].concat()).await;
    }
}

async fn received(stream: &mut Subscription, count: usize) -> Vec<u8> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        numbers.extend_from_slice(stream.recv().await.unwrap().unwrap().payload());
    }
    numbers
}

#[tokio::test]
async fn each_policy_where_reading_can_not_pause() {
    let policies =
        [(WhenStreamFull::DropNewest, [0, 1, 2, 3]), (WhenStreamFull::DropOldest, [16, 17, 18, 19])];
    for version in VERSIONS {
        for (when_full, kept) in policies {
            bounded(&format!("{when_full:?}, MQTT {version}"), async {
                let (client, mut stream, mut peer) = subscribed(version, when_full).await;
                // What is waited for travels behind the messages: reading goes on.
                let delivery = client.publish("a", "").qos(QoS::AtLeastOnce).enqueue().await.unwrap();
                let publish = peer.packet().await.unwrap();
                flood(&mut peer, version).await;
                peer.send(&[0x40, 2, publish[5], publish[6]]).await;
                delivery.await.unwrap();
                assert_eq!(client.metrics().dropped_incoming, u64::from(SENT) - 4);
                assert_eq!(received(&mut stream, 4).await, kept);
            })
            .await;
        }
    }
}

#[tokio::test]
async fn none_is_lost_where_reading_may_pause() {
    for version in VERSIONS {
        for when_full in [WhenStreamFull::DropNewest, WhenStreamFull::DropOldest] {
            bounded(&format!("{when_full:?}, MQTT {version}"), async {
                let (client, mut stream, mut peer) = subscribed(version, when_full).await;
                flood(&mut peer, version).await;
                let all: Vec<u8> = (0..SENT).collect();
                assert_eq!(received(&mut stream, all.len()).await, all);
                assert_eq!(client.metrics().dropped_incoming, 0);
            })
            .await;
        }
    }
}
