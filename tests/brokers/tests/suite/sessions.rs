//! What outlives a connection: sessions gone on with, messages kept meanwhile, subscriptions restored.

use std::time::Duration;

use polymqtt::{Client, Event, Events, Options, QoS, Subscription};
use polymqtt_broker_tests::{Case, Mosquitto, Relay, VERSIONS, bounded, each, options};

/// A client whose session the server keeps after an orderly disconnect.
fn lasting(case: &Case) -> Options {
    let options = case.options().client_id("lasting").clean_start(false);
    if case.is_v5() { options.session_expiry(Duration::from_secs(600)) } else { options }
}

async fn texts<const N: usize>(stream: &mut Subscription) -> [String; N] {
    let mut texts = [const { String::new() }; N];
    for text in &mut texts {
        *text = stream.recv().await.unwrap().unwrap().text().unwrap().to_owned();
    }
    texts
}

async fn connected(events: &mut Events) {
    while !matches!(events.recv().await.unwrap(), Event::Connected(_)) {}
}

#[tokio::test]
async fn messages_wait_at_the_server_for_a_program_that_subscribes_again() {
    each(async |case| {
        let client = Client::connect(lasting(&case)).await.unwrap();
        assert!(!client.connected().unwrap().session_present);
        let stream = client.subscribe("s/#").qos(QoS::ExactlyOnce).await.unwrap();
        client.disconnect().await.unwrap();
        drop((stream, client));
        let publisher = case.connect().await;
        for (topic, qos) in [("s/1", QoS::AtLeastOnce), ("s/2", QoS::ExactlyOnce), ("s/3", QoS::AtLeastOnce)]
        {
            publisher.publish(topic, topic).qos(qos).await.unwrap();
        }
        let client = Client::connect(lasting(&case)).await.unwrap();
        assert!(client.connected().unwrap().session_present);
        // By now the messages may be here already, with no stream to go to.
        publisher.publish("s/4", "s/4").qos(QoS::AtLeastOnce).await.unwrap();
        let mut stream = client.subscribe("s/#").qos(QoS::ExactlyOnce).await.unwrap();
        let mut received = texts::<4>(&mut stream).await;
        // Where the server sends QoS 1 and 2 from windows of their own, they may overtake each other.
        received.sort_unstable();
        assert_eq!(received, ["s/1", "s/2", "s/3", "s/4"]);
        assert_eq!(client.metrics().dropped_incoming, 0);
    })
    .await;
}

#[tokio::test]
async fn leaving_a_stream_of_a_lasting_session_keeps_the_subscription() {
    each(async |case| {
        let publisher = case.connect().await;
        let client = Client::connect(lasting(&case)).await.unwrap();
        let stream = client.subscribe("s").qos(QoS::AtLeastOnce).await.unwrap();
        drop(stream);
        publisher.publish("s", "meanwhile").qos(QoS::AtLeastOnce).await.unwrap();
        let mut stream = client.subscribe("s").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(texts(&mut stream).await, ["meanwhile"]);
        stream.unsubscribe().await.unwrap();
        client.disconnect().await.unwrap();
        publisher.publish("s", "late").qos(QoS::AtLeastOnce).await.unwrap();
        let client = Client::connect(lasting(&case)).await.unwrap();
        let mut stream = client.subscribe("s").qos(QoS::AtLeastOnce).await.unwrap();
        publisher.publish("s", "live").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(texts(&mut stream).await, ["live"]);
    })
    .await;
}

#[tokio::test]
async fn an_earlier_programs_subscription_can_be_ended() {
    each(async |case| {
        let client = Client::connect(lasting(&case)).await.unwrap();
        drop(client.subscribe("old").qos(QoS::AtLeastOnce).await.unwrap());
        client.disconnect().await.unwrap();
        let client = Client::connect(lasting(&case)).await.unwrap();
        client.unsubscribe("old").await.unwrap();
        client.publish("old", "").qos(QoS::AtLeastOnce).await.unwrap();
        client.subscribe("marker").await.unwrap();
        assert_eq!(client.metrics().dropped_incoming, 0);
        assert_eq!(client.metrics().messages_received, 0);
    })
    .await;
}

