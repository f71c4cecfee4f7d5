//! Subscriptions declared before connecting: they get what the server kept, from the first packet on.

use std::time::Duration;

use polymqtt::{Client, Event, Options, QoS, Subscription};
use polymqtt_broker_tests::{Case, Mosquitto, VERSIONS, bounded, each, options};

/// A client whose session the server keeps after an orderly disconnect.
fn lasting(case: &Case) -> Options {
    let options = case.options().client_id("lasting").clean_start(false);
    if case.is_v5() { options.session_expiry(Duration::from_secs(600)) } else { options }
}

/// As many messages as are asked for, sorted: a server that sends QoS 1 and 2 from windows of their own lets them
/// overtake each other.
async fn texts<const N: usize>(stream: &mut Subscription) -> [String; N] {
    let mut texts = [const { String::new() }; N];
    for text in &mut texts {
        *text = stream.recv().await.unwrap().unwrap().text().unwrap().to_owned();
    }
    texts.sort_unstable();
    texts
}

async fn publish_each(client: &Client, topics: &[&'static str]) {
    for (topic, qos) in topics.iter().zip([QoS::AtLeastOnce, QoS::ExactlyOnce].into_iter().cycle()) {
        client.publish(*topic, *topic).qos(qos).await.unwrap();
    }
}

#[tokio::test]
async fn they_get_what_a_lasting_session_collected() {
    each(async |case| {
        let client = Client::connect(lasting(&case)).await.unwrap();
        drop(client.subscribe(["a/#", "b"]).qos(QoS::ExactlyOnce).await.unwrap());
        client.disconnect().await.unwrap();
        let publisher = case.connect().await;
        publish_each(&publisher, &["a/1", "a/2", "b", "a/3"]).await;

        let client = Client::connect(lasting(&case)).prepare().unwrap();
        let mut wide = client.subscribe("a/#").qos(QoS::ExactlyOnce).declare().unwrap();
        let mut narrow = client.subscribe("b").qos(QoS::ExactlyOnce).declare().unwrap();
        assert!(client.start().await.unwrap().session_present);
        assert_eq!(texts(&mut wide).await, ["a/1", "a/2", "a/3"]);
        assert_eq!(texts(&mut narrow).await, ["b"]);
        publish_each(&publisher, &["b", "a/4"]).await;
        assert_eq!(texts(&mut wide).await, ["a/4"]);
        assert_eq!(texts(&mut narrow).await, ["b"]);
        assert_eq!(client.metrics().dropped_incoming, 0);
    })
    .await;
}

#[tokio::test]
async fn a_new_session_is_subscribed_as_declared() {
    each(async |case| {
        let client = Client::connect(case.options()).prepare().unwrap();
        let mut stream = client.subscribe("new").qos(QoS::AtLeastOnce).declare().unwrap();
        assert!(!client.start().await.unwrap().session_present);
        client.publish("new", "first").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(texts(&mut stream).await, ["first"]);
        stream.unsubscribe().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn events_are_listened_to_from_the_first_attempt() {
    each(async |case| {
        let client = Client::connect(case.options()).prepare().unwrap();
        let mut events = client.events();
        let granted = client.start().await.unwrap();
        let connecting = events.recv().await.unwrap();
        assert!(matches!(connecting, Event::Connecting { attempt: 1, .. }), "{connecting:?}");
        assert_eq!(events.recv().await, Some(Event::Connected(Box::new(granted))));
        client.disconnect().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn messages_are_accepted_before_the_start() {
    each(async |case| {
        let client = Client::connect(case.options()).prepare().unwrap();
        let mut stream = client.subscribe("early").qos(QoS::AtLeastOnce).declare().unwrap();
        let delivery = client.publish("early", "bird").qos(QoS::AtLeastOnce).enqueue().await.unwrap();
        client.start().await.unwrap();
        delivery.await.unwrap();
        assert_eq!(texts(&mut stream).await, ["bird"]);
    })
    .await;
}

#[tokio::test]
async fn blocking_clients_declare_too() {
    for version in VERSIONS {
        let broker = Mosquitto::start("");
        let options = options(&broker.url(), version).client_id("lasting").clean_start(false);
        let options =
            if version.has_properties() { options.session_expiry(Duration::from_secs(600)) } else { options };
        let life = tokio::task::spawn_blocking(move || {
            std::thread::spawn(move || blocking_life(&options)).join().unwrap();
        });
        bounded(&format!("blocking, MQTT {version}"), life).await.unwrap();
        drop(broker);
    }
}

fn blocking_life(options: &Options) {
    use polymqtt::blocking::Client;

    let client = Client::connect(options.clone()).unwrap();
    drop(client.subscribe("kept", QoS::AtLeastOnce).unwrap());
    client.disconnect().unwrap();
    let publisher = Client::connect(options.clone().client_id("publisher").clean_start(true)).unwrap();
    publisher.publish("kept", "meanwhile", QoS::AtLeastOnce).unwrap();

    let client = Client::prepare(options.clone(), |connect| connect).unwrap();
    let mut events = client.events();
    let mut stream = client.declare("kept", |subscribe| subscribe.qos(QoS::AtLeastOnce)).unwrap();
    assert!(client.start().unwrap().session_present);
    assert_eq!(stream.recv().unwrap().unwrap().text(), Ok("meanwhile"));
    assert!(matches!(events.next(), Some(Event::Connecting { attempt: 1, .. })));
    assert!(matches!(events.next(), Some(Event::Connected(_))));
    client.disconnect().unwrap();
}
