//! The same traffic over every way to a broker: TLS, WebSocket, WebSocket over TLS, Unix socket.

use polymqtt::{Client, ErrorKind, Event, Message, Options, QoS, Scheme, Version, Will};
use polymqtt_broker_tests::{Broker, Certificates, Mosquitto, Relay, Road, bounded, each_road, options};

const ALL_QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

#[tokio::test]
async fn every_quality_of_service_small_and_large() {
    each_road(async |road| {
        let client = road.connect().await;
        assert_eq!(client.connected().unwrap().limits.version, road.version);
        let mut stream = client.subscribe("r").qos(QoS::ExactlyOnce).await.unwrap();
        let large: Vec<u8> = (0..1_u32 << 20).map(|n| (n % 251) as u8).collect();
        // mosquitto 2.0.11 sends 4 KiB in a tenth of a second over a WebSocket.
        let slow = road.scheme.is_websocket() && matches!(road.broker, Broker::Mosquitto(_));
        let largest = if slow { 10_000 } else { large.len() };
        for qos in ALL_QOS {
            for payload in [&large[..0], &large[..100], &large[..largest]] {
                client.publish("r", payload.to_vec()).qos(qos).await.unwrap();
                let message = stream.recv().await.unwrap().unwrap();
                assert!(message.payload() == payload, "{} bytes came", message.payload().len());
                assert_eq!(message.qos(), qos);
            }
        }
        let plain = Client::connect(options(&road.broker.url(), road.version)).await.unwrap();
        let mut stream_of_plain = plain.subscribe("large").await.unwrap();
        client.publish("large", large.clone()).qos(QoS::AtLeastOnce).await.unwrap();
        assert!(stream_of_plain.recv().await.unwrap().unwrap().payload() == large);
        stream.unsubscribe().await.unwrap();
        client.disconnect().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn batches_arrive_in_order() {
    each_road(async |road| {
        let client = road.connect().await;
        let mut stream = client.subscribe("r").qos(QoS::ExactlyOnce).await.unwrap();
        for qos in ALL_QOS {
            let message = |n: u32| Message::new("r", n.to_string()).unwrap().with_qos(qos);
            let outcomes = client.publish_many((0..200).map(message)).await.unwrap();
            assert!(outcomes.iter().all(Result::is_ok));
            for n in 0..200_u32 {
                assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok(n.to_string().as_str()));
            }
        }
        assert_eq!(client.metrics().reconnects, 0);
    })
    .await;
}

#[tokio::test]
async fn a_will_is_for_lost_connections_only() {
    each_road(async |road| {
        let watcher = road.connect().await;
        let mut stream = watcher.subscribe("will").qos(QoS::AtLeastOnce).await.unwrap();
        let options = || road.options().will(Will::new("will", "lost").unwrap().qos(QoS::AtLeastOnce));
        let leaving = Client::connect(options()).await.unwrap();
        leaving.disconnect().await.unwrap();
        watcher.publish("will", "none").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok("none"));
        let Some(port) = road.port() else { return };
        let relay = Relay::to(port).await;
        let options = road.options_by(relay.port()).will(Will::new("will", "lost").unwrap()).reconnect(None);
        let _lost = Client::connect(options).await.unwrap();
        relay.cut();
        assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok("lost"));
    })
    .await;
}

/// The session is gone on with.
fn lasting(options: Options, road: &Road, client_id: &str) -> Options {
    let options = options.client_id(client_id).clean_start(false);
    match road.version {
        Version::V5 => options.session_expiry(std::time::Duration::from_secs(300)),
        Version::V311 => options,
    }
}

#[tokio::test]
async fn nothing_is_lost_over_a_network_that_is_cut() {
    each_road(async |road| {
        let Some(port) = road.port() else { return };
        // Handshakes of TLS and HTTP take some 2,000 bytes of each connection's life.
        let lifetimes = (0..8).map(|n| 4000 + n * 100).collect();
        let relay = Relay::failing(port, lifetimes).await;
        let receiver = Client::connect(lasting(road.options(), &road, "receiver")).await.unwrap();
        let mut stream = receiver.subscribe("r").qos(QoS::ExactlyOnce).await.unwrap();
        let options = lasting(road.options_by(relay.port()), &road, "publisher").keep_trying(true);
        let publisher = Client::connect(options).await.unwrap();
        let payload = |n: u32| format!("{n:05}{}", "x".repeat(n as usize % 90));
        let message = |n: u32| Message::new("r", payload(n)).unwrap().with_qos(QoS::ExactlyOnce);
        let publishing = publisher.publish_many((0..150).map(message));
        let receiving = async {
            for n in 0..150 {
                assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok(payload(n).as_str()));
            }
        };
        let (outcomes, ()) = tokio::join!(publishing, receiving);
        assert!(outcomes.unwrap().iter().all(Result::is_ok));
        assert!(publisher.metrics().reconnects >= 2);
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_is_killed_is_found_again() {
    each_road(async |mut road| {
        let client = road.connect().await;
        let mut stream = client.subscribe("r").qos(QoS::AtLeastOnce).await.unwrap();
        let mut events = client.events();
        let Broker::Mosquitto(broker) = &mut road.broker else { return };
        broker.kill();
        let Some(Event::Disconnected { error: Some(error), retry_in: Some(_) }) = events.recv().await else {
            panic!();
        };
        assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
        broker.restart();
        client.publish("r", "again").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok("again"));
    })
    .await;
}

#[tokio::test]
async fn a_socket_that_is_not_there() {
    let error = bounded("connect", Client::connect("unix:///nowhere/socket")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(error.to_string().contains("unix:///nowhere/socket"), "{error}");
}

#[tokio::test]
async fn servers_of_a_list_may_be_reached_in_different_ways() {
    let certificates = Certificates::default();
    let (mut down, mut first, second) =
        (Mosquitto::start(""), Mosquitto::everywhere(&certificates), Mosquitto::everywhere(&certificates));
    down.kill();
    let options = options(&down.url(), Version::V5)
        .fallback(&first.url_by(Scheme::Ws))
        .and_then(|options| options.fallback(&second.url_by(Scheme::Unix)))
        .unwrap();
    bounded("failover", async {
        // The first of the list is down.
        let client = Client::connect(options).await.unwrap();
        let mut stream = client.subscribe("r").qos(QoS::AtLeastOnce).await.unwrap();
        let watcher = Client::connect(first.url()).await.unwrap();
        watcher.publish("r", "first").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok("first"));
        // Now the one that it is connected to.
        first.kill();
        let watcher = Client::connect(second.url()).await.unwrap();
        client.publish("r", "second").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok("second"));
        watcher.publish("r", "third").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok("third"));
    })
    .await;
}
