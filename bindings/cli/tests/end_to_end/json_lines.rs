//! Messages as JSON lines, from broker to broker.

use crate::brokers::Broker;
use crate::process::{Running, publish, run};

#[test]
fn a_bridge_keeps_all_of_a_message() {
    // The embedded broker adds a user property of its own to each message, mosquitto none.
    let (from, to) = (Broker::mosquitto("allow_anonymous true"), Broker::mosquitto("allow_anonymous true"));
    let lines = concat!(
        r#"{"topic":"a/text","payload":"grüß","qos":1,"retain":false,"properties":{"payload_format_utf8":true,"content_type":"text/plain","response_topic":"answers","correlation_data":"7","user_properties":[["k","1"],["k","2"]]}}"#,
        "\n",
        r#"{"topic":"a/binary","payload_base64":"/wCA","qos":1,"retain":false}"#,
        "\n",
        r#"{"topic":"a/empty","payload":"","qos":0,"retain":false}"#,
        "\n",
    );
    let far = Running::subscriber(&to.url, &["-t", "a/#", "--json", "-q", "1", "-C", "3"]);
    let near = Running::subscriber(&from.url, &["-t", "a/#", "--json", "-q", "1", "-C", "3"]);
    let mut publisher = Running::start(&from.url, &["pub", "--json", "-W", "30"]);
    publisher.feed(lines.as_bytes());
    assert_eq!(publisher.end().code, 0);

    let near = near.end().output();
    assert_eq!(near, lines);
    let mut bridge = Running::start(&to.url, &["pub", "--json", "-W", "30"]);
    bridge.feed(near.as_bytes());
    assert_eq!(bridge.end().code, 0);
    assert_eq!(far.end().output(), lines);
}

#[test]
fn properties_of_the_arguments() {
    let broker = Broker::mosquitto("allow_anonymous true");
    let subscriber = Running::subscriber(&broker.url, &["-t", "a", "--json", "-q", "1", "-C", "1"]);
    publish(
        &broker.url,
        "a",
        &[
            "-m",
            "{}",
            "--content-type",
            "application/json",
            "--response-topic",
            "answers",
            "--correlation-data",
            "7",
            "--payload-format-utf8",
            "--user-property",
            "k=v",
        ],
    );
    assert_eq!(
        subscriber.end().output(),
        concat!(
            r#"{"topic":"a","payload":"{}","qos":1,"retain":false,"properties":{"payload_format_utf8":true,"#,
            r#""content_type":"application/json","response_topic":"answers","correlation_data":"7","#,
            r#""user_properties":[["k","v"]]}}"#,
            "\n"
        )
    );
}

#[test]
fn a_bad_line_is_named_and_keeps_no_other() {
    let broker = Broker::embedded(&["-p", "0"]);
    let subscriber = Running::subscriber(&broker.url, &["-t", "a", "-q", "1", "-C", "2"]);
    let mut publisher = Running::start(&broker.url, &["pub", "--json", "-q", "1", "-t", "a", "-W", "30"]);
    publisher.feed(b"{\"payload\":\"one\"}\n{\"pyload\":\"x\"}\n{\"payload\":{\"three\":3}}\n");
    let ended = publisher.end();
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("line 2") && ended.stderr.contains("pyload"), "{}", ended.stderr);
    assert_eq!(subscriber.end().output(), "one\n{\"three\":3}\n");
}

#[test]
fn json_and_plain_agree_on_a_topic() {
    let broker = Broker::embedded(&["-p", "0"]);
    let ended = run(&broker.url, &["pub", "--json", "-t", "a/#"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("--topic"), "{}", ended.stderr);
}
