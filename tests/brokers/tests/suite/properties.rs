//! What MQTT 5 lets a client say beside its messages, and what the servers make of it.

use std::time::Duration;

use polymqtt::{
    Client, DisconnectOptions, Options, QoS, ReasonCode, Undelivered, UserProperties, Utf8String,
};
use polymqtt_broker_tests::{Case, each};

fn text(text: &str) -> Utf8String {
    Utf8String::try_from(text).unwrap()
}

fn pair() -> UserProperties {
    [(text("name"), text("value"))].into()
}

/// A client whose session the server keeps after an orderly disconnect.
fn lasting(case: &Case) -> Options {
    case.options().client_id("lasting").clean_start(false).session_expiry(Duration::from_secs(600))
}

#[tokio::test]
async fn user_properties_of_every_packet_are_taken() {
    each(async |case| {
        if !case.is_v5() {
            return;
        }
        let options = case.options().user_property("name", "1").user_property("name", "2");
        let client = Client::connect(options).await.unwrap();
        let subscribe = client.subscribe("p").qos(QoS::ExactlyOnce);
        let mut stream = subscribe.user_property("name", "1").user_property("name", "2").await.unwrap();
        client.publish("p", "").qos(QoS::ExactlyOnce).user_property("name", "value").await.unwrap();
        let message = stream.recv().await.unwrap().unwrap();
        let properties = &message.properties().unwrap().user_properties;
        assert!(pair().iter().all(|pair| properties.contains(pair)));
        let answer = stream.unsubscribe().user_property("name", "value").await.unwrap();
        assert_eq!(answer.reason_codes, [ReasonCode::Success]);
        assert_eq!(client.metrics().reconnects, 0);
        let goodbye = DisconnectOptions {
            reason_string: Some(text("enough")),
            user_properties: pair(),
            ..DisconnectOptions::default()
        };
        assert_eq!(client.disconnect_with(goodbye).await.unwrap(), Undelivered::default());
    })
    .await;
}

#[tokio::test]
async fn an_unsubscribe_tells_what_there_was() {
    each(async |case| {
        let client = case.connect().await;
        let answer = client.unsubscribe(["never", "neither/#"]).await.unwrap();
        let none = if case.is_v5() { vec![ReasonCode::NoSubscriptionExisted; 2] } else { Vec::new() };
        assert_eq!(answer.reason_codes, none);
        if !case.is_v5() {
            return;
        }
        let earlier = Client::connect(lasting(&case)).await.unwrap();
        drop(earlier.subscribe("old").qos(QoS::AtLeastOnce).await.unwrap());
        earlier.disconnect().await.unwrap();
        let client = Client::connect(lasting(&case)).await.unwrap();
        let answer = client.unsubscribe(["old", "never"]).await.unwrap();
        assert_eq!(answer.reason_codes, [ReasonCode::Success, ReasonCode::NoSubscriptionExisted]);
    })
    .await;
}

#[tokio::test]
async fn a_disconnect_may_end_a_session_that_was_to_last() {
    each(async |case| {
        if !case.is_v5() {
            return;
        }
        for (session_expiry, lasts) in [(None, true), (Some(Duration::ZERO), false)] {
            let client = Client::connect(lasting(&case)).await.unwrap();
            drop(client.subscribe("s").qos(QoS::AtLeastOnce).await.unwrap());
            client
                .disconnect_with(DisconnectOptions { session_expiry, ..DisconnectOptions::default() })
                .await
                .unwrap();
            let client = Client::connect(lasting(&case)).await.unwrap();
            assert_eq!(client.connected().unwrap().session_present, lasts);
            client.disconnect().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn the_server_counts_a_messages_expiry_down() {
    each(async |case| {
        if !case.is_v5() {
            return;
        }
        let client = Client::connect(lasting(&case)).await.unwrap();
        drop(client.subscribe("e").qos(QoS::AtLeastOnce).await.unwrap());
        client.disconnect().await.unwrap();
        let publisher = case.connect().await;
        for (payload, seconds) in [("brief", 1), ("long", 100)] {
            let publish = publisher.publish("e", payload).qos(QoS::AtLeastOnce);
            publish.message_expiry(Duration::from_secs(seconds)).await.unwrap();
        }
        // Servers count whole seconds, by their own clocks.
        tokio::time::sleep(Duration::from_millis(2_200)).await;
        let client = Client::connect(lasting(&case)).prepare().unwrap();
        let mut stream = client.subscribe("e").qos(QoS::AtLeastOnce).declare().unwrap();
        client.start().await.unwrap();
        let message = stream.recv().await.unwrap().unwrap();
        assert_eq!(message.text(), Ok("long"));
        let left = message.properties().unwrap().message_expiry_interval.unwrap();
        assert!((1..100).contains(&left), "{left}");
    })
    .await;
}

#[tokio::test]
async fn what_is_larger_than_the_client_takes_does_not_come() {
    each(async |case| {
        if !case.is_v5() {
            return;
        }
        let publisher = case.connect().await;
        let client = Client::connect(case.options().maximum_packet_size(500)).await.unwrap();
        let mut stream = client.subscribe("m").qos(QoS::AtLeastOnce).await.unwrap();
        publisher.publish("m", vec![0; 1_000]).qos(QoS::AtLeastOnce).await.unwrap();
        publisher.publish("m", "small").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok("small"));
        assert_eq!(client.metrics().reconnects, 0);
    })
    .await;
}
