//! Servers that break the protocol, fall silent, or will not read.

use std::time::Duration;

use polymqtt::{Client, ErrorKind, Event, Events, QoS, ReasonCode, Version};
use polymqtt_broker_tests::{Peer, ScriptedServer, VERSIONS, bounded, options};

/// A client connected to a server that has only said CONNACK.
async fn connected(version: Version) -> (ScriptedServer, Client, Peer) {
    let server = ScriptedServer::start().await;
    let options = options(&server.url(), version);
    let (client, peer) = tokio::join!(Client::connect(options), server.connected(version));
    (server, client.unwrap(), peer)
}

async fn disconnected(events: &mut Events) -> (ErrorKind, Option<ReasonCode>, Option<Duration>) {
    loop {
        if let Event::Disconnected { error: Some(error), retry_in } = events.recv().await.unwrap() {
            return (error.kind(), error.reason_code(), retry_in);
        }
    }
}

/// The SUBACK or PUBACK of version 5 has a code more.
fn answer(packet_type: u8, version: Version, packet_id: [u8; 2], code: &[u8]) -> Vec<u8> {
    let properties: &[u8] = if version == Version::V5 && packet_type == 0x90 { &[0] } else { &[] };
    let body = [&packet_id[..], properties, code].concat();
    [&[packet_type, body.len() as u8][..], &body].concat()
}

#[tokio::test]
async fn a_broken_rule_is_answered_by_its_reason_code() {
    let malformed = ReasonCode::MalformedPacket;
    let protocol = ReasonCode::ProtocolError;
    let cases: [(&str, &[u8], ReasonCode); 11] = [
        ("packet type 0", &[0x00, 0x00], malformed),
        ("text", &[b'H'; 100], malformed),
        ("a remaining length of 5 bytes", &[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], malformed),
        ("QoS 3", &[0x36, 6, 0, 1, b'a', 0, 1, 0], malformed),
        ("a topic that is not UTF-8", &[0x30, 4, 0, 1, 0xFF, 0], malformed),
        ("a packet that is too large", &[0x30, 0xFF, 0xFF, 0xFF, 0x7F], ReasonCode::PacketTooLarge),
        ("CONNACK again", &[0x20, 3, 0, 0, 0], protocol),
        ("SUBSCRIBE", &[0x82, 6, 0, 1, 0, 0, 0, 0], protocol),
        ("AUTH that nobody asked for", &[0xF0, 0], protocol),
        ("an alias that was not set", &[0x30, 6, 0, 0, 3, 0x23, 0, 1], protocol),
        ("alias 0", &[0x30, 7, 0, 1, b'a', 3, 0x23, 0, 0], ReasonCode::TopicAliasInvalid),
    ];
    for (name, bytes, reason_code) in cases {
        bounded(name, async {
            let (server, client, mut peer) = connected(Version::V5).await;
            let mut events = client.events();
            peer.send(bytes).await;
            let goodbye = peer.packet().await.unwrap();
            assert_eq!(goodbye[..1], [0xE0], "DISCONNECT");
            assert_eq!(goodbye[2], reason_code as u8, "{name}");
            assert_eq!(peer.packet().await, None);
            drop(peer);
            let (_, code, retry_in) = disconnected(&mut events).await;
            assert_eq!(code, Some(reason_code));
            if retry_in.is_some() {
                server.connected(Version::V5).await;
            } else {
                let error = client.publish("a", "").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Closed);
            }
        })
        .await;
    }
}

