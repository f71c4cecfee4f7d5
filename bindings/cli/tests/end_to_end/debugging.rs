//! What is told on standard error: everything with `--debug`, nothing with `--quiet`.

use crate::brokers::{self, Broker};
use crate::process::{Running, publish, run};

/// Lines without their times, which are seconds.
fn untimed(stderr: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    for line in stderr.lines() {
        let (time, rest) = line.trim_start().split_once(' ').unwrap();
        assert!(time.parse::<f64>().is_ok(), "{line}");
        lines.push(rest);
    }
    lines
}

#[test]
fn debugging_shows_packets_and_events_without_secrets() {
    for (name, broker) in brokers::both() {
        let arguments = ["pub", "-W", "30", "-d", "-i", "me", "-t", "a/b", "-m", "s3cret-payload", "-q", "1"];
        let credentials =
            ["-u", "ann", "-P", "s3cret-password", "--will-topic", "w", "--will-payload", "s3cret-will"];
        let ended = run(&broker.url, &[&arguments[..], &credentials].concat());
        assert_eq!(ended.code, 0, "{name}: {}", ended.stderr);
        assert!(
            !ended.stderr.contains("s3cret") && !ended.stderr.contains('\x1b'),
            "{name}: {}",
            ended.stderr
        );
        let lines = untimed(&ended.stderr);
        let mut expected = [
            "-- connecting",
            "-- transport open took_s=",
            "-> CONNECT v5.0 client=\"me\" clean-start keep-alive=60 user=\"ann\", password of 15 bytes, will",
            "<- CONNACK success (0x00)",
            "-- connected client_id=\"me\" version=5.0 session_present=false",
            "-> PUBLISH id=1 qos=1 topic=\"a/b\" 14 bytes",
            "<- PUBACK id=1",
            "-> DISCONNECT normal disconnection (0x00)",
            "-- closed",
        ]
        .into_iter()
        .peekable();
        for line in &lines {
            expected.next_if(|expected| line.starts_with(expected));
        }
        assert_eq!(expected.next(), None, "{name}: {lines:#?}");
    }
}

#[test]
fn a_refusal_is_seen_coming() {
    let broker = Broker::embedded(&["-p", "0", "--user", "ann:secret"]);
    let ended = run(&broker.url, &["sub", "--debug", "-t", "a", "-u", "ann", "-P", "s3cret"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("<- CONNACK "), "{}", ended.stderr);
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

#[test]
fn quiet_is_quiet_about_a_lost_connection() {
    let broker = Broker::embedded(&["-p", "0"]);
    let (url, port) = (broker.url.clone(), broker.port().to_owned());
    let arguments = |more: &[&'static str]| [&["-t", "a", "-q", "1", "-C", "1"], more].concat();
    let quiet = Running::subscriber(&url, &arguments(&["--quiet"]));
    let mut telling = Running::subscriber(&url, &arguments(&[]));
    drop(broker);
    telling.wait_for_note("disconnected");
    let _broker = Broker::embedded(&["-p", &port]);
    publish(&url, "a", &["-m", "x", "-r"]);
    let ended = quiet.end();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, "ready"));
    let ended = telling.end();
    assert!(ended.stderr.contains("polymqtt sub: connected"), "{}", ended.stderr);
}
