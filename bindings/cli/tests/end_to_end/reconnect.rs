//! A broker that goes away and comes back.

use crate::brokers::Broker;
use crate::process::{Running, publish, run};

#[test]
fn a_subscriber_lives_through_a_restart_of_the_broker() {
    let broker = Broker::embedded(&["-p", "0"]);
    let (url, port) = (broker.url.clone(), broker.port().to_owned());
    let mut subscriber = Running::subscriber(&url, &["-t", "a", "-q", "1", "-C", "2", "-d"]);
    publish(&url, "a", &["-m", "before"]);
    assert_eq!(subscriber.line(), "before");
    drop(broker);
    subscriber.wait_for_note("onnect");

    let _broker = Broker::embedded(&["-p", &port]);
    // Retained, so that it does not matter who is first.
    publish(&url, "a", &["-m", "after", "-r"]);
    assert_eq!(subscriber.line(), "after");
    assert_eq!(subscriber.end().code, 0);
}

#[test]
fn no_reconnect_ends_with_the_connection() {
    let broker = Broker::embedded(&["-p", "0"]);
    let url = broker.url.clone();
    let subscriber = Running::subscriber(&url, &["-t", "a", "--no-reconnect"]);
    drop(broker);
    let ended = subscriber.end();
    assert_eq!(ended.code, 2, "{}", ended.stderr);
}

#[test]
fn keep_trying_waits_for_the_first_connection() {
    let broker = Broker::embedded(&["-p", "0"]);
    let (url, port) = (broker.url.clone(), broker.port().to_owned());
    drop(broker);
    assert_eq!(run(&url, &["pub", "-t", "a", "-m", "x"]).code, 2);

    let publisher =
        Running::start(&url, &["pub", "-t", "a", "-m", "x", "-r", "-q", "1", "--keep-trying", "-W", "30"]);
    let _broker = Broker::embedded(&["-p", &port]);
    assert_eq!(publisher.end().code, 0);
    assert_eq!(run(&url, &["sub", "-t", "a", "-C", "1", "-W", "30"]).output(), "x\n");
}
