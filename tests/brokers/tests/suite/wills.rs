//! The will: published when the connection is lost or on request, and never after an orderly goodbye.

use std::time::Duration;

use polymqtt::{
    Client, DisconnectOptions, ErrorKind, Event, QoS, Subscription, Utf8String, Will, WillProperties,
};
use polymqtt_broker_tests::{Case, Relay, each, options};

/// Somebody who sees wills, and a client with a will behind a relay.
struct Scene {
    watcher: Client,
    wills: Subscription,
    relay: Relay,
    client: Client,
}

impl Scene {
    async fn of(case: &Case) -> Self {
        let watcher = case.connect().await;
        let wills = watcher.subscribe("wills").qos(QoS::AtLeastOnce).await.unwrap();
        let relay = Relay::to(case.broker.port()).await;
        let will = Will::new("wills", "gone").unwrap().qos(QoS::AtLeastOnce);
        let with_will = options(&relay.url(), case.version).will(will).reconnect(None);
        let client = Client::connect(with_will).await.unwrap();
        Self { watcher, wills, relay, client }
    }

    /// What comes first: the will, or what is published now.
    async fn first(&mut self) -> String {
        self.watcher.publish("wills", "nothing").qos(QoS::AtLeastOnce).await.unwrap();
        self.wills.recv().await.unwrap().unwrap().text().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_lost_connection_publishes_the_will() {
    each(async |case| {
        let mut scene = Scene::of(&case).await;
        scene.relay.cut();
        assert_eq!(scene.wills.recv().await.unwrap().unwrap().text(), Ok("gone"));
    })
    .await;
}

#[tokio::test]
async fn an_orderly_disconnect_does_not() {
    each(async |case| {
        let mut scene = Scene::of(&case).await;
        scene.client.disconnect().await.unwrap();
        scene.relay.ended(1).await;
        assert_eq!(scene.first().await, "nothing");
    })
    .await;
}

#[tokio::test]
async fn neither_does_dropping_the_last_handle() {
    each(async |case| {
        let mut scene = Scene::of(&case).await;
        let other = case.connect().await;
        // What was accepted goes out first.
        scene.client.publish("before", "").await.unwrap();
        drop(std::mem::replace(&mut scene.client, other));
        scene.relay.ended(1).await;
        assert_eq!(scene.first().await, "nothing");
    })
    .await;
}

#[tokio::test]
async fn a_disconnect_can_ask_for_the_will() {
    each(async |case| {
        if !case.is_v5() {
            return;
        }
        let mut scene = Scene::of(&case).await;
        let with_will = DisconnectOptions { with_will: true, ..DisconnectOptions::default() };
        scene.client.disconnect_with(with_will).await.unwrap();
        assert_eq!(scene.wills.recv().await.unwrap().unwrap().text(), Ok("gone"));
    })
    .await;
}

#[tokio::test]
async fn a_will_has_properties_and_may_come_later() {
    each(async |case| {
        let text = |text: &str| Utf8String::try_from(text).unwrap();
        let properties = WillProperties {
            payload_format_indicator: Some(true),
            content_type: Some(text("text/plain")),
            response_topic: Some(text("answers/here")),
            correlation_data: Some(vec![0, 255, 7].into()),
            user_properties: [(text("name"), text("value"))].into(),
            ..WillProperties::default()
        };
        let will = Will::new("wills", "gone").unwrap().qos(QoS::AtLeastOnce);
        let will = will.delay(Duration::from_secs(1)).properties(properties.clone());
        let relay = Relay::to(case.broker.port()).await;
        let with_will = options(&relay.url(), case.version).will(will).reconnect(None);
        if !case.is_v5() {
            let error = Client::connect(with_will).await.unwrap_err();
            return assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
        let watcher = case.connect().await;
        let mut wills = watcher.subscribe("wills").qos(QoS::AtLeastOnce).await.unwrap();
        let _client = Client::connect(with_will).await.unwrap();
        relay.cut();
        let message = wills.recv().await.unwrap().unwrap();
        let received = message.properties().unwrap();
        assert_eq!(message.text(), Ok("gone"));
        assert_eq!(received.payload_format_indicator, properties.payload_format_indicator);
        assert_eq!(received.content_type, properties.content_type);
        assert_eq!(received.response_topic, properties.response_topic);
        assert_eq!(received.correlation_data, properties.correlation_data);
        assert!(properties.user_properties.iter().all(|pair| received.user_properties.contains(pair)));
    })
    .await;
}

#[tokio::test]
async fn a_client_that_is_back_before_the_delay_keeps_its_will() {
    each(async |case| {
        if !case.is_v5() {
            return;
        }
        let watcher = case.connect().await;
        let mut wills = watcher.subscribe("wills").qos(QoS::AtLeastOnce).await.unwrap();
        let relay = Relay::to(case.broker.port()).await;
        let will = Will::new("wills", "gone").unwrap().qos(QoS::AtLeastOnce).delay(Duration::from_secs(60));
        let client = Client::connect(options(&relay.url(), case.version).will(will)).await.unwrap();
        let mut events = client.events();
        relay.cut();
        while !matches!(events.recv().await.unwrap(), Event::Connected(_)) {}
        client.publish("wills", "back").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(wills.recv().await.unwrap().unwrap().text(), Ok("back"));
    })
    .await;
}
