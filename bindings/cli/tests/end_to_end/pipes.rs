//! Lines in, lines out.

use crate::brokers::{self, Broker};
use crate::process::{Running, publish, run};

#[test]
fn each_line_is_a_message_and_arrives_in_order() {
    for (name, broker) in brokers::both() {
        for qos in ["0", "1", "2"] {
            for version in ["5", "3.1.1"] {
                let subscriber =
                    Running::subscriber(&broker.url, &["-t", "lines", "-q", qos, "-C", "300", "-V", version]);
                let lines: String = (0..300).map(|line| format!("line {line}\n")).collect();
                let mut publisher = Running::start(
                    &broker.url,
                    &["pub", "-t", "lines", "-l", "-q", qos, "-V", version, "-W", "30"],
                );
                publisher.feed(lines.as_bytes());
                let ended = publisher.end();
                assert_eq!(ended.code, 0, "{name}, QoS {qos}, {version}: {}", ended.stderr);
                assert_eq!(subscriber.end().output(), lines, "{name}, QoS {qos}, {version}");
            }
        }
    }
}

#[test]
fn a_line_is_published_before_the_next_one_comes() {
    let broker = Broker::embedded(&["-p", "0"]);
    let mut subscriber = Running::subscriber(&broker.url, &["-t", "live", "-C", "1"]);
    let mut publisher = Running::start(&broker.url, &["pub", "-t", "live", "-l"]);
    publisher.write(b"now\n");
    assert_eq!(subscriber.line(), "now");
    assert_eq!(publisher.end().code, 0);
}

#[test]
fn the_payload_arrives_as_it_was() {
    let broker = Broker::embedded(&["-p", "0"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payload");
    let payload = b"two\nlines, then \x00 and \xff";
    std::fs::write(&file, payload).unwrap();

    let subscriber = Running::subscriber(&broker.url, &["-t", "sources", "-C", "4", "-q", "1", "-N"]);
    publish(&broker.url, "sources", &["-m", "message"]);
    publish(&broker.url, "sources", &["-n"]);
    publish(&broker.url, "sources", &["-f", file.to_str().unwrap()]);
    let mut publisher = Running::start(&broker.url, &["pub", "-t", "sources", "-s", "-q", "1"]);
    publisher.feed(payload);
    assert_eq!(publisher.end().code, 0);

    let ended = subscriber.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.stdout, [b"message", &payload[..], &payload[..]].concat());
}

#[test]
fn wildcards_and_several_filters() {
    for (name, broker) in brokers::both() {
        let subscriber =
            Running::subscriber(&broker.url, &["-t", "a/+/c", "-t", "x/#", "-v", "-q", "1", "-C", "3"]);
        for topic in ["a/b/c", "a/b/d", "x", "a/b/c/d", "x/y/z"] {
            publish(&broker.url, topic, &["-m", "m"]);
        }
        assert_eq!(subscriber.end().output(), "a/b/c m\nx m\nx/y/z m\n", "{name}");
    }
}

#[test]
fn a_topic_in_the_url() {
    let broker = Broker::embedded(&["-p", "0"]);
    let url = format!("{}/in/url", broker.url);
    let subscriber = Running::subscriber(&broker.url, &["-L", &url, "-C", "1", "-v", "-q", "1"]);
    assert_eq!(run(&broker.url, &["pub", "-L", &url, "-m", "m", "-q", "1"]).code, 0);
    assert_eq!(subscriber.end().output(), "in/url m\n");
}

#[test]
fn a_closed_pipe_ends_the_subscriber_quietly() {
    let broker = Broker::embedded(&["-p", "0"]);
    let mut subscriber = Running::subscriber(&broker.url, &["-t", "a", "-q", "1"]);
    publish(&broker.url, "a", &["-m", "first"]);
    assert_eq!(subscriber.line(), "first");
    // As `head -n 1` does: no second message comes, and it ends all the same.
    drop(subscriber.stdout.take());
    let ended = subscriber.end();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, "ready"));
}
