//! What `tracing` is told, and what it is never told.

use bytes::Bytes;
use polymqtt::{Attempt, Client, ConnectionPhase, Credentials, Event, Options, QoS, Version, Will};
use polymqtt_broker_tests::{Collector, Embedded, ScriptedServer, bounded, quick};
use tracing::Level;

const CLIENT: &str = "polymqtt";
const PACKETS: &str = "polymqtt::packet";

fn messages(collector: &Collector, target: &str) -> Vec<(Level, String)> {
    collector.events(target).into_iter().map(|event| (event.level, event.message)).collect()
}

/// Options full of secrets, each with "s3cret" in it.
fn secretive(url: &str) -> Options {
    let url = url.replace("mqtt://", "mqtt://ann:s3cret-password@");
    Options::new(&url)
        .unwrap()
        .client_id("observed")
        .reconnect(quick())
        .user_property("token", "s3cret-property")
        .will(Will::new("will", "s3cret-will").unwrap())
}

#[tokio::test]
async fn a_life_is_told_in_order_and_without_its_secrets() {
    let (collector, _guard) = Collector::start(Level::TRACE);
    bounded("observing", async {
        let server = ScriptedServer::start().await;
        let options = secretive(&server.url());
        let (client, mut peer) = tokio::join!(Client::connect(options), server.connected(Version::V5));
        let client = client.unwrap();
        client.publish("topic", "s3cret-payload").await.unwrap();
        client.flush().await.unwrap();
        assert!(peer.packet().await.is_some());
        peer.send(b"\x30\x0a\x00\x01t\x00s3cret").await;
        let mut events = client.events();
        drop(peer);
        let mut peer = server.connected(Version::V5).await;
        while !matches!(events.recv().await.unwrap(), Event::SessionLost) {}
        let (left, goodbye) = tokio::join!(client.disconnect(), async {
            let goodbye = peer.packet().await;
            drop(peer);
            goodbye
        });
        left.unwrap();
        assert_eq!(goodbye.unwrap().first(), Some(&0xE0));
    })
    .await;

    assert_eq!(
        messages(&collector, CLIENT),
        [
            (Level::DEBUG, "connecting".to_owned()),
            (Level::DEBUG, "transport open".to_owned()),
            (Level::INFO, "connected".to_owned()),
            (Level::WARN, "messages dropped".to_owned()),
            (Level::WARN, "disconnected".to_owned()),
            (Level::DEBUG, "connecting".to_owned()),
            (Level::DEBUG, "transport open".to_owned()),
            (Level::INFO, "connected".to_owned()),
            (Level::WARN, "session lost".to_owned()),
            (Level::INFO, "closed".to_owned()),
        ]
    );
    let events = collector.events(CLIENT);
    assert!(events[0].span.starts_with("connection server=mqtt://127.0.0.1:"), "{:?}", events[0]);
    assert!(events[1].fields.contains("took_s="), "{:?}", events[1]);
    assert!(events[2].fields.contains("session_present=false"), "{:?}", events[2]);
    assert!(
        events[4].fields.contains("error=") && events[4].fields.contains("retry_in_s="),
        "{:?}",
        events[4]
    );
    let everything = collector.everything();
    assert!(everything.contains("client client_id=\\\"observed\\\" server=mqtt://"), "{everything}");
    assert!(!everything.contains("s3cret"), "{everything}");

    let packets: Vec<String> = messages(&collector, PACKETS).into_iter().map(|(_, line)| line).collect();
    let starts: Vec<&str> = packets
        .iter()
        .map(|line| line.split_at(line[3..].find(' ').unwrap_or(line.len() - 3) + 3).0)
        .collect();
    let life =
        ["-> CONNECT", "<- CONNACK", "-> PUBLISH", "<- PUBLISH", "-> CONNECT", "<- CONNACK", "-> DISCONNECT"];
    assert_eq!(starts, life);
    assert!(packets[0].contains("client=\"observed\"") && packets[0].contains("password of 15 bytes"));
    assert!(packets[2].ends_with("topic=\"topic\" 14 bytes"), "{}", packets[2]);
}

