//! Bounded queues and streams: waiting, dropping, and never a deadlock.

use std::time::Duration;

use polymqtt::{Client, ErrorKind, Message, QoS, QueueOptions, StreamOptions, WhenFull};
use polymqtt_broker_tests::{Mosquitto, VERSIONS, bounded, each, options};

const TINY: usize = 2;

fn tiny() -> StreamOptions {
    StreamOptions { max_messages: TINY, ..StreamOptions::default() }
}

#[tokio::test]
async fn awaiting_a_publish_in_a_receive_loop_whose_stream_is_full() {
    each(async |case| {
        let client = case.connect().await;
        let mut stream = client.subscribe("flood").stream(tiny()).await.unwrap();
        let flooder = case.connect().await;
        let flood = tokio::spawn(async move {
            for n in 0..u32::MAX {
                flooder.publish("flood", n.to_be_bytes().to_vec()).await.unwrap();
                if n % 50 == 0 {
                    flooder.flush().await.unwrap();
                }
            }
        });
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce].repeat(100) {
            let message = stream.recv().await.unwrap().unwrap();
            client.publish("answers", message.payload().to_vec()).qos(qos).await.unwrap();
        }
        flood.abort();
        assert!(client.metrics().messages_received >= 200);
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_nobody_reads_does_not_stop_the_others() {
    each(async |case| {
        // Without a receive maximum nothing but reading can be held back, which is for all streams.
        if !case.is_v5() {
            return;
        }
        let client = case.connect().await;
        let _ignored = client.subscribe("ignored").qos(QoS::AtLeastOnce).stream(tiny()).await.unwrap();
        let mut read = client.subscribe("read").qos(QoS::AtLeastOnce).await.unwrap();
        for n in 0..10_u8 {
            client.publish("ignored", "").qos(QoS::AtLeastOnce).await.unwrap();
            client.publish("read", vec![n]).qos(QoS::AtLeastOnce).await.unwrap();
            assert_eq!(read.recv().await.unwrap().unwrap().payload(), [n]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_reader_gets_every_message_of_qos_1_and_2() {
    each(async |case| {
        let (client, publisher) = (case.connect().await, case.connect().await);
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let topic = format!("slow/{qos:?}");
            let mut stream = client.subscribe(&topic).qos(qos).stream(tiny()).await.unwrap();
            let message = |n: u32| Message::new(topic.as_str(), n.to_string()).unwrap().with_qos(qos);
            let outcomes = publisher.publish_many((0..1500).map(message)).await.unwrap();
            assert!(outcomes.iter().all(Result::is_ok));
            let mut next = 0;
            while next < 1500 {
                let message = stream.recv().await.unwrap().unwrap();
                let number: u32 = message.text().unwrap().parse().unwrap();
                // A connection that had to be closed resends at QoS 1.
                assert!(number == next || (qos == QoS::AtLeastOnce && number < next), "{number}");
                next = next.max(number + 1);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_does_as_it_was_told() {
    for version in VERSIONS {
        for when_full in
            [WhenFull::Fail, WhenFull::DropOldest, WhenFull::DropNewest, WhenFull::LatestPerTopic]
        {
            bounded(&format!("{when_full:?}, MQTT {version}"), async {
                let mut broker = Mosquitto::start("");
                let queue = QueueOptions { max_messages: 2, when_full, ..QueueOptions::default() };
                let client = Client::connect(options(&broker.url(), version).queue(queue)).await.unwrap();
                let mut stream = client.subscribe("q/#").qos(QoS::AtLeastOnce).await.unwrap();
                let mut events = client.events();
                broker.kill();
                events.recv().await.unwrap();
                let publish = |topic: &'static str| client.publish(topic, topic).qos(QoS::AtLeastOnce);
                let first = publish("q/1").enqueue().await.unwrap();
                let second = publish("q/2").enqueue().await.unwrap();
                let third = publish("q/2").enqueue().await;
                broker.restart();
                let (kinds, arrived): ([Option<ErrorKind>; 3], [&str; 2]) = match when_full {
                    WhenFull::Fail => ([None, None, Some(ErrorKind::QueueFull)], ["q/1", "q/2"]),
                    WhenFull::DropOldest => ([Some(ErrorKind::Dropped), None, None], ["q/2", "q/2"]),
                    WhenFull::LatestPerTopic => ([None, Some(ErrorKind::Dropped), None], ["q/1", "q/2"]),
                    _ => ([None, None, Some(ErrorKind::Dropped)], ["q/1", "q/2"]),
                };
                let third = match third {
                    Ok(delivery) => delivery.await.err(),
                    Err(error) => Some(error),
                };
                let outcomes = [first.await.err(), second.await.err(), third];
                assert_eq!(outcomes.map(|error| error.map(|error| error.kind())), kinds);
                for topic in arrived {
                    assert_eq!(stream.recv().await.unwrap().unwrap().topic(), topic);
                }
            })
            .await;
        }
    }
}

#[tokio::test]
async fn publishers_wait_for_room_in_order() {
    each(async |case| {
        let small = QueueOptions { max_messages: 3, ..QueueOptions::default() };
        let client = Client::connect(case.options().queue(small)).await.unwrap();
        let watcher = case.connect().await;
        let mut stream = watcher.subscribe("w").qos(QoS::ExactlyOnce).await.unwrap();
        let publishing = async {
            for n in 0..500_u32 {
                client.publish("w", n.to_string()).qos(QoS::AtLeastOnce).enqueue().await.unwrap();
            }
        };
        let receiving = async {
            for n in 0..500_u32 {
                assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok(n.to_string().as_str()));
            }
        };
        tokio::join!(publishing, receiving);
    })
    .await;
}

#[tokio::test]
async fn a_full_stream_does_not_keep_the_awaited_one_from_its_message() {
    each(async |case| {
        let (client, publisher) = (case.connect().await, case.connect().await);
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
            let full = client.subscribe("full").stream(tiny()).await.unwrap();
            let mut awaited = client.subscribe("awaited").qos(qos).await.unwrap();
            for n in 0..20_u8 {
                publisher.publish("full", vec![n]).await.unwrap();
            }
            publisher.publish("awaited", "here").qos(QoS::AtLeastOnce).await.unwrap();
            assert_eq!(awaited.recv().await.unwrap().unwrap().text(), Ok("here"));
            full.unsubscribe().await.unwrap();
            awaited.unsubscribe().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_backlog_above_the_receive_maximum_comes_through_on_one_connection() {
    // mosquitto 2.0.11 answers each acknowledgement by two messages as long as there is a backlog.
    each(async |case| {
        let lasting = || {
            let options = case.options().client_id("slow").clean_start(false).receive_maximum(10);
            if case.is_v5() { options.session_expiry(Duration::from_secs(600)) } else { options }
        };
        // What 3.1.1 has instead of a receive maximum is the server's: mosquitto keeps no more than so many waiting.
        let backlog = 200_u8;
        let client = Client::connect(lasting()).await.unwrap();
        drop(client.subscribe("jobs").qos(QoS::AtLeastOnce).await.unwrap());
        client.disconnect().await.unwrap();
        let publisher = case.connect().await;
        for n in 0..backlog {
            publisher.publish("jobs", vec![n]).qos(QoS::AtLeastOnce).await.unwrap();
        }
        let client = Client::connect(lasting()).prepare().unwrap();
        let mut stream = client.subscribe("jobs").qos(QoS::AtLeastOnce).declare().unwrap();
        client.start().await.unwrap();
        for n in 0..backlog {
            assert_eq!(stream.recv().await.unwrap().unwrap().payload(), [n]);
        }
        assert_eq!(client.metrics().reconnects, 0);
    })
    .await;
}
