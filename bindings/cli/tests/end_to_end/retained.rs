//! Retained messages.

use crate::brokers;
use crate::process::{Running, publish};

#[test]
fn what_the_server_keeps_comes_first_and_is_marked() {
    for (name, broker) in brokers::both() {
        publish(&broker.url, "kept", &["-m", "old", "-r"]);
        let subscriber = Running::subscriber(&broker.url, &["-t", "kept", "--json", "-q", "1", "-C", "2"]);
        publish(&broker.url, "kept", &["-m", "live"]);
        let output = subscriber.end().output();
        let lines: Vec<&str> = output.lines().collect();
        assert!(
            lines[0].contains(r#""payload":"old""#) && lines[0].contains(r#""retain":true"#),
            "{name}: {output}"
        );
        assert!(
            lines[1].contains(r#""payload":"live""#) && lines[1].contains(r#""retain":false"#),
            "{name}: {output}"
        );
    }
}

#[test]
fn it_can_be_left_out() {
    for (name, broker) in brokers::both() {
        publish(&broker.url, "kept", &["-m", "old", "-r"]);
        for version in ["5", "3.1.1"] {
            let subscriber =
                Running::subscriber(&broker.url, &["-t", "kept", "-R", "-q", "1", "-C", "1", "-V", version]);
            publish(&broker.url, "kept", &["-m", "live"]);
            assert_eq!(subscriber.end().output(), "live\n", "{name}, {version}");
        }
    }
}

#[test]
fn an_empty_payload_takes_it_back() {
    for (name, broker) in brokers::both() {
        publish(&broker.url, "kept", &["-m", "old", "-r"]);
        publish(&broker.url, "kept", &["-n", "-r"]);
        let subscriber = Running::subscriber(&broker.url, &["-t", "kept", "-q", "1", "-C", "1"]);
        publish(&broker.url, "kept", &["-m", "live"]);
        assert_eq!(subscriber.end().output(), "live\n", "{name}");
    }
}
