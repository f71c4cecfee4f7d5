//! Subscribing: filters and options, retained messages, shared subscriptions, acknowledging by hand.

use polymqtt::{Client, ErrorKind, Message, QoS, RetainHandling, Subscription};
use polymqtt_broker_tests::{Relay, each, options};

async fn next(stream: &mut Subscription) -> Message {
    stream.recv().await.unwrap().unwrap()
}

async fn publish(client: &Client, topic: &str, payload: &str) {
    client.publish(topic, payload.to_owned()).qos(QoS::AtLeastOnce).await.unwrap();
}

#[tokio::test]
async fn wildcards() {
    each(async |case| {
        let client = case.connect().await;
        let mut one_level = client.subscribe("a/+/c").qos(QoS::AtLeastOnce).await.unwrap();
        let mut all_below = client.subscribe("b/#").qos(QoS::AtLeastOnce).await.unwrap();
        for topic in ["a/b/c", "a/c", "a/b/b/c", "b", "a//c", "b/x/y", "c"] {
            publish(&client, topic, "").await;
        }
        assert_eq!(next(&mut one_level).await.topic(), "a/b/c");
        assert_eq!(next(&mut one_level).await.topic(), "a//c");
        assert_eq!(next(&mut all_below).await.topic(), "b");
        assert_eq!(next(&mut all_below).await.topic(), "b/x/y");
    })
    .await;
}

#[tokio::test]
async fn several_filters_in_one_stream() {
    each(async |case| {
        let client = case.connect().await;
        let mut stream = client.subscribe(["x", "y/+"]).qos(QoS::ExactlyOnce).await.unwrap();
        assert_eq!(stream.granted().len(), 2);
        for topic in ["x", "z", "y/1"] {
            publish(&client, topic, "").await;
        }
        assert_eq!(next(&mut stream).await.topic(), "x");
        assert_eq!(next(&mut stream).await.topic(), "y/1");
    })
    .await;
}

#[tokio::test]
async fn overlapping_filters_get_a_copy_each_where_identifiers_tell_them_apart() {
    each(async |case| {
        let client = case.connect().await;
        if !client.connected().unwrap().limits.subscription_identifiers {
            return;
        }
        let mut narrow = client.subscribe("o/1").qos(QoS::AtLeastOnce).await.unwrap();
        let mut wide = client.subscribe("o/#").qos(QoS::AtLeastOnce).await.unwrap();
        publish(&client, "o/1", "both").await;
        publish(&client, "o/2", "wide").await;
        publish(&client, "o/1", "end").await;
        for expected in ["both", "end"] {
            assert_eq!(next(&mut narrow).await.text(), Ok(expected));
        }
        for expected in ["both", "wide", "end"] {
            assert_eq!(next(&mut wide).await.text(), Ok(expected));
        }
    })
    .await;
}

#[tokio::test]
async fn the_same_filter_twice_is_two_streams_of_one_subscription() {
    each(async |case| {
        let client = case.connect().await;
        let mut first = client.subscribe("same").qos(QoS::AtLeastOnce).await.unwrap();
        let mut second = client.subscribe("same").qos(QoS::AtLeastOnce).await.unwrap();
        let error = client.subscribe("same").qos(QoS::AtMostOnce).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        publish(&client, "same", "1").await;
        assert_eq!(next(&mut first).await.text(), Ok("1"));
        assert_eq!(next(&mut second).await.text(), Ok("1"));
        first.unsubscribe().await.unwrap();
        publish(&client, "same", "2").await;
        assert_eq!(next(&mut second).await.text(), Ok("2"));
    })
    .await;
}

