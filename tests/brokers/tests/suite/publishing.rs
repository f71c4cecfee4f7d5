//! Publishing and receiving with a broker that behaves.

use polymqtt::{
    Client, ErrorKind, Message, PublishProperties, QoS, ReasonCode, UserProperties, Utf8String, Version,
};
use polymqtt_broker_tests::{Mosquitto, VERSIONS, bounded, each, options};

const ALL_QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

#[tokio::test]
async fn every_quality_of_service_both_ways() {
    each(async |case| {
        let client = case.connect().await;
        for granted in ALL_QOS {
            let topic = format!("qos/{granted:?}");
            let mut stream = client.subscribe(&topic).qos(granted).await.unwrap();
            assert_eq!(stream.granted()[0].outcome, Ok(granted));
            for qos in ALL_QOS {
                let ack = client.publish(topic.as_str(), format!("{qos:?}")).qos(qos).await.unwrap();
                assert_eq!(ack.reason_code, ReasonCode::Success);
                let message = stream.recv().await.unwrap().unwrap();
                assert_eq!((message.topic(), message.qos()), (topic.as_str(), qos.min(granted)));
                assert_eq!(message.text(), Ok(format!("{qos:?}").as_str()));
                assert!(!message.retain() && !message.dup());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_batch_arrives_in_order_and_is_taken_in_batches() {
    each(async |case| {
        let client = case.connect().await;
        for qos in ALL_QOS {
            let topic = format!("batch/{qos:?}");
            let mut stream = client.subscribe(&topic).qos(qos).await.unwrap();
            let message = |n: u32| Message::new(topic.as_str(), n.to_string()).unwrap().with_qos(qos);
            let outcomes = client.publish_many((0..800).map(message)).await.unwrap();
            assert_eq!(outcomes.len(), 800);
            assert!(outcomes.iter().all(Result::is_ok));
            let mut received = Vec::new();
            while received.len() < 800 {
                let before = received.len();
                let count = stream.recv_many(&mut received, 100).await.unwrap();
                assert!((1..=100).contains(&count));
                assert_eq!(received.len(), before + count);
            }
            let numbers = received.iter().map(|message| message.text().unwrap().parse::<u32>().unwrap());
            assert!(numbers.eq(0..800));
        }
    })
    .await;
}

#[tokio::test]
async fn enqueued_messages_can_be_awaited_later_or_never() {
    each(async |case| {
        let client = case.connect().await;
        let mut stream = client.subscribe("later").qos(QoS::AtLeastOnce).await.unwrap();
        let mut deliveries = Vec::new();
        for n in 0..100 {
            let publish = client.publish("later", vec![n]).qos(QoS::AtLeastOnce);
            let delivery = publish.enqueue().await.unwrap();
            if n % 2 == 0 {
                deliveries.push(delivery);
            }
        }
        client.flush().await.unwrap();
        for delivery in deliveries {
            delivery.await.unwrap();
        }
        for n in 0..100 {
            assert_eq!(stream.recv().await.unwrap().unwrap().payload(), [n]);
        }
    })
    .await;
}

#[tokio::test]
async fn flush_hands_qos_0_to_the_system() {
    each(async |case| {
        let client = case.connect().await;
        let before = client.metrics();
        for _ in 0..50 {
            client.publish("flushed", vec![0; 1000]).await.unwrap();
        }
        client.flush().await.unwrap();
        let after = client.metrics();
        assert_eq!((after.queued, after.messages_sent - before.messages_sent), (0, 50));
        assert!(after.bytes_sent - before.bytes_sent > 50_000);
    })
    .await;
}

#[tokio::test]
async fn a_mebibyte_both_ways() {
    each(async |case| {
        let client = case.connect().await;
        let mut stream = client.subscribe("large").qos(QoS::ExactlyOnce).await.unwrap();
        let payload: Vec<u8> = (0..1_u32 << 20).map(|n| (n % 251) as u8).collect();
        for qos in ALL_QOS {
            client.publish("large", payload.clone()).qos(qos).await.unwrap();
            let message = stream.recv().await.unwrap().unwrap();
            assert!(message.payload() == payload, "{} bytes came", message.payload().len());
        }
    })
    .await;
}

#[tokio::test]
async fn empty_payloads_and_odd_topics() {
    each(async |case| {
        let client = case.connect().await;
        for topic in ["/", "a//b", " ", "über/日本/🦀", "x".repeat(1000).as_str()] {
            let mut stream = client.subscribe(topic).qos(QoS::AtLeastOnce).await.unwrap();
            client.publish(topic, "").qos(QoS::AtLeastOnce).await.unwrap();
            let message = stream.recv().await.unwrap().unwrap();
            assert_eq!((message.topic(), message.payload()), (topic, &b""[..]));
        }
        for topic in ["", "a/+", "#", "nul\0"] {
            let error = client.publish(topic, "").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidTopic, "{topic:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn properties_arrive_as_they_were_sent() {
    each(async |case| {
        let client = case.connect().await;
        let text = |text: &str| Utf8String::try_from(text).unwrap();
        let properties = PublishProperties {
            payload_format_indicator: Some(true),
            content_type: Some(text("text/plain")),
            response_topic: Some(text("answers/here")),
            correlation_data: Some(vec![0, 255, 7].into()),
            user_properties: UserProperties::from([(text("a"), text("1")), (text("a"), text("2"))]),
            ..PublishProperties::default()
        };
        let publish = client.publish("p", "text").qos(QoS::AtLeastOnce).properties(properties.clone());
        if !case.is_v5() {
            return assert_eq!(publish.await.unwrap_err().kind(), ErrorKind::Unsupported);
        }
        let mut stream = client.subscribe("p").qos(QoS::AtLeastOnce).await.unwrap();
        publish.await.unwrap();
        let message = stream.recv().await.unwrap().unwrap();
        let received = message.properties().unwrap();
        assert_eq!(received.payload_format_indicator, properties.payload_format_indicator);
        assert_eq!(received.content_type, properties.content_type);
        assert_eq!(received.response_topic, properties.response_topic);
        assert_eq!(received.correlation_data, properties.correlation_data);
        let sent = properties.user_properties;
        let received: Vec<_> =
            received.user_properties.iter().filter(|property| sent.contains(property)).cloned().collect();
        assert_eq!(received, sent);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_the_server_would_not_take_fails_before_it_is_sent() {
    let mosquitto = Mosquitto::start("max_packet_size 2000");
    let client = Client::connect(options(&mosquitto.url(), Version::V5)).await.unwrap();
    bounded("publish", async {
        assert_eq!(client.connected().unwrap().limits.maximum_packet_size, Some(2000));
        for qos in ALL_QOS {
            let error = client.publish("large", vec![0; 2000]).qos(qos).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PacketTooLarge, "{error}");
            assert_eq!(error.reason_code(), Some(ReasonCode::PacketTooLarge));
        }
        client.publish("large", vec![0; 1900]).qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(client.metrics().reconnects, 0);
    })
    .await;
}

#[tokio::test]
async fn the_figures_add_up() {
    for version in VERSIONS {
        let broker = Mosquitto::start("");
        let client = Client::connect(options(&broker.url(), version)).await.unwrap();
        bounded("metrics", async {
            let mut stream = client.subscribe("m").qos(QoS::ExactlyOnce).await.unwrap();
            for qos in ALL_QOS {
                client.publish("m", "x").qos(qos).await.unwrap();
                stream.recv().await.unwrap().unwrap();
            }
            let metrics = client.metrics();
            assert_eq!((metrics.messages_sent, metrics.messages_received), (3, 3));
            assert_eq!((metrics.in_flight, metrics.queued, metrics.queued_bytes), (0, 0, 0));
            assert_eq!((metrics.dropped_outgoing, metrics.dropped_incoming, metrics.reconnects), (0, 0, 0));
            assert!(metrics.bytes_sent > 0 && metrics.bytes_received > 0);
        })
        .await;
    }
}

#[tokio::test]
async fn qos_2_of_version_3_1_1_stays_within_what_mosquitto_takes_unasked() {
    let broker = Mosquitto::start("");
    let client = Client::connect(options(&broker.url(), Version::V311)).await.unwrap();
    let message = |_| Message::new("m", "").unwrap().with_qos(QoS::ExactlyOnce);
    let outcomes = bounded("publish", client.publish_many((0..100).map(message))).await.unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 0);
    assert_eq!(client.metrics().reconnects, 0);
}
