//! The judge itself: what goes otherwise than a scenario says must fail, at the line that says so.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use polymqtt_scenarios::{EngineStage, Scenario, play, scenarios};

const CONNECTED: &str = "client connect\nbroker accepts\nconnect succeeds\n";

/// Plays these lines after a connect, and gives the line of the failure among them, from 1, with what it says.
fn failure(lines: &str) -> Option<(usize, String)> {
    let scenario = Scenario::parse(&format!("# Wrong\n{CONNECTED}{lines}")).unwrap();
    let failure = play(&scenario, &mut EngineStage::default()).err()?;
    Some((failure.line - 4, failure.what))
}

#[test]
fn what_is_otherwise_fails_where_it_is_said() {
    for (lines, line, what) in [
        ("client publish a \"x\"\nbroker expects PUBLISH a \"y\"", 2, "payload"),
        ("client publish a \"x\" qos=1\nbroker expects PUBLISH a dup=true", 2, "dup"),
        ("client publish a \"x\"\nbroker expects SUBSCRIBE a", 2, "PUBLISH"),
        ("broker expects PUBLISH a", 1, "PINGREQ"),
        ("broker expects close", 1, "PINGREQ"),
        ("client disconnect\nbroker expects DISCONNECT\nbroker expects nothing", 3, "closes"),
        ("client publish a \"x\"\nbroker expects nothing", 2, "PUBLISH"),
        ("client publish a \"x\" qos=1\npublish succeeds\nbroker expects PUBLISH a", 2, "no outcome"),
        ("client publish a \"x\"\npublish fails closed\nbroker expects PUBLISH a", 2, "succeeds"),
        ("client publish a/+ \"x\"\npublish fails closed", 2, "invalid_topic"),
        ("client publish a \"x\"\npublish waits", 2, "succeeded"),
        ("event flapping", 1, "no such event"),
        ("event connected session_present=true", 1, "session_present"),
        ("asked for credentials", 1, "nothing is asked"),
        (
            "client subscribe a as s\nbroker grants a\nbroker sends PUBLISH a \"x\"\ns receives a \"y\"",
            4,
            "payload",
        ),
        (
            "client subscribe a as s\nbroker grants a\nbroker sends PUBLISH a \"x\"\ns receives nothing",
            4,
            "x",
        ),
        ("client subscribe a as s\nbroker grants a\ns ends", 3, "no outcome"),
        ("p succeeds", 1, "nothing that is called"),
        ("broker sends PUBACK", 1, "packet_id"),
        ("broker sends CONNACK colour=red", 1, "colour"),
        ("client connect colour=red as c\nc succeeds", 2, "colour"),
        ("client dance as d\nd succeeds", 2, "dance"),
    ] {
        let (at, says) = failure(lines).unwrap_or_default();
        assert_eq!(at, line, "{lines}: {says}");
        assert!(says.contains(what), "{lines}: {says}");
    }
}

#[test]
fn what_is_left_over_fails_at_the_end() {
    let (_, says) = failure("client publish a \"x\"").unwrap();
    assert!(says.contains("after the last step: PUBLISH"), "{says}");
    let (_, says) = failure("client publish a/+ \"x\"").unwrap();
    assert!(says.contains("publish has failed"), "{says}");
    assert_eq!(failure("wait 10ms"), None);
}

#[test]
fn every_file_can_be_read_and_most_are_for_every_host() {
    let files = scenarios().unwrap();
    let read = |path: &_| Scenario::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let engine_only = files.iter().filter(|(_, path)| read(path).engine_only.is_some()).count();
    assert!(files.len() >= 60 && engine_only * 4 <= files.len(), "{engine_only} of {}", files.len());
}
