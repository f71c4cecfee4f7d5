//! Networks that are cut and brokers that are stopped in the middle of traffic: nothing acknowledged is lost, and
//! nothing of QoS 2 comes twice.

use std::collections::BTreeSet;
use std::time::Duration;

use polymqtt::{Client, ErrorKind, Event, Message, QoS, Subscription};
use polymqtt_broker_tests::{Broker, Mosquitto, Relay, VERSIONS, bounded, each, lasting, options};

const MESSAGES: u32 = 600;

/// Lifetimes of connections in bytes, from a fixed seed: from a few packets to many.
fn lifetimes(mut seed: u64) -> Vec<usize> {
    let mut lifetime = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        300 + (seed >> 33) as usize % 3000
    };
    (0..12).map(|_| lifetime()).collect()
}

async fn publish_all(client: &Client, qos: QoS) {
    let payload = |n: u32| format!("{n:05}{}", "x".repeat(n as usize % 50));
    let message = |n: u32| Message::new("f", payload(n)).unwrap().with_qos(qos);
    let outcomes = client.publish_many((0..MESSAGES).map(message)).await.unwrap();
    for (n, outcome) in outcomes.into_iter().enumerate() {
        assert!(outcome.is_ok(), "message {n}: {outcome:?}");
    }
}

async fn receive_all(stream: &mut Subscription, qos: QoS, broker: &Broker) {
    let mut next = 0;
    while next < MESSAGES {
        let message = stream.recv().await.unwrap().unwrap();
        let number: u32 = message.text().unwrap()[..5].parse().unwrap();
        assert!(number <= next, "{number} came where {next} was missing");
        let again = number < next && qos == QoS::ExactlyOnce;
        assert!(!again || goes_back_to_publish(broker) && message.dup(), "{number} came twice: {message:?}");
        next = next.max(number + 1);
    }
}

/// Whether it may send PUBLISH again after PUBREL, which it must not `[MQTT-4.3.3-6]`: mosquitto 2.0.11 does where a
/// connection ends before it has sent the PUBRELs that the session left, and the client, which has released the
/// identifiers, can't tell those messages from new ones.
fn goes_back_to_publish(broker: &Broker) -> bool {
    matches!(broker, Broker::Mosquitto(_))
}

/// As [`receive_all`], in any order: what a broker has written down it may send in another one. Its file may also be
/// behind: mosquitto 2.0.11 sends QoS 2 messages again, with DUP, whose identifiers it had released before.
async fn receive_each(stream: &mut Subscription, qos: QoS) {
    let mut received = BTreeSet::new();
    while received.len() < MESSAGES as usize {
        let message = stream.recv().await.unwrap().unwrap();
        let number: u32 = message.text().unwrap()[..5].parse().unwrap();
        let new = received.insert(number);
        assert!(new || message.dup() || qos == QoS::AtLeastOnce, "{number} came twice: {message:?}");
    }
}

async fn network_is_cut(qos: QoS) {
    each(async |case| {
        let port = case.broker.port();
        let (near, far) =
            (Relay::failing(port, lifetimes(1)).await, Relay::failing(port, lifetimes(2)).await);
        let receiver = Client::connect(lasting(&far.url(), case.version, "receiver")).await.unwrap();
        let mut stream = receiver.subscribe("f").qos(qos).await.unwrap();
        let publisher = Client::connect(lasting(&near.url(), case.version, "publisher")).await.unwrap();
        tokio::join!(publish_all(&publisher, qos), receive_all(&mut stream, qos, &case.broker));
        assert_eq!((publisher.metrics().in_flight, publisher.metrics().queued), (0, 0));
        assert!(publisher.metrics().reconnects >= 10 && receiver.metrics().reconnects >= 10);
    })
    .await;
}

#[tokio::test]
async fn qos_1_comes_at_least_once_over_a_network_that_is_cut() {
    network_is_cut(QoS::AtLeastOnce).await;
}