#[tokio::test]
async fn a_clean_start_forgets_the_session() {
    each(async |case| {
        let client = Client::connect(lasting(&case)).await.unwrap();
        drop(client.subscribe("s").qos(QoS::AtLeastOnce).await.unwrap());
        client.disconnect().await.unwrap();
        case.connect().await.publish("s", "old").qos(QoS::AtLeastOnce).await.unwrap();
        let client = Client::connect(lasting(&case).clean_start(true)).await.unwrap();
        assert!(!client.connected().unwrap().session_present);
        let mut stream = client.subscribe("s").qos(QoS::AtLeastOnce).await.unwrap();
        client.publish("s", "new").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(texts(&mut stream).await, ["new"]);
    })
    .await;
}

#[tokio::test]
async fn an_orderly_disconnect_ends_a_session_that_was_not_asked_to_last() {
    each(async |case| {
        let client = Client::connect(case.options().client_id("brief")).await.unwrap();
        let _stream = client.subscribe("s").qos(QoS::AtLeastOnce).await.unwrap();
        client.disconnect().await.unwrap();
        let client = Client::connect(case.options().client_id("brief").clean_start(false)).await.unwrap();
        assert!(!client.connected().unwrap().session_present);
    })
    .await;
}

#[tokio::test]
async fn a_lost_connection_does_not_end_subscriptions() {
    each(async |case| {
        let publisher = case.connect().await;
        let relay = Relay::to(case.broker.port()).await;
        let client = Client::connect(options(&relay.url(), case.version)).await.unwrap();
        let mut events = client.events();
        let mut streams = Vec::new();
        for n in 0..20 {
            streams.push(client.subscribe(format!("r/{n}")).qos(QoS::AtLeastOnce).await.unwrap());
        }
        for round in ["1", "2", "3"] {
            relay.cut();
            connected(&mut events).await;
            // Behind the subscriptions, where they had to be made again.
            client.publish("elsewhere", "").qos(QoS::AtLeastOnce).await.unwrap();
            for (n, stream) in streams.iter_mut().enumerate() {
                publisher.publish(format!("r/{n}"), round).qos(QoS::AtLeastOnce).await.unwrap();
                // What was not taken before the cut comes once more.
                while texts(stream).await != [round] {}
            }
        }
        assert_eq!(client.metrics().reconnects, 3);
    })
    .await;
}

#[tokio::test]
async fn subscriptions_are_restored_after_the_broker_lost_the_session() {
    for version in VERSIONS {
        bounded(&format!("restore, MQTT {version}"), async {
            let mut broker = Mosquitto::start("");
            let client = Client::connect(options(&broker.url(), version)).await.unwrap();
            let mut events = client.events();
            let filters = ["a/+", "b", "$share/team/c"];
            let mut stream = client.subscribe(filters).qos(QoS::ExactlyOnce).await.unwrap();
            broker.kill();
            broker.restart();
            let mut lost = false;
            loop {
                match events.recv().await.unwrap() {
                    Event::SessionLost => lost = true,
                    Event::Connected(_) => break,
                    _ => {}
                }
            }
            for topic in ["a/1", "b", "c"] {
                client.publish(topic, topic).qos(QoS::ExactlyOnce).await.unwrap();
            }
            assert_eq!(texts(&mut stream).await, ["a/1", "b", "c"]);
            while !lost && version.has_properties() {
                lost = events.recv().await.unwrap() == Event::SessionLost;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_session_that_the_broker_wrote_down_goes_on() {
    for version in VERSIONS {
        bounded(&format!("go on, MQTT {version}"), async {
            let mut broker = Mosquitto::persistent();
            let kept = options(&broker.url(), version).client_id("kept").clean_start(false);
            let client = Client::connect(kept).await.unwrap();
            let mut events = client.events();
            let mut stream = client.subscribe("k").qos(QoS::ExactlyOnce).await.unwrap();
            broker.stop();
            // Accepted while there is no broker.
            let waiting = client.publish("k", "offline").qos(QoS::ExactlyOnce).enqueue().await.unwrap();
            broker.restart();
            waiting.await.unwrap();
            assert_eq!(texts(&mut stream).await, ["offline"]);
            loop {
                match events.recv().await.unwrap() {
                    Event::Connected(grant) => break assert!(grant.session_present),
                    event => assert_ne!(event, Event::SessionLost),
                }
            }
        })
        .await;
    }
}
