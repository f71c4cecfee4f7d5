//! Requests and responses through real brokers.

use std::collections::BTreeSet;
use std::time::Duration;

use polymqtt::{Client, ErrorKind, Event, Message, QoS, Responder, Version, WhenFull};
use polymqtt_broker_tests::{Broker, Case, Embedded, Mosquitto, Relay, bounded, options};

/// Runs a test with each broker. Version 3.1.1 has no requests.
async fn each(test: impl AsyncFn(Case)) {
    let version = Version::V5;
    let broker = Broker::Mosquitto(Mosquitto::start(""));
    bounded("mosquitto", test(Case { broker, version })).await;
    let broker = Broker::Embedded(Embedded::start().await);
    bounded("embedded", test(Case { broker, version })).await;
}

/// Answers each request with its topic, and `name` before it, until the client disconnects.
async fn serve(mut requests: Responder, name: &str) -> u32 {
    let mut served = 0;
    while let Some(request) = requests.recv().await.unwrap() {
        request.respond(format!("{name}{}", request.message().topic())).await.unwrap();
        served += 1;
    }
    served
}

/// A client of its own that answers in a task.
async fn responder(case: &Case, filter: &str, name: &'static str) -> (Client, tokio::task::JoinHandle<u32>) {
    let client = case.connect().await;
    let requests = client.respond(filter).await.unwrap();
    (client, tokio::spawn(serve(requests, name)))
}

#[tokio::test]
async fn a_request_is_answered_by_another_client() {
    each(async |case| {
        let (_responder, _task) = responder(&case, "rows/+", "").await;
        let client = case.connect().await;
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let answer = client.request("rows/7", "").qos(qos).await.unwrap();
            assert_eq!(answer.text(), Ok("rows/7"));
        }
        assert_eq!((client.metrics().requests, client.metrics().unmatched_responses), (0, 0));
    })
    .await;
}

#[tokio::test]
async fn an_answer_carries_what_the_responder_sets() {
    each(async |case| {
        let client = case.connect().await;
        let mut requests = client.respond("rows/+").await.unwrap();
        let answering = async {
            let request = requests.recv().await.unwrap().unwrap();
            assert_eq!(request.message().content_type(), Some("text/plain"));
            let answer = request.respond("{}").content_type("application/json").user_property("rows", "1");
            answer.await.unwrap();
        };
        let asking = async { client.request("rows/7", "which").content_type("text/plain").await.unwrap() };
        let ((), answer) = tokio::join!(answering, asking);
        assert_eq!(answer.content_type(), Some("application/json"));
        let pairs = &answer.properties().unwrap().user_properties;
        assert!(pairs.iter().any(|(name, value)| name == "rows" && value == "1"), "{pairs:?}");
    })
    .await;
}

