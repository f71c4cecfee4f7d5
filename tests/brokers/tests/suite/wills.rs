//! The will: published when the connection is lost or on request, and never after an orderly goodbye.

use polymqtt::{Client, DisconnectOptions, QoS, Subscription, Will};
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
