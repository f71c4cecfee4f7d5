//! Topic aliases (section 3.3.2.3.4): shorter packets, and each message still arrives under its topic.

use std::collections::HashSet;

use polymqtt::{Client, Message, QoS, Subscription, Version};
use polymqtt_broker_tests::{Case, Mosquitto, Relay, bounded, each, options};

const ALL_QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// Long enough that a message without it is seen in the figures.
const TOPIC_LENGTH: usize = 200;

fn topic(index: usize) -> String {
    format!("aliases/{index:0>width$}", width = TOPIC_LENGTH - "aliases/".len())
}

/// Messages to so many topics in turn, each with its number and its topic in its payload.
fn messages(count: usize, topics: usize, qos: QoS) -> impl Iterator<Item = Message> {
    (0..count).map(move |n| {
        let topic = topic(n % topics);
        Message::new(topic.as_str(), format!("{n} {topic}")).unwrap().with_qos(qos)
    })
}

/// The number of the next message, which came under its topic.
async fn number(stream: &mut Subscription) -> usize {
    let message = stream.recv().await.unwrap().unwrap();
    let (number, topic) = message.text().unwrap().split_once(' ').unwrap();
    assert_eq!(message.topic(), topic);
    number.parse().unwrap()
}

async fn subscriber(case: &Case) -> (Client, Subscription) {
    let client = case.connect().await;
    let stream = client.subscribe("aliases/+").qos(QoS::ExactlyOnce).await.unwrap();
    (client, stream)
}

async fn every_message_keeps_its_topic(topics: usize) {
    each(async |case| {
        let (_subscriber, mut stream) = subscriber(&case).await;
        for qos in ALL_QOS {
            let publisher = case.connect().await;
            for outcome in publisher.publish_many(messages(150, topics, qos)).await.unwrap() {
                outcome.unwrap();
            }
            for n in 0..150 {
                assert_eq!(number(&mut stream).await, n, "{qos:?}");
            }
            assert_eq!(publisher.metrics().reconnects, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn three_topics() {
    every_message_keeps_its_topic(3).await;
}

#[tokio::test]
async fn more_topics_than_aliases() {
    every_message_keeps_its_topic(40).await;
}

#[tokio::test]
async fn names_go_once_as_far_as_the_server_takes_aliases() {
    for (configuration, aliases) in [("", 10), ("max_topic_alias 2", 2), ("max_topic_alias 0", 0)] {
        let broker = Mosquitto::start(configuration);
        bounded(&format!("{aliases} aliases"), async {
            let client = Client::connect(options(&broker.url(), Version::V5)).await.unwrap();
            assert_eq!(client.connected().unwrap().limits.topic_alias_maximum, aliases);
            let (count, topics) = (100, usize::from(aliases).max(1));
            let before = client.metrics().bytes_sent;
            client.publish_many(messages(count, topics, QoS::AtLeastOnce)).await.unwrap();
            let sent = usize::try_from(client.metrics().bytes_sent - before).unwrap();
            // The payload names the topic too.
            let names = sent / TOPIC_LENGTH - count;
            let expected = if aliases == 0 { count } else { topics };
            assert!((expected..expected + count / 5).contains(&names), "{names} names in {sent} bytes");
        })
        .await;
    }
}

#[tokio::test]
async fn aliases_end_with_their_connection() {
    each(async |case| {
        if !case.is_v5() {
            return;
        }
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let (_subscriber, mut stream) = subscriber(&case).await;
            // Cut while messages are on their way, at places that fall within packets.
            let relay = Relay::failing(case.broker.port(), vec![9_001, 17_003, 5_507]).await;
            let publisher = Client::connect(options(&relay.url(), case.version)).await.unwrap();
            for outcome in publisher.publish_many(messages(200, 3, qos)).await.unwrap() {
                outcome.unwrap();
            }
            assert!(publisher.metrics().reconnects >= 3);
            let mut numbers = HashSet::new();
            while numbers.len() < 200 {
                let new = numbers.insert(number(&mut stream).await);
                assert!(new || qos == QoS::AtLeastOnce, "twice");
            }
        }
    })
    .await;
}
