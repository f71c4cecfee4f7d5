//! The will: published when a client is gone without a goodbye, and only then.

use rustix::process::Signal;

use crate::brokers;
use crate::process::{Running, publish};

const WILL: [&str; 10] =
    ["-t", "nothing", "--will-topic", "status", "--will-payload", "gone", "--will-qos", "1", "-i", "dying"];

#[test]
fn a_killed_client_leaves_its_will() {
    for (name, broker) in brokers::both() {
        let watcher = Running::subscriber(&broker.url, &["-t", "status", "-q", "1", "-C", "1"]);
        let dying = Running::subscriber(&broker.url, &WILL);
        dying.signal(Signal::KILL);
        assert_eq!(watcher.end().output(), "gone\n", "{name}");
    }
}

#[test]
fn a_client_that_is_told_to_end_says_goodbye() {
    for (name, broker) in brokers::both() {
        let watcher = Running::subscriber(&broker.url, &["-t", "status", "-q", "1", "-C", "1"]);
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let leaving = Running::subscriber(&broker.url, &WILL);
            leaving.signal(signal);
            assert_eq!(leaving.end().code, code, "{name}");
        }
        publish(&broker.url, "status", &["-m", "no will came"]);
        assert_eq!(watcher.end().output(), "no will came\n", "{name}");
    }
}
