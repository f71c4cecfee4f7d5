//! The client without async.

use std::sync::mpsc;
use std::time::Duration;

use polymqtt::blocking::Client;
use polymqtt::{DisconnectOptions, ErrorKind, Event, Message, QoS, Undelivered};
use polymqtt_broker_tests::{Mosquitto, VERSIONS, options};

/// Runs a test on a thread of its own; where it hangs, it fails.
fn bounded(test: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        // Nobody waits any more only when this came too late.
        let _late = done.send(());
    });
    match wait.recv_timeout(Duration::from_secs(25)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("hangs"),
        _ => thread.join().unwrap(),
    }
}

#[test]
fn authenticating_again_needs_a_method() {
    bounded(|| {
        let broker = Mosquitto::start("");
        let client = Client::connect(broker.url()).unwrap();
        assert_eq!(client.reauthenticate().unwrap_err().kind(), ErrorKind::Unsupported);
    });
}

#[test]
fn a_whole_life() {
    bounded(|| {
        let broker = Mosquitto::start("");
        for version in VERSIONS {
            let client = Client::connect(options(&broker.url(), version)).unwrap();
            assert_eq!(client.connected().unwrap().limits.version, version);
            let mut events = client.events();
            let mut stream = client.subscribe(["b/1", "b/2"], QoS::ExactlyOnce).unwrap();
            assert_eq!(stream.granted().len(), 2);
            client.publish("b/1", "0", QoS::AtMostOnce).unwrap();
            client.publish("b/2", "1", QoS::AtLeastOnce).unwrap();
            client.publish_with("b/1", "2", |publish| publish.qos(QoS::ExactlyOnce)).unwrap();
            let message = |n: u32| Message::new("b/1", n.to_string()).unwrap().with_qos(QoS::AtLeastOnce);
            client.send(message(3)).unwrap();
            let delivery = client.enqueue(message(4)).unwrap();
            client.wait(delivery).unwrap();
            assert!(client.publish_many((5..10).map(message)).unwrap().iter().all(Result::is_ok));
            client.flush().unwrap();
            let mut received = vec![stream.recv().unwrap().unwrap(), stream.next().unwrap().unwrap()];
            while received.len() < 10 {
                stream.recv_many(&mut received, 3).unwrap();
            }
            let mut numbers: Vec<u32> =
                received.iter().map(|message| message.text().unwrap().parse().unwrap()).collect();
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..10));
            let nothing = stream.recv_timeout(Duration::from_millis(5)).unwrap_err();
            assert_eq!(nothing.kind(), ErrorKind::Timeout);
            stream.unsubscribe().unwrap();
            let undelivered = client.disconnect_with(DisconnectOptions::default()).unwrap();
            assert_eq!(undelivered, Undelivered::default());
            assert!(matches!(events.next(), Some(Event::Disconnected { error: None, .. })));
            assert_eq!(events.next(), None);
        }
    });
}

#[test]
fn the_iterator_ends_with_the_client() {
    bounded(|| {
        let broker = Mosquitto::start("");
        let client = Client::connect(broker.url()).unwrap();
        let stream = client.subscribe("i", QoS::AtLeastOnce).unwrap();
        let receiver = std::thread::spawn(move || stream.map(Result::unwrap).count());
        for _ in 0..10 {
            client.publish("i", "", QoS::AtLeastOnce).unwrap();
        }
        client.disconnect().unwrap();
        assert!(receiver.join().unwrap() <= 10);
    });
}

#[test]
fn threads_share_a_client() {
    bounded(|| {
        let broker = Mosquitto::start("");
        let client = Client::connect(broker.url()).unwrap();
        let mut stream = client.subscribe("t", QoS::AtLeastOnce).unwrap();
        let publishers: Vec<_> = (0..4)
            .map(|_| {
                let client = client.clone();
                std::thread::spawn(move || {
                    for _ in 0..50 {
                        client.publish("t", "", QoS::AtLeastOnce).unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..200 {
            stream.recv().unwrap().unwrap();
        }
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    });
}

#[test]
fn within_async_code_it_is_refused() {
    bounded(|| {
        let broker = Mosquitto::start("");
        let client = Client::connect(broker.url()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (connect, publish) = runtime.block_on(async {
            (Client::connect(broker.url()).err(), client.publish("t", "", QoS::AtLeastOnce).err())
        });
        for error in [connect, publish] {
            let error = error.unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidOption);
            assert!(error.to_string().contains("async"), "{error}");
        }
        client.publish("t", "", QoS::AtLeastOnce).unwrap();
    });
}
