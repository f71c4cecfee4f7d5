//! A broker that goes away and comes back.

use std::net::TcpListener;

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
fn a_second_url_is_tried_when_the_first_can_not_be_reached() {
    let broker = Broker::embedded(&["-p", "0"]);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("mqtt://{nobody}");
    let arguments = ["pub", "-L", &nobody, "-L", &broker.url, "-t", "a", "-m", "x", "-q", "1", "-W", "30"];
    let ended = run("", &arguments);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let wrong = run("", &["pub", "-L", &nobody, "-L", "mqtt://host/topic", "-t", "a", "-m", "x"]);
    assert!(wrong.code == 1 && wrong.stderr.contains("--url"), "{}", wrong.stderr);
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