#[tokio::test]
async fn version_3_1_1_closes_without_a_word() {
    let cases: [&[u8]; 4] = [&[0x00, 0x00], &[0x36, 5, 0, 1, b'a', 0, 1], &[0x20, 2, 0, 0], &[0xE0, 0]];
    for bytes in cases {
        bounded(&format!("{bytes:?}"), async {
            let (_server, client, mut peer) = connected(Version::V311).await;
            let mut events = client.events();
            peer.send(bytes).await;
            assert_eq!(peer.packet().await, None);
            drop(peer);
            disconnected(&mut events).await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_closes_again_and_again() {
    for version in VERSIONS {
        bounded("reconnect", async {
            let (server, client, peer) = connected(version).await;
            let delivery = client.publish("a", "b").qos(QoS::AtLeastOnce).enqueue().await.unwrap();
            drop(peer);
            for _ in 0..3 {
                drop(server.accept().await);
                drop(server.connected(version).await);
            }
            let mut peer = server.connected(version).await;
            let publish = peer.packet().await.unwrap();
            assert_eq!(publish[0] & 0xF6, 0x32, "PUBLISH of QoS 1");
            peer.send(&answer(0x40, version, [publish[5], publish[6]], &[])).await;
            delivery.await.unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_after_connack() {
    for version in VERSIONS {
        bounded("silence", async {
            let server = ScriptedServer::start().await;
            let options = options(&server.url(), version)
                .keep_alive(Duration::from_secs(1))
                .subscribe_timeout(Duration::from_millis(20));
            let (client, mut peer) = tokio::join!(Client::connect(options), server.connected(version));
            let client = client.unwrap();
            let mut events = client.events();
            let error = client.subscribe("a").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout);
            let late = client.publish("a", "").qos(QoS::AtLeastOnce).timeout(Duration::from_millis(10));
            assert_eq!(late.await.unwrap_err().kind(), ErrorKind::Indeterminate);
            let (kind, ..) = disconnected(&mut events).await;
            assert_eq!(kind, ErrorKind::Timeout);
            let mut kinds = Vec::new();
            while let Some(packet) = peer.packet().await {
                kinds.push(packet[0] & 0xF0);
            }
            assert_eq!(kinds, [0x80, 0xA0, 0x30, 0xC0], "SUBSCRIBE, UNSUBSCRIBE, PUBLISH, PINGREQ");
            server.connected(version).await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_disconnect_of_the_server_gives_its_reason() {
    bounded("disconnect", async {
        let (_server, client, mut peer) = connected(Version::V5).await;
        let mut events = client.events();
        peer.send(&[0xE0, 7, 0x98, 5, 0x1F, 0, 2, b'n', b'o']).await;
        assert_eq!(peer.packet().await, None);
        drop(peer);
        let Some(Event::Disconnected { error: Some(error), .. }) = events.recv().await else {
            panic!("not disconnected");
        };
        assert_eq!(error.reason_code(), Some(ReasonCode::AdministrativeAction));
        assert_eq!(error.reason_string(), Some("no"));
    })
    .await;
}

#[tokio::test]
async fn a_refused_filter_undoes_the_others_unless_partial_success_is_allowed() {
    for version in VERSIONS {
        bounded(&format!("MQTT {version}"), async {
            let (_server, client, mut peer) = connected(version).await;
            let refused = if version == Version::V5 { 0x87 } else { 0x80 };
            for partial in [false, true] {
                let subscribe = client.subscribe(["good", "bad"]);
                let subscribe = if partial { subscribe.allow_partial() } else { subscribe };
                let answering = async {
                    for code in [0, refused] {
                        let packet = peer.packet().await.unwrap();
                        assert_eq!(packet[0], 0x82);
                        peer.send(&answer(0x90, version, [packet[2], packet[3]], &[code])).await;
                    }
                };
                let (outcome, ()) = tokio::join!(subscribe, answering);
                if partial {
                    let stream = outcome.unwrap();
                    let granted = stream.granted();
                    assert_eq!(granted[0].outcome, Ok(QoS::AtMostOnce));
                    assert!(granted[1].outcome.is_err());
                } else {
                    let error = outcome.unwrap_err();
                    assert_eq!(error.reason_code().map(|code| code as u8), Some(refused), "{error}");
                    assert_eq!(peer.packet().await.unwrap()[0], 0xA2, "UNSUBSCRIBE");
                }
            }
        })
        .await;
    }
}

/// Writes 16 MiB at this quality of service before it reads anything, while the client has as much to write.
async fn writes_first(version: Version, qos: QoS, received_by_program: bool) {
    let (_server, client, mut peer) = connected(version).await;
    let subscribing = async {
        let subscribe = peer.packet().await.unwrap();
        peer.send(&answer(0x90, version, [subscribe[2], subscribe[3]], &[qos as u8])).await;
    };
    let (stream, ()) = tokio::join!(client.subscribe("down").qos(qos), subscribing);
    let mut stream = stream.unwrap();
    let mut deliveries = Vec::new();
    for _ in 0..256 {
        let publish = client.publish("up", vec![0; 64 * 1024]).qos(QoS::AtLeastOnce);
        deliveries.push(publish.enqueue().await.unwrap());
    }
    let serving = async {
        let properties: &[u8] = if version == Version::V5 { &[0] } else { &[] };
        for n in 1..=256_u16 {
            let id = if qos == QoS::AtMostOnce { vec![] } else { n.to_be_bytes().to_vec() };
            let body = [b"\x00\x04down", &id[..], properties, &[1; 64 * 1024]].concat();
            let length = body.len();
            let length =
                [length as u8 & 0x7F | 0x80, (length >> 7) as u8 & 0x7F | 0x80, (length >> 14) as u8];
            peer.send(&[&[0x30 | (qos as u8) << 1][..], &length, &body].concat()).await;
        }
        let mut acknowledged = 0;
        while acknowledged < 256 {
            let packet = peer.packet().await.unwrap();
            match packet[0] {
                0x32 => {
                    peer.send(&answer(0x40, version, [packet[8], packet[9]], &[])).await;
                    acknowledged += 1;
                }
                // PUBACK and PUBREC: how it goes on is not looked at.
                other => assert!(matches!(other, 0x40 | 0x50), "{other:#x}"),
            }
        }
    };
    let receiving = async {
        for _ in 0..if received_by_program { 256 } else { 0 } {
            assert_eq!(stream.recv().await.unwrap().unwrap().payload().len(), 64 * 1024);
        }
    };
    let publishing = async {
        for delivery in deliveries {
            delivery.await.unwrap();
        }
    };
    tokio::join!(serving, receiving, publishing);
}

#[tokio::test]
async fn a_server_that_reads_nothing_until_it_has_written_all() {
    for version in VERSIONS {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            bounded(&format!("{qos:?}, received"), writes_first(version, qos, true)).await;
            bounded(&format!("{qos:?}, not received"), writes_first(version, qos, false)).await;
        }
    }
}

#[tokio::test]
async fn a_server_that_never_reads_does_not_hold_the_program_up() {
    for version in VERSIONS {
        bounded("never reads", async {
            let (_server, client, peer) = connected(version).await;
            let publish = client.publish("up", vec![0; 15 << 20]).qos(QoS::AtLeastOnce);
            let delivery = publish.enqueue().await.unwrap();
            let small = client.publish("up", "").qos(QoS::AtLeastOnce);
            let late = small.timeout(Duration::from_millis(20)).await.unwrap_err();
            assert_eq!(late.kind(), ErrorKind::Timeout);
            let options = polymqtt::DisconnectOptions {
                timeout: Duration::from_millis(20),
                ..polymqtt::DisconnectOptions::default()
            };
            let undelivered = client.disconnect_with(options).await.unwrap();
            assert_eq!(undelivered.queued + undelivered.unacknowledged, 1);
            delivery.await.unwrap_err();
            drop(peer);
        })
        .await;
    }
}