#[tokio::test]
async fn a_refused_first_connect_is_an_error_at_the_end() {
    let (collector, _guard) = Collector::start(Level::INFO);
    bounded("refused", async {
        let server = ScriptedServer::start().await;
        let (client, ()) = tokio::join!(Client::connect(secretive(&server.url())), async {
            drop(server.connected_by(b"\x20\x03\x00\x87\x00").await);
        });
        client.unwrap_err();
    })
    .await;
    let events = collector.events(CLIENT);
    assert_eq!(messages(&collector, CLIENT), [(Level::ERROR, "closed".to_owned())]);
    assert!(events[0].fields.contains("not authorized (0x87)"), "{:?}", events[0]);
    assert!(!collector.everything().contains("s3cret"));
    assert!(collector.events(PACKETS).is_empty());
}

#[tokio::test]
async fn a_refused_subscription_is_told() {
    let (collector, _guard) = Collector::start(Level::WARN);
    bounded("refused subscription", async {
        let server = ScriptedServer::start().await;
        let (client, mut peer) =
            tokio::join!(Client::connect(secretive(&server.url())), server.connected(Version::V5));
        let client = client.unwrap();
        let (refused, ()) = tokio::join!(async { client.subscribe("a").await }, async {
            let subscribe = peer.packet().await.unwrap();
            peer.send(&[0x90, 4, subscribe[2], subscribe[3], 0, 0x87]).await;
        });
        refused.unwrap_err();
    })
    .await;
    let events = collector.events(CLIENT);
    assert_eq!(messages(&collector, CLIENT), [(Level::WARN, "subscribe refused".to_owned())]);
    assert!(events[0].fields.contains("not authorized (0x87)"), "{:?}", events[0]);
}

#[tokio::test]
async fn a_large_message_is_a_line_like_any_other() {
    let (collector, _guard) = Collector::start(Level::TRACE);
    bounded("large", async {
        let server = ScriptedServer::start().await;
        let (client, mut peer) =
            tokio::join!(Client::connect(secretive(&server.url())), server.connected(Version::V5));
        let client = client.unwrap();
        let payload = Bytes::from(vec![b'x'; 3 << 20]);
        let (sent, received) =
            tokio::join!(async { client.publish("t", payload).qos(QoS::AtLeastOnce).await }, async {
                let packet = peer.packet().await.unwrap();
                peer.send(b"\x40\x02\x00\x01").await;
                packet
            });
        sent.unwrap();
        assert!(received.len() > 3 << 20);
    })
    .await;
    let lines: Vec<String> = messages(&collector, PACKETS).into_iter().map(|(_, line)| line).collect();
    assert!(lines[2].starts_with("-> PUBLISH id=1 qos=1 topic=\"t\""), "{}", lines[2]);
    assert!(lines[2].contains(" 3145728 bytes"), "{}", lines[2]);
    assert_eq!(lines[3], "<- PUBACK id=1");
}

#[tokio::test]
async fn neither_headers_nor_provided_tokens_are_told() {
    let (collector, _guard) = Collector::start(Level::TRACE);
    bounded("headers", async {
        let broker = Embedded::start().await;
        let url = format!("ws://127.0.0.1:{}/mqtt?token=s3cret-query", broker.websocket_port());
        let options =
            Options::new(&url).unwrap().client_id("observed").websocket_header("X-Key", "s3cret-header");
        let provided = |_: Attempt| async {
            Ok(Credentials::new("ann", "s3cret-password")?.header("Authorization", "Bearer s3cret-token"))
        };
        let client = Client::connect(options).credentials(provided).await.unwrap();
        client.publish("t", "s3cret-payload").qos(QoS::ExactlyOnce).await.unwrap();
        client.disconnect().await.unwrap();
    })
    .await;
    assert!(messages(&collector, PACKETS).iter().any(|(_, line)| line == "<- PUBCOMP id=1"));
    assert!(!collector.everything().contains("s3cret"), "{}", collector.everything());
}

#[tokio::test]
async fn the_status_of_a_client_follows_its_life() {
    bounded("status", async {
        let server = ScriptedServer::start().await;
        let (client, mut peer) =
            tokio::join!(Client::connect(secretive(&server.url())), server.connected(Version::V5));
        let client = client.unwrap();
        let status = client.status();
        assert!(matches!(status.phase, ConnectionPhase::Connected { .. }), "{status}");
        assert!(status.to_string().contains(" as \"observed\" (v5.0, new session) for 0 s; "), "{status}");
        let (left, _) = tokio::join!(client.disconnect(), async {
            let _goodbye = peer.packet().await;
            drop(peer);
        });
        left.unwrap();
        assert_eq!(client.status().to_string(), "closed");
    })
    .await;
}
