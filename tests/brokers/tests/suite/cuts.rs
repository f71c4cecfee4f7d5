//! A network that is cut after each byte of a flow, in the middle of packets too, and one that swallows everything.

use std::time::Duration;

use polymqtt::{Client, ErrorKind, Event, QoS, ReconnectOptions, Version};
use polymqtt_broker_tests::{Case, Mosquitto, Relay, bounded, each, lasting, options};

/// Connects, subscribes, and sends itself one message of each quality of service that is acknowledged, over a
/// connection that ends after so many bytes. Whether it lasted.
async fn lasts(case: &Case, bytes: usize) -> bool {
    let relay = Relay::failing(case.broker.port(), vec![bytes]).await;
    let soon = Duration::from_millis(1);
    let at_once = ReconnectOptions { shortest: soon, longest: soon, ..ReconnectOptions::default() };
    let options = lasting(&relay.url(), case.version, &format!("cut{bytes}"));
    let options = options.keep_trying(true).reconnect(at_once);
    let client = Client::connect(options).prepare().unwrap();
    let mut stream = client.subscribe(format!("f{bytes}")).qos(QoS::ExactlyOnce).declare().unwrap();
    client.start().await.unwrap();
    let publish = |payload: &'static str, qos| client.publish(format!("f{bytes}"), payload).qos(qos);
    let publishing = async {
        publish("one", QoS::AtLeastOnce).await.unwrap();
        publish("two", QoS::ExactlyOnce).await.unwrap();
        publish("end", QoS::ExactlyOnce).await.unwrap();
    };
    let receiving = async {
        let mut texts = Vec::new();
        loop {
            let message = stream.recv().await.unwrap().unwrap();
            match message.text().unwrap() {
                "end" => return texts,
                text => texts.push(text.to_owned()),
            }
        }
    };
    let (texts, ()) = tokio::join!(receiving, publishing);
    let (twos, ones): (Vec<_>, Vec<_>) = texts.iter().partition(|text| *text == "two");
    assert!(twos.len() == 1 && !ones.is_empty(), "cut after {bytes} bytes: {texts:?}");
    client.disconnect().await.unwrap();
    relay.connections() == 1
}

#[tokio::test]
async fn a_connection_that_is_cut_after_each_byte_of_a_flow() {
    each(async |case| {
        let mut bytes = 1;
        while !lasts(&case, bytes).await {
            bytes += 1;
        }
        assert!(bytes > 100, "{bytes} bytes are no flow");
    })
    .await;
}

/// A client that does nothing, or publishes into the black hole without end: either way it learns of it by keep alive.
async fn swallowed(port: u16, version: Version, publishes: bool) {
    let interval = Duration::from_secs(1);
    let relay = Relay::to(port).await;
    let client = Client::connect(options(&relay.url(), version).keep_alive(interval)).await.unwrap();
    let mut events = client.events();
    relay.hold();
    let delivery = client.publish("f", "swallowed").qos(QoS::AtLeastOnce).enqueue().await.unwrap();
    let publishing = async {
        if !publishes {
            return std::future::pending().await;
        }
        let mut clock = tokio::time::interval(interval / 50);
        loop {
            clock.tick().await;
            client.publish("f", "swallowed too").await.unwrap();
        }
    };
    tokio::select! {
        event = events.recv() => {
            let Some(Event::Disconnected { error: Some(error), .. }) = event else {
                panic!("not disconnected: {event:?}");
            };
            assert_eq!(error.kind(), ErrorKind::Timeout);
        }
        () = publishing => {}
        // Virtual time proves one and a half; here only the order counts.
        () = tokio::time::sleep(interval * 4) => panic!("keep alive found nothing"),
    }
    relay.cut();
    relay.release();
    delivery.await.unwrap();
}

#[tokio::test]
async fn keep_alive_finds_a_black_hole() {
    let broker = Mosquitto::start("");
    bounded("a black hole", async {
        tokio::join!(
            swallowed(broker.port(), Version::V311, false),
            swallowed(broker.port(), Version::V311, true),
            swallowed(broker.port(), Version::V5, false),
            swallowed(broker.port(), Version::V5, true),
        );
    })
    .await;
}