#[tokio::test]
async fn many_in_flight_from_several_tasks() {
    each(async |case| {
        let (_responder, _task) = responder(&case, "rows/+", "").await;
        let client = case.connect().await;
        let tasks: Vec<_> = (0..300)
            .map(|n| {
                let client = client.clone();
                tokio::spawn(async move {
                    let topic = format!("rows/{n}");
                    let answer = client.request(topic.as_str(), "").await.unwrap();
                    assert_eq!(answer.text(), Ok(topic.as_str()));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(client.metrics().unmatched_responses, 0);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_cut_while_the_answer_is_awaited() {
    each(async |case| {
        let relay = Relay::to(case.broker.port()).await;
        let client = Client::connect(options(&relay.url(), case.version)).await.unwrap();
        let mut events = client.events();
        let responder = case.connect().await;
        let mut requests = responder.respond("rows/+").await.unwrap();
        let cutting = async {
            let request = requests.recv().await.unwrap().unwrap();
            relay.cut();
            while !matches!(events.recv().await.unwrap(), Event::Disconnected { .. }) {}
            request.respond("still").await.unwrap();
        };
        let asking = async { client.request("rows/7", "").await.unwrap() };
        let ((), answer) = tokio::join!(cutting, asking);
        assert_eq!(answer.text(), Ok("still"));
    })
    .await;
}

#[tokio::test]
async fn requests_over_a_network_that_is_cut_all_the_time() {
    each(async |case| {
        let lifetimes = (1..=12).map(|n| 900 * n).collect();
        let relay = Relay::failing(case.broker.port(), lifetimes).await;
        let (_responder, _task) = responder(&case, "rows/+", "").await;
        let options = options(&relay.url(), case.version).keep_trying(true);
        let client = Client::connect(options).await.unwrap();
        let mut asking = tokio::task::JoinSet::new();
        for n in 0..200 {
            let client = client.clone();
            asking.spawn(async move {
                let topic = format!("rows/{n}");
                (client.request(topic.as_str(), "").await.unwrap(), topic)
            });
        }
        while let Some(answered) = asking.join_next().await {
            let (answer, topic) = answered.unwrap();
            assert_eq!(answer.text(), Ok(topic.as_str()));
        }
        assert!(client.metrics().reconnects >= 3, "{:?}", client.metrics());
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_forgets_everything_between_request_and_answer() {
    bounded("mosquitto", async {
        let mut broker = Mosquitto::start("");
        let connect = || Client::connect(options(&broker.url(), Version::V5));
        let (client, responder) = (connect().await.unwrap(), connect().await.unwrap());
        let mut requests = responder.respond("rows/+").await.unwrap();
        let (mut events, mut others) = (client.events(), responder.events());
        let asking = tokio::spawn({
            let client = client.clone();
            async move { client.request("rows/7", "").await }
        });
        let request = requests.recv().await.unwrap().unwrap();
        // Else the request is sent again, and the broker may have it before the responder has subscribed again.
        while client.metrics().in_flight > 0 {
            tokio::task::yield_now().await;
        }
        broker.kill();
        broker.restart();
        for events in [&mut events, &mut others] {
            while !matches!(events.recv().await.unwrap(), Event::Connected(_)) {}
        }
        // By the time that this is answered, the response subscription stands again.
        client.subscribe("other").await.unwrap();
        request.respond("from memory").await.unwrap();
        assert_eq!(asking.await.unwrap().unwrap().text(), Ok("from memory"));
    })
    .await;
}

#[tokio::test]
async fn a_shared_subscription_makes_a_pool_of_responders() {
    each(async |case| {
        let (one, first) = responder(&case, "$share/workers/rows/+", "one ").await;
        let (two, second) = responder(&case, "$share/workers/rows/+", "two ").await;
        let client = case.connect().await;
        let mut names = BTreeSet::new();
        for n in 0..40 {
            let answer = client.request(format!("rows/{n}"), "").await.unwrap();
            let (name, topic) = answer.text().unwrap().split_once(' ').unwrap();
            assert_eq!(topic, format!("rows/{n}"));
            names.insert(name.to_owned());
        }
        assert_eq!(names.len(), 2, "both were asked");
        // Each request went to one of them only.
        assert_eq!(client.metrics().unmatched_responses, 0);
        one.disconnect().await.unwrap();
        two.disconnect().await.unwrap();
        assert_eq!(first.await.unwrap() + second.await.unwrap(), 40);
    })
    .await;
}

#[tokio::test]
async fn nobody_answers() {
    each(async |case| {
        let client = case.connect().await;
        let error = client.request("rows/7", "").timeout(Duration::from_millis(300)).await.unwrap_err();
        // A broker that tells that nobody subscribes spares the wait.
        assert!(matches!(error.kind(), ErrorKind::NoResponder | ErrorKind::Timeout), "{error:?}");
        let mut requests = case.connect().await.respond("rows/+").await.unwrap();
        let error = client.request("rows/7", "").timeout(Duration::from_millis(300)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        // A late answer harms nobody.
        requests.recv().await.unwrap().unwrap().respond("late").await.unwrap();
        let asking = client.request("rows/8", "");
        let answering = async { requests.recv().await.unwrap().unwrap().respond("in time").await.unwrap() };
        let (answer, _) = tokio::join!(asking.into_future(), answering);
        assert_eq!(answer.unwrap().text(), Ok("in time"));
        assert_eq!(client.metrics().unmatched_responses, 1);
    })
    .await;
}

#[tokio::test]
async fn dropping_a_wait_frees_it() {
    each(async |case| {
        let client = case.connect().await;
        let mut requests = client.respond("rows/+").await.unwrap();
        {
            let asking = client.request("rows/7", "").into_future();
            tokio::pin!(asking);
            tokio::select! {
                answer = &mut asking => panic!("{answer:?}"),
                request = requests.recv() => assert!(request.unwrap().is_some()),
            }
            assert_eq!(client.metrics().requests, 1);
        }
        assert_eq!(client.metrics().requests, 0);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_no_request_is_skipped() {
    each(async |case| {
        let client = case.connect().await;
        let mut requests = client.respond("rows/+").await.unwrap();
        client.publish("rows/1", "plain").qos(QoS::AtLeastOnce).await.unwrap();
        let message = Message::new("rows/2", "asked").unwrap().with_qos(QoS::AtLeastOnce);
        let asking = client.send_request(message).into_future();
        let answering = async {
            let request = requests.recv().await.unwrap().unwrap();
            assert_eq!(request.message().payload(), b"asked");
            request.respond("").await.unwrap();
        };
        let (answer, ()) = tokio::join!(asking, answering);
        answer.unwrap();
        assert_eq!(requests.skipped(), 1);
        requests.unsubscribe().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_makes_requests_wait_in_line() {
    each(async |case| {
        let queue =
            polymqtt::QueueOptions { max_messages: 2, when_full: WhenFull::Wait, ..Default::default() };
        let relay = Relay::to(case.broker.port()).await;
        let client = Client::connect(options(&relay.url(), case.version).queue(queue).receive_maximum(4))
            .await
            .unwrap();
        let (_responder, _task) = responder(&case, "rows/+", "").await;
        relay.hold();
        let mut asking = tokio::task::JoinSet::new();
        for n in 0..20 {
            let client = client.clone();
            asking.spawn(async move { client.request(format!("rows/{n}"), "").await.unwrap() });
        }
        tokio::task::yield_now().await;
        relay.release();
        assert_eq!(asking.join_all().await.len(), 20);
    })
    .await;
}

#[tokio::test]
async fn version_3_1_1_says_what_it_lacks() {
    bounded("embedded", async {
        let broker = Embedded::start().await;
        let client = Client::connect(options(&broker.url(), Version::V311)).await.unwrap();
        assert_eq!(client.request("rows/7", "").await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(client.respond("rows/+").await.unwrap_err().kind(), ErrorKind::Unsupported);
    })
    .await;
}

#[test]
fn without_async() {
    let broker = Mosquitto::start("");
    let connect = || polymqtt::blocking::Client::connect(broker.url()).unwrap();
    let (client, responder) = (connect(), connect());
    let mut requests = responder.respond("rows/+").unwrap();
    let answering = std::thread::spawn(move || {
        let request = requests.next().unwrap().unwrap();
        request.respond(request.message().topic()[5..].to_owned()).unwrap();
        let request = requests.recv_timeout(Duration::from_secs(20)).unwrap().unwrap();
        request.respond_with("{}", |answer| answer.content_type("application/json")).unwrap();
    });
    assert_eq!(client.request("rows/7", "").unwrap().text(), Ok("7"));
    let answer = client.request_with("rows/8", "", |request| request.qos(QoS::ExactlyOnce)).unwrap();
    assert_eq!(answer.content_type(), Some("application/json"));
    answering.join().unwrap();
}
