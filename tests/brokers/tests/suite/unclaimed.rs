//! Messages of a session that lasts, to filters that this program has no subscription for.

use std::time::Duration;

use polymqtt::{Client, ErrorKind, Options, QoS, StreamOptions, Subscription};
use polymqtt_broker_tests::{Case, each};

/// A client whose session the server keeps, and that does not wait long for subscriptions.
fn lasting(case: &Case) -> Options {
    let options = case.options().client_id("lasting").clean_start(false);
    let options = options.unclaimed_timeout(Duration::from_millis(20));
    if case.is_v5() { options.session_expiry(Duration::from_secs(600)) } else { options }
}

/// An earlier program subscribed to `old` and `new`; one message came to each.
async fn left_by_an_earlier_program(case: &Case) -> Client {
    let client = Client::connect(lasting(case)).await.unwrap();
    drop(client.subscribe(["old", "new"]).qos(QoS::ExactlyOnce).await.unwrap());
    client.disconnect().await.unwrap();
    let publisher = case.connect().await;
    publisher.publish("old", "1").qos(QoS::AtLeastOnce).await.unwrap();
    publisher.publish("new", "2").qos(QoS::ExactlyOnce).await.unwrap();
    publisher.publish("old", "3").qos(QoS::ExactlyOnce).await.unwrap();
    publisher
}

async fn text(stream: &mut Subscription) -> String {
    stream.recv().await.unwrap().unwrap().text().unwrap().to_owned()
}

#[tokio::test]
async fn they_come_to_the_stream_of_their_own() {
    each(async |case| {
        let publisher = left_by_an_earlier_program(&case).await;
        let client = Client::connect(lasting(&case)).prepare().unwrap();
        let mut unclaimed = client.unclaimed(StreamOptions::default()).unwrap();
        let mut new = client.subscribe("new").qos(QoS::ExactlyOnce).declare().unwrap();
        client.start().await.unwrap();
        assert_eq!(text(&mut new).await, "2");
        let mut texts = [text(&mut unclaimed).await, text(&mut unclaimed).await];
        texts.sort_unstable();
        assert_eq!(texts, ["1", "3"]);
        // The stream goes on with what comes later.
        publisher.publish("old", "4").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(text(&mut unclaimed).await, "4");
        let error = client.unclaimed(StreamOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        assert_eq!(client.metrics().dropped_incoming, 0);
    })
    .await;
}

#[tokio::test]
async fn taken_ones_do_not_come_again() {
    each(async |case| {
        left_by_an_earlier_program(&case).await;
        let client = Client::connect(lasting(&case)).prepare().unwrap();
        let mut unclaimed = client.unclaimed(StreamOptions::default()).unwrap();
        client.start().await.unwrap();
        let mut texts = [const { String::new() }; 3];
        for place in &mut texts {
            *place = text(&mut unclaimed).await;
        }
        texts.sort_unstable();
        assert_eq!(texts, ["1", "2", "3"]);
        // Dropping the stream takes what it handed out.
        drop(unclaimed);
        client.disconnect().await.unwrap();

        let client = Client::connect(lasting(&case)).prepare().unwrap();
        let mut unclaimed = client.unclaimed(StreamOptions::default()).unwrap();
        assert!(client.start().await.unwrap().session_present);
        client.publish("new", "marker").qos(QoS::ExactlyOnce).await.unwrap();
        assert_eq!(text(&mut unclaimed).await, "marker");
    })
    .await;
}

#[tokio::test]
async fn without_that_stream_they_are_acknowledged_and_counted() {
    each(async |case| {
        left_by_an_earlier_program(&case).await;
        let client = Client::connect(lasting(&case)).prepare().unwrap();
        let mut events = client.events();
        client.start().await.unwrap();
        let mut dropped = 0;
        while dropped < 3 {
            if let polymqtt::Event::Dropped { incoming, .. } = events.recv().await.unwrap() {
                dropped += incoming;
            }
        }
        assert_eq!((dropped, client.metrics().dropped_incoming), (3, 3));
    })
    .await;
}

#[tokio::test]
async fn those_of_a_session_that_this_program_ends_wait_for_its_subscriptions() {
    each(async |case| {
        left_by_an_earlier_program(&case).await;
        // Without a session expiry the session is not to last, but its messages are what this program came for.
        let client = Client::connect(case.options().client_id("lasting").clean_start(false)).await.unwrap();
        let mut streams = client.subscribe(["old", "new"]).qos(QoS::ExactlyOnce).await.unwrap();
        let mut texts = [text(&mut streams).await, text(&mut streams).await, text(&mut streams).await];
        texts.sort_unstable();
        assert_eq!(texts, ["1", "2", "3"]);
        assert_eq!(client.metrics().dropped_incoming, 0);
    })
    .await;
}