#[tokio::test]
async fn nothing_comes_once_unsubscribed() {
    each(async |case| {
        let client = case.connect().await;
        let gone = client.subscribe("gone").qos(QoS::AtLeastOnce).await.unwrap();
        gone.unsubscribe().await.unwrap();
        publish(&client, "gone", "late").await;
        // What the server answers comes behind what it would have sent.
        client.subscribe("marker").await.unwrap();
        let metrics = client.metrics();
        assert_eq!((metrics.messages_received, metrics.dropped_incoming), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn retained_messages_come_first_until_they_are_cleared() {
    each(async |case| {
        let client = case.connect().await;
        let retain =
            |payload: &'static str| client.publish("kept", payload).qos(QoS::AtLeastOnce).retain(true);
        retain("old").await.unwrap();
        retain("new").await.unwrap();
        let mut stream = client.subscribe("kept").qos(QoS::AtLeastOnce).await.unwrap();
        let kept = next(&mut stream).await;
        assert_eq!((kept.text(), kept.retain()), (Ok("new"), true));
        publish(&client, "kept", "live").await;
        let live = next(&mut stream).await;
        assert_eq!((live.text(), live.retain()), (Ok("live"), false));
        stream.unsubscribe().await.unwrap();
        retain("").await.unwrap();
        let mut stream = client.subscribe("kept").qos(QoS::AtLeastOnce).await.unwrap();
        publish(&client, "kept", "marker").await;
        assert_eq!(next(&mut stream).await.text(), Ok("marker"));
    })
    .await;
}

#[tokio::test]
async fn subscription_options_of_version_5() {
    each(async |case| {
        let (client, other) = (case.connect().await, case.connect().await);
        if !case.is_v5() {
            let outcome = client.subscribe("o").no_local(true).await;
            return assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unsupported);
        }
        client.publish("o", "kept").retain(true).qos(QoS::AtLeastOnce).await.unwrap();
        let subscribe = client.subscribe("o").qos(QoS::AtLeastOnce).no_local(true);
        let subscribe = subscribe.retain_handling(RetainHandling::DoNotSend).retain_as_published(true);
        let mut stream = subscribe.await.unwrap();
        publish(&client, "o", "mine").await;
        other.publish("o", "theirs").retain(true).qos(QoS::AtLeastOnce).await.unwrap();
        let message = next(&mut stream).await;
        assert_eq!((message.text(), message.retain()), (Ok("theirs"), true));
    })
    .await;
}

#[tokio::test]
async fn members_of_a_shared_subscription_share_the_messages() {
    each(async |case| {
        let (first, second, publisher) = (case.connect().await, case.connect().await, case.connect().await);
        let mut first = first.subscribe("$share/team/work").qos(QoS::AtLeastOnce).await.unwrap();
        let mut second = second.subscribe("$share/team/work").qos(QoS::AtLeastOnce).await.unwrap();
        for n in 0..40 {
            publish(&publisher, "work", &n.to_string()).await;
        }
        let mut received = Vec::new();
        while received.len() < 40 {
            let message = tokio::select! {
                message = first.recv() => message,
                message = second.recv() => message,
            };
            received.push(message.unwrap().unwrap().text().unwrap().parse::<u32>().unwrap());
        }
        received.sort_unstable();
        assert!(received.into_iter().eq(0..40));
    })
    .await;
}

#[tokio::test]
async fn acknowledging_by_hand_in_any_order() {
    each(async |case| {
        let publisher = case.connect().await;
        let client = case.connect().await;
        let mut stream = client.subscribe("m").qos(QoS::ExactlyOnce).manual_ack().await.unwrap();
        let message = |n: u32| Message::new("m", n.to_string()).unwrap().with_qos(QoS::AtLeastOnce);
        publisher.publish_many((0..40).map(message)).await.unwrap();
        let mut numbers = Vec::new();
        for _ in 0..10 {
            let mut held = Vec::new();
            for _ in 0..4 {
                held.push(next(&mut stream).await);
            }
            numbers.extend(held.iter().map(|message| message.text().unwrap().parse::<u32>().unwrap()));
            for index in [2, 0, 3, 1] {
                stream.ack(&held[index]).unwrap();
            }
        }
        assert_eq!(numbers, (0..40).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_on_the_next_connection() {
    each(async |case| {
        let publisher = case.connect().await;
        let relay = Relay::to(case.broker.port()).await;
        let mut behind = options(&relay.url(), case.version).client_id("manual");
        if !case.is_v5() {
            behind = behind.clean_start(false);
        }
        let client = Client::connect(behind).await.unwrap();
        let mut stream = client.subscribe("m").qos(QoS::AtLeastOnce).manual_ack().await.unwrap();
        for payload in ["1", "2", "3"] {
            publish(&publisher, "m", payload).await;
        }
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(next(&mut stream).await);
        }
        stream.ack(&held[1]).unwrap();
        stream.ack(&held[0]).unwrap();
        // The answer to this comes once the server has both acknowledgements.
        publish(&client, "elsewhere", "").await;
        relay.cut();
        let again = next(&mut stream).await;
        assert_eq!((again.text(), again.dup()), (Ok("3"), true));
        // This one is of the earlier connection: nothing happens.
        stream.ack(&held[2]).unwrap();
        stream.ack(&again).unwrap();
        publish(&publisher, "m", "4").await;
        assert_eq!(next(&mut stream).await.text(), Ok("4"));
    })
    .await;
}
