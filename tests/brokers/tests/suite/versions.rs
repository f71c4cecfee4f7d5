//! Version `auto`: 5 where the server speaks it, 3.1.1 where it turns out not to.

use polymqtt::{Client, Error, ErrorKind, Options, ProtocolVersion, QoS, Version};
use polymqtt_broker_tests::{Broker, Embedded, Mosquitto, Peer, Relay, ScriptedServer, bounded, quick};

/// What a server of 3.1.1 answers to a level that it does not know [MQTT-3.1.2-2].
const UNACCEPTABLE_PROTOCOL_VERSION: &[u8] = &[0x20, 2, 0, 1];

fn auto(url: &str) -> Options {
    Options::new(url).unwrap().version(ProtocolVersion::Auto).reconnect(quick())
}

fn version(client: &Client) -> Version {
    client.connected().unwrap().limits.version
}

/// The protocol level of a CONNECT (section 3.1.2.2).
async fn level(peer: &mut Peer) -> u8 {
    peer.packet().await.unwrap()[8]
}

/// The next connection, a CONNECT of 3.1.1 accepted.
async fn accepted(server: &ScriptedServer) -> Peer {
    let mut peer = server.accept().await;
    assert_eq!(level(&mut peer).await, 4);
    peer.send(&[0x20, 2, 0, 0]).await;
    peer
}

#[tokio::test]
async fn brokers_that_speak_5_are_spoken_to_in_5() {
    for broker in [Broker::Mosquitto(Mosquitto::start("")), Broker::Embedded(Embedded::start().await)] {
        bounded(&broker.url(), async {
            let relay = Relay::to(broker.port()).await;
            let client = Client::connect(auto(&relay.url())).await.unwrap();
            let mut events = client.events();
            assert_eq!(version(&client), Version::V5);
            relay.cut();
            while !matches!(events.recv().await.unwrap(), polymqtt::Event::Connected(_)) {}
            assert_eq!(version(&client), Version::V5);
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_refuses_5_is_spoken_to_in_3_1_1_from_then_on() {
    bounded("refuses 5", async {
        let server = ScriptedServer::start().await;
        let served = async {
            let mut peer = server.accept().await;
            assert_eq!(level(&mut peer).await, 5);
            peer.send(UNACCEPTABLE_PROTOCOL_VERSION).await;
            // Accepted, closed, and accepted again: the server is not asked for 5 once more.
            drop(accepted(&server).await);
            accepted(&server).await
        };
        let lived = async {
            let client = Client::connect(auto(&server.url())).prepare().unwrap();
            let mut events = client.events();
            client.start().await.unwrap();
            let mut connections = 0;
            while connections < 2 {
                connections +=
                    u32::from(matches!(events.recv().await.unwrap(), polymqtt::Event::Connected(_)));
            }
            assert_eq!(version(&client), Version::V311);
            client
        };
        let (peer, client) = tokio::join!(served, lived);
        drop((peer, client));
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_closes_without_a_word_is_spoken_to_in_3_1_1() {
    for broker in [Broker::Mosquitto(Mosquitto::start("")), Broker::Embedded(Embedded::start().await)] {
        bounded(&broker.url(), async {
            // The first connection ends with its first byte: a broker that does not understand the CONNECT.
            let relay = Relay::failing(broker.port(), vec![1]).await;
            let client = Client::connect(auto(&relay.url())).await.unwrap();
            assert_eq!(version(&client), Version::V311);
            let mut stream = client.subscribe("v").qos(QoS::ExactlyOnce).await.unwrap();
            client.publish("v", "3.1.1").qos(QoS::ExactlyOnce).await.unwrap();
            assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok("3.1.1"));
            let error = client.publish("v", "").content_type("text/plain").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_closes_whatever_the_version_is_an_error() {
    bounded("closes both", async {
        let broker = Mosquitto::start("");
        let relay = Relay::failing(broker.port(), vec![1, 1]).await;
        let error = Client::connect(auto(&relay.url())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
    })
    .await;
}

#[tokio::test]
async fn options_that_only_5_has_are_not_given_up() {
    bounded("refuses 5", async {
        let server = ScriptedServer::start().await;
        let served = async {
            let mut peer = server.accept().await;
            assert_eq!(level(&mut peer).await, 5);
            peer.send(UNACCEPTABLE_PROTOCOL_VERSION).await;
            peer
        };
        let options = auto(&server.url()).user_property("name", "value");
        let (peer, refused) = tokio::join!(served, Client::connect(options));
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("does not speak MQTT 5"), "{error}");
        drop(peer);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_only_closed_is_no_refusal_of_5() {
    bounded("closes once", async {
        let broker = Mosquitto::start("");
        let relay = Relay::failing(broker.port(), vec![1]).await;
        let options = auto(&relay.url()).user_property("name", "value");
        let refused: Result<Client, Error> = Client::connect(options.clone()).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Transport);
        let client = Client::connect(options).await.unwrap();
        assert_eq!(version(&client), Version::V5);
    })
    .await;
}
