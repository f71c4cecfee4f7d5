//! The end: draining, what could not be delivered, what a closed client answers.

use std::time::Duration;

use polymqtt::{Client, DisconnectOptions, ErrorKind, QoS, Undelivered, Version};
use polymqtt_broker_tests::{Mosquitto, Relay, ScriptedServer, VERSIONS, bounded, each, options};

fn within(timeout: Duration) -> DisconnectOptions {
    DisconnectOptions { timeout, ..DisconnectOptions::default() }
}

#[tokio::test]
async fn a_disconnect_delivers_what_was_accepted() {
    each(async |case| {
        let watcher = case.connect().await;
        let mut stream = watcher.subscribe("drain").qos(QoS::ExactlyOnce).await.unwrap();
        let client = case.connect().await;
        let mut deliveries = Vec::new();
        for n in 0..300_u16 {
            let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(n % 3)];
            let publish = client.publish("drain", n.to_be_bytes().to_vec()).qos(qos);
            deliveries.push(publish.enqueue().await.unwrap());
        }
        assert_eq!(client.disconnect().await.unwrap(), Undelivered::default());
        for delivery in deliveries {
            delivery.await.unwrap();
        }
        let mut received = Vec::new();
        for _ in 0..300 {
            received.push(stream.recv().await.unwrap().unwrap().payload().to_vec());
        }
        received.sort_unstable();
        assert!(received.into_iter().eq((0..300_u16).map(|n| n.to_be_bytes().to_vec())));
    })
    .await;
}

#[tokio::test]
async fn dropping_the_last_handle_delivers_too() {
    each(async |case| {
        let watcher = case.connect().await;
        let mut stream = watcher.subscribe("drain").qos(QoS::AtLeastOnce).await.unwrap();
        let client = case.connect().await;
        for n in 0..200_u8 {
            client.publish("drain", vec![n]).qos(QoS::AtLeastOnce).enqueue().await.unwrap();
        }
        drop(client);
        for n in 0..200_u8 {
            assert_eq!(stream.recv().await.unwrap().unwrap().payload(), [n]);
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_server_did_not_acknowledge_is_reported() {
    // Receive maximum 2: two are sent, three wait.
    let v5: (Version, &[u8], _) = (Version::V5, &[0x20, 6, 0, 0, 3, 0x21, 0, 2], (3, 2));
    let v311: (Version, &[u8], _) = (Version::V311, &[0x20, 2, 0, 0], (0, 5));
    for (version, connack, (queued, unacknowledged)) in [v5, v311] {
        bounded(&format!("MQTT {version}"), async {
            let server = ScriptedServer::start().await;
            let (client, mut peer) =
                tokio::join!(Client::connect(options(&server.url(), version)), server.connected_by(connack));
            let client = client.unwrap();
            let mut deliveries = Vec::new();
            for n in 0..5 {
                let publish = client.publish("d", vec![n]).qos(QoS::AtLeastOnce);
                deliveries.push(publish.enqueue().await.unwrap());
            }
            let sent = 5 - queued;
            for _ in 0..sent {
                assert_eq!(peer.packet().await.unwrap()[0] & 0xF0, 0x30);
            }
            let goodbye = async {
                assert_eq!(peer.packet().await.unwrap()[0], 0xE0, "DISCONNECT");
                assert_eq!(peer.packet().await, None);
                drop(peer);
            };
            let timeout = within(Duration::from_millis(20));
            let (undelivered, ()) = tokio::join!(client.disconnect_with(timeout), goodbye);
            assert_eq!(undelivered.unwrap(), Undelivered { queued, unacknowledged });
            for (index, delivery) in deliveries.into_iter().enumerate() {
                let kind = delivery.await.unwrap_err().kind();
                let expected = if index < sent { ErrorKind::Indeterminate } else { ErrorKind::Closed };
                assert_eq!(kind, expected, "message {index}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn what_waits_for_a_broker_that_is_gone_is_reported() {
    for version in VERSIONS {
        bounded("disconnect", async {
            let mut broker = Mosquitto::start("");
            let client = Client::connect(options(&broker.url(), version)).await.unwrap();
            let mut events = client.events();
            broker.kill();
            events.recv().await.unwrap();
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                client.publish("d", "").qos(qos).enqueue().await.unwrap();
            }
            let undelivered = client.disconnect_with(within(Duration::ZERO)).await.unwrap();
            assert_eq!(undelivered, Undelivered { queued: 3, unacknowledged: 0 });
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_stopped_answering_does_not_hold_a_disconnect_up() {
    for version in VERSIONS {
        bounded("disconnect", async {
            let broker = Mosquitto::start("");
            let relay = Relay::to(broker.port()).await;
            let client = Client::connect(options(&relay.url(), version)).await.unwrap();
            relay.hold();
            let publish = client.publish("d", vec![0; 100_000]).qos(QoS::AtLeastOnce);
            let delivery = publish.enqueue().await.unwrap();
            let undelivered = client.disconnect_with(within(Duration::from_millis(20))).await.unwrap();
            assert_eq!(undelivered, Undelivered { queued: 0, unacknowledged: 1 });
            assert_eq!(delivery.await.unwrap_err().kind(), ErrorKind::Indeterminate);
        })
        .await;
    }
}

#[tokio::test]
async fn a_closed_client_says_so() {
    each(async |case| {
        let client = case.connect().await;
        let mut stream = client.subscribe("c").qos(QoS::AtLeastOnce).await.unwrap();
        client.publish("c", "last").qos(QoS::AtLeastOnce).await.unwrap();
        client.disconnect().await.unwrap();
        let error = client.publish("c", "").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert_eq!(client.subscribe("d").await.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(client.flush().await.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(client.disconnect().await.unwrap(), Undelivered::default());
        assert_eq!(client.events().recv().await, None);
        // What was received before is still there, then the end.
        if let Some(message) = stream.recv().await.unwrap() {
            assert_eq!(message.text(), Ok("last"));
            assert!(stream.recv().await.unwrap().is_none());
        }
        assert!(stream.recv().await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_dropped_client_says_goodbye() {
    for version in VERSIONS {
        bounded("goodbye", async {
            let server = ScriptedServer::start().await;
            let (client, mut peer) =
                tokio::join!(Client::connect(options(&server.url(), version)), server.connected(version));
            let other = client.unwrap().clone();
            other.publish("d", "x").await.unwrap();
            drop(other);
            assert_eq!(peer.packet().await.unwrap()[0], 0x30);
            // A session that was not asked to last ends with this: session expiry 0.
            let goodbye: &[u8] =
                if version == Version::V5 { &[0xE0, 7, 0, 5, 0x11, 0, 0, 0, 0] } else { &[0xE0, 0] };
            assert_eq!(peer.packet().await.unwrap(), goodbye);
            assert_eq!(peer.packet().await, None);
        })
        .await;
    }
}

#[tokio::test]
async fn a_client_that_may_not_reconnect_ends_with_its_connection() {
    each(async |case| {
        let relay = Relay::to(case.broker.port()).await;
        let once = options(&relay.url(), case.version).reconnect(None);
        let client = Client::connect(once).await.unwrap();
        let mut stream = client.subscribe("c").await.unwrap();
        relay.cut();
        assert_eq!(stream.recv().await.unwrap_err().kind(), ErrorKind::Transport);
        let error = client.publish("c", "").qos(QoS::AtLeastOnce).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
    })
    .await;
}
