//! A connection that is lost again and again leaves nothing behind.

use std::time::Duration;

use polymqtt::{Client, Event, Pem, QoS, ReconnectOptions, Scheme, Subscription, TlsOptions, Version};
use polymqtt_broker_tests::{
    Certificates, Mosquitto, Peer, Relay, ScriptedServer, VERSIONS, bounded, options,
};

use crate::held::{Held, alone};

/// Reconnects at once.
fn at_once() -> ReconnectOptions {
    let soon = Duration::from_micros(1);
    ReconnectOptions { shortest: soon, longest: soon, ..ReconnectOptions::default() }
}

/// SUBACK, PUBLISH of QoS 1, PUBACK: what a connection is used for, each way once.
async fn serve(peer: &mut Peer, version: Version) {
    let properties: &[u8] = if version == Version::V5 { &[0] } else { &[] };
    let packet = |first: u8, body: &[&[u8]]| {
        let body = body.concat();
        [&[first, body.len() as u8][..], &body].concat()
    };
    let subscribe = peer.packet().await.unwrap();
    assert_eq!(subscribe[0], 0x82);
    peer.send(&packet(0x90, &[&subscribe[2..4], properties, &[1]])).await;
    peer.send(&packet(0x32, &[b"\0\x01d\0\x07", properties, b"down"])).await;
    let (mut published, mut acknowledged) = (false, false);
    while !(published && acknowledged) {
        let received = peer.packet().await.unwrap();
        match received[0] & 0xF0 {
            0x30 => {
                peer.send(&packet(0x40, &[&received[5..7]])).await;
                published = true;
            }
            0x40 => acknowledged = true,
            other => panic!("a packet of type {other:#x}"),
        }
    }
}

async fn use_it(client: &Client, stream: &mut Subscription) {
    let message = stream.recv().await.unwrap().unwrap();
    assert_eq!(message.payload(), b"down");
    stream.ack(&message).unwrap();
    client.publish("u", "up").qos(QoS::AtLeastOnce).await.unwrap();
}

#[test]
fn a_thousand_reconnects_leave_nothing_behind() {
    for version in VERSIONS {
        alone(bounded(&format!("MQTT {version}"), async {
            let server = ScriptedServer::start().await;
            let options = options(&server.url(), version).reconnect(at_once());
            let client = Client::connect(options).prepare().unwrap();
            let mut stream = client.subscribe("d").qos(QoS::AtLeastOnce).manual_ack().declare().unwrap();
            let (started, mut peer) = tokio::join!(client.start(), server.connected(version));
            started.unwrap();
            let mut early = None;
            for round in 0..=1000 {
                tokio::join!(serve(&mut peer, version), use_it(&client, &mut stream));
                if round == 100 {
                    early = Some(Held::now());
                }
                drop(peer);
                peer = server.connected(version).await;
            }
            tokio::join!(serve(&mut peer, version), use_it(&client, &mut stream));
            Held::now().is_no_more_than(early.unwrap(), "after 1,000 reconnects");
            assert_eq!(client.metrics().reconnects, 1001);
        }));
    }
}

#[test]
fn a_thousand_attempts_that_fail_leave_nothing_behind() {
    for version in VERSIONS {
        alone(bounded(&format!("MQTT {version}"), async {
            let server = ScriptedServer::start().await;
            let options = options(&server.url(), version).reconnect(at_once()).keep_trying(true);
            let client = Client::connect(options).prepare().unwrap();
            let serving = async {
                let mut early = None;
                // Two attempts each.
                for round in 1..=500 {
                    // Accepted and dropped at once, or in the middle of CONNACK.
                    drop(server.accept().await);
                    let mut peer = server.accept().await;
                    assert_eq!(peer.packet().await.unwrap()[0], 0x10);
                    match round {
                        50 => early = Some(Held::now()),
                        500 => Held::now().is_no_more_than(early.unwrap(), "after 1,000 attempts"),
                        _ => {}
                    }
                    peer.send(&[0x20, 3]).await;
                }
                server.connected(version).await
            };
            let (_peer, started) = tokio::join!(serving, client.start());
            started.unwrap();
        }));
    }
}

#[test]
fn handshakes_of_tls_leave_nothing_behind_either() {
    alone(bounded("mqtts", async {
        let certificates = Certificates::default();
        let broker = Mosquitto::everywhere(&certificates);
        let relay = Relay::to(broker.port_by(Scheme::Mqtts)).await;
        let tls = TlsOptions {
            ca: Some(Pem::File(certificates.path("ca.pem"))),
            server_name: Some("localhost".to_owned()),
            ..TlsOptions::default()
        };
        let url = format!("mqtts://127.0.0.1:{}", relay.port());
        let options = options(&url, Version::V5).tls(tls).reconnect(at_once());
        let client = Client::connect(options).await.unwrap();
        let mut stream = client.subscribe("d").qos(QoS::AtLeastOnce).manual_ack().await.unwrap();
        let mut events = client.events();
        let mut early = None;
        for round in 1..=300 {
            client.publish("d", "down").qos(QoS::AtLeastOnce).await.unwrap();
            use_it(&client, &mut stream).await;
            match round {
                100 => early = Some(Held::now()),
                300 => Held::now().is_no_more_than(early.unwrap(), "after 200 reconnects"),
                _ => {}
            }
            relay.cut();
            // The relay's connections are of this process too.
            relay.ended(round).await;
            while !matches!(events.recv().await.unwrap(), Event::Connected(_)) {}
        }
    }));
}
