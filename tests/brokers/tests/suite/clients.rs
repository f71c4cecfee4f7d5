//! Many clients at once, and two with one identifier.

use polymqtt::{Client, Event, QoS, ReasonCode};
use polymqtt_broker_tests::{Broker, each};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_clients_at_once() {
    each(async |case| {
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..50 {
            let options = case.options();
            tasks.spawn(async move {
                let client = Client::connect(options).await.unwrap();
                let (own, next) = (format!("ring/{n}"), format!("ring/{}", (n + 1) % 50));
                let stream = client.subscribe(&own).qos(QoS::ExactlyOnce).await.unwrap();
                (client, next, stream)
            });
        }
        let mut running = Vec::new();
        while let Some(client) = tasks.join_next().await {
            running.push(client.unwrap());
        }
        for (client, next, ..) in &running {
            for payload in ["1", "2", "3"] {
                client.publish(next.as_str(), payload).qos(QoS::ExactlyOnce).await.unwrap();
            }
        }
        for (client, _, stream) in &mut running {
            for payload in ["1", "2", "3"] {
                assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok(payload));
            }
            client.disconnect().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_is_taken_over_stops_and_says_why() {
    each(async |case| {
        // mosquitto closes the connection without a word.
        if !case.is_v5() || matches!(case.broker, Broker::Mosquitto(_)) {
            return;
        }
        let first = Client::connect(case.options().client_id("twin")).await.unwrap();
        let mut events = first.events();
        let _second = Client::connect(case.options().client_id("twin")).await.unwrap();
        let ended = events.recv().await;
        let Some(Event::Disconnected { error: Some(error), retry_in: None }) = ended else {
            panic!("{ended:?}");
        };
        assert_eq!(error.reason_code(), Some(ReasonCode::SessionTakenOver));
    })
    .await;
}

#[tokio::test]
async fn clients_that_take_each_others_session_over_are_told() {
    each(async |case| {
        // In version 5 the embedded broker says why, and the loser stops; mosquitto never does.
        if case.is_v5() && matches!(case.broker, Broker::Embedded(_)) {
            return;
        }
        let first = Client::connect(case.options().client_id("twin")).await.unwrap();
        let mut events = first.events();
        let _second = Client::connect(case.options().client_id("twin")).await.unwrap();
        loop {
            match events.recv().await.unwrap() {
                Event::Flapping { connections } => break assert_eq!(connections, 3),
                Event::Disconnected { retry_in, .. } => assert!(retry_in.is_some()),
                _ => {}
            }
        }
    })
    .await;
}