#[tokio::test]
async fn qos_2_comes_exactly_once_over_a_network_that_is_cut() {
    network_is_cut(QoS::ExactlyOnce).await;
}

/// Stops the broker while messages are on their way, and lets it go on with what it wrote down.
async fn broker_is_restarted(qos: QoS) {
    for version in VERSIONS {
        bounded(&format!("MQTT {version}"), async {
            let mut broker = Mosquitto::persistent();
            let receiver = Client::connect(lasting(&broker.url(), version, "receiver")).await.unwrap();
            let mut stream = receiver.subscribe("f").qos(qos).await.unwrap();
            let publisher = Client::connect(lasting(&broker.url(), version, "publisher")).await.unwrap();
            let watcher = publisher.clone();
            let mut events = [publisher.events(), receiver.events()];
            let restarting = async {
                for share in 1..=3 {
                    let enough = u64::from(MESSAGES) * share / 5;
                    while watcher.metrics().messages_sent < enough {
                        tokio::task::yield_now().await;
                    }
                    broker.stop();
                    broker.restart();
                    for events in &mut events {
                        while !matches!(events.recv().await.unwrap(), Event::Connected(_)) {}
                    }
                }
            };
            tokio::join!(publish_all(&publisher, qos), receive_each(&mut stream, qos), restarting);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qos_1_comes_at_least_once_over_restarts_of_the_broker() {
    broker_is_restarted(QoS::AtLeastOnce).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qos_2_loses_nothing_over_restarts_of_the_broker() {
    broker_is_restarted(QoS::ExactlyOnce).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_and_forgets_everything() {
    for version in VERSIONS {
        bounded(&format!("MQTT {version}"), async {
            let mut broker = Mosquitto::start("");
            let client = Client::connect(options(&broker.url(), version)).await.unwrap();
            let mut stream = client.subscribe("f").qos(QoS::ExactlyOnce).await.unwrap();
            for round in 0..4_u32 {
                let qos = |n: u32| if n.is_multiple_of(2) { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
                let message = |n: u32| Message::new("f", vec![0; 2000]).unwrap().with_qos(qos(n));
                let deliveries = client.enqueue_many((0..400).map(message)).await.unwrap();
                for _ in 0..10 * round {
                    stream.recv().await.unwrap().unwrap();
                }
                broker.kill();
                broker.restart();
                for (n, delivery) in (0..).zip(deliveries) {
                    match delivery.await {
                        Ok(_) => {}
                        // Whether the server had it died with the session.
                        Err(error) if qos(n) == QoS::ExactlyOnce => {
                            assert_eq!(error.kind(), ErrorKind::Indeterminate);
                        }
                        Err(error) => panic!("message {n} of QoS 1: {error}"),
                    }
                }
            }
            client.publish("f", "end").qos(QoS::ExactlyOnce).await.unwrap();
            while stream.recv().await.unwrap().unwrap().text() != Ok("end") {}
        })
        .await;
    }
}

#[tokio::test]
async fn a_network_that_stands_still_for_a_while() {
    each(async |case| {
        let relay = Relay::to(case.broker.port()).await;
        let client = Client::connect(options(&relay.url(), case.version)).await.unwrap();
        let mut stream = client.subscribe("f").qos(QoS::ExactlyOnce).await.unwrap();
        relay.hold();
        let message = |n: u32| Message::new("f", vec![0; n as usize]).unwrap().with_qos(QoS::ExactlyOnce);
        let deliveries = client.enqueue_many((0..1000).map(message)).await.unwrap();
        // Dropping a wait and starting another changes nothing.
        let wait = tokio::time::timeout(Duration::from_millis(10), stream.recv()).await;
        assert!(wait.is_err());
        relay.release();
        for n in 0..1000 {
            assert_eq!(stream.recv().await.unwrap().unwrap().payload().len(), n);
        }
        for delivery in deliveries {
            delivery.await.unwrap();
        }
        assert_eq!(client.metrics().reconnects, 0);
    })
    .await;
}
