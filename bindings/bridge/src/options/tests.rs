//! Every option is set and read back; every wrong one is named.

use std::collections::HashSet;
use std::time::Duration;

use polymqtt::{Error, ErrorKind, Options};

use super::*;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn pairs() -> Value {
    Value::Pairs(vec![("floor".to_owned(), "3".to_owned())])
}

fn named<const N: usize>(named: [(&str, Value); N]) -> Vec<(String, Value)> {
    named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn client<const N: usize>(given: [(&str, Value); N]) -> Result<Options, OptionError> {
    options(&["mqtt://localhost".to_owned()], named(given))
}

/// The message of a value that is not allowed.
fn refused<const N: usize>(given: [(&str, Value); N]) -> String {
    match client(given) {
        Err(OptionError::NotAllowed(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The message of a value of a wrong type.
fn mistyped(name: &str, value: Value) -> String {
    match client([(name, value)]) {
        Err(OptionError::WrongType(message)) => message,
        other => panic!("{other:?}"),
    }
}

/// A value that differs from the default, and how it shows in the options.
fn example(name: &str) -> (Value, &'static str) {
    match name {
        "version" => (text("3.1.1"), "version: V311"),
        "client_id" => (text("attic"), "client_id: \"attic\""),
        "username" => (text("ann"), "username: Some(\"ann\")"),
        "password" => (Value::Bytes(b"pencil".as_slice().into()), "password: Some([redacted])"),
        "clean_start" => (Value::Bool(false), "clean_start: false"),
        "session_expiry" => {
            (Value::Number(f64::INFINITY), "session_expiry: Some(18446744073709551615.999999999s)")
        }
        "on_session_lost" => (text("fail"), "on_session_lost: Fail"),
        "keep_alive" => (Value::Integer(7), "keep_alive: 7s"),
        "connect_timeout" => (Value::Number(0.5), "connect_timeout: 500ms"),
        "keep_trying" => (Value::Bool(true), "keep_trying: true"),
        "subscribe_timeout" => (Value::Duration(Duration::from_secs(8)), "subscribe_timeout: 8s"),
        "unclaimed_timeout" => (Value::Integer(9), "unclaimed_timeout: 9s"),
        "receive_maximum" => (Value::Integer(22), "receive_maximum: 22"),
        "maximum_packet_size" => (Value::Integer(70_000), "maximum_packet_size: 70000"),
        "verify_payload_format" => (Value::Bool(true), "verify_payload_format: true"),
        "topic_alias_maximum" => (Value::Integer(11), "topic_alias_maximum: 11"),
        "outgoing_topic_aliases" => (Value::Integer(12), "outgoing_topic_aliases: 12"),
        "user_properties" => (pairs(), "user_properties: [(\"floor\", \"3\")]"),
        "websocket_headers" => {
            (pairs(), "websocket_headers: [Header { name: \"floor\", value: [redacted] }]")
        }
        "response_topic_prefix" => (text("answers"), "topic_prefix: \"answers\""),
        "ask_response_information" => (Value::Bool(false), "ask_server: false"),
        "authentication" => (text("K"), "authentication: Some(Method(\"K\"))"),
        "scram.username" => (text("bea"), "Scram { username: \"bea\", password: [redacted]"),
        "scram.password" => (text("crayon"), "password: [redacted]"),
        "scram.least_iterations" => (Value::Integer(5000), "iterations: 5000..=1000000"),
        "scram.most_iterations" => (Value::Integer(6000), "iterations: 4096..=6000"),
        "will.topic" => (text("state"), "topic: \"state\""),
        "will.payload" => (text("gone"), "payload: b\"gone\""),
        "will.qos" => (Value::Integer(2), "qos: ExactlyOnce"),
        "will.retain" => (Value::Bool(true), "retain: true"),
        "will.delay" => (Value::Integer(13), "delay: 13s"),
        "will.message_expiry" => (Value::Integer(14), "message_expiry_interval: Some(14)"),
        "will.content_type" => (text("text/plain"), "content_type: Some(\"text/plain\")"),
        "will.response_topic" => (text("replies"), "response_topic: Some(\"replies\")"),
        "will.correlation_data" => (Value::Bytes(b"k7".as_slice().into()), "correlation_data: Some(b\"k7\")"),
        "will.payload_is_utf8" => (Value::Bool(true), "payload_format_indicator: Some(true)"),
        "will.user_properties" => (pairs(), "user_properties: [(\"floor\", \"3\")]"),
        "queue.max_messages" => (Value::Integer(15), "max_messages: 15"),
        "queue.max_bytes" => (Value::Integer(16), "max_bytes: 16"),
        "queue.when_full" => (text("latest_per_topic"), "when_full: LatestPerTopic"),
        "reconnect" => (Value::Null, "reconnect: None"),
        "reconnect.shortest" => (Value::Integer(17), "shortest: 17s"),
        "reconnect.longest" => (Value::Integer(18), "longest: 18s"),
        "reconnect.stable_after" => (Value::Integer(19), "stable_after: 19s"),
        "redirect.most_hops" => (Value::Integer(20), "most_hops: 20"),
        "redirect.trust_other_hosts" => (Value::Bool(true), "trust_other_hosts: true"),
        "tls.ca" => (text("/etc/ca.pem"), "ca: Some(/etc/ca.pem)"),
        "tls.client_certificate" => {
            (text("-----BEGIN CERTIFICATE-----"), "ClientCertificate { certificates: [PEM bytes]")
        }
        "tls.client_key" => (Value::Bytes(b"k".as_slice().into()), "key: [PEM bytes]"),
        "tls.alpn" => (Value::Texts(vec!["mqtt".to_owned()]), "alpn: [\"mqtt\"]"),
        "tls.server_name" => (text("inner"), "server_name: Some(\"inner\")"),
        "tls.dangerously_skip_verification" => (Value::Bool(true), "dangerously_skip_verification: true"),
        other => panic!("no example of {other}"),
    }
}

/// What an option is of no use without.
fn companions(name: &str) -> &'static [&'static str] {
    match name {
        "will.topic" | "scram.username" | "scram.password" | "tls.client_certificate" | "tls.client_key" => {
            &["will.topic", "scram.username", "scram.password", "tls.client_certificate", "tls.client_key"]
        }
        name if name.starts_with("will.") => &["will.topic"],
        name if name.starts_with("scram.") => &["scram.username", "scram.password"],
        _ => &[],
    }
}

#[test]
fn every_option_is_set() {
    let default = format!("{:?}", client([]).unwrap());
    for option in descriptions() {
        let (value, shown) = example(option.name);
        let mut given: Vec<_> =
            companions(option.name).iter().map(|name| ((*name).to_owned(), example(name).0)).collect();
        given.push((option.name.to_owned(), value));
        let options = options(&["mqtt://localhost".to_owned()], given);
        let options = format!("{:?}", options.unwrap_or_else(|error| panic!("{}: {error}", option.name)));
        assert!(options.contains(shown) && !default.contains(shown), "{shown}: {options}");
    }
}

#[test]
fn all_choices_are_taken_and_names_are_unique() {
    for option in descriptions() {
        if let Kind::Choice(names) = &option.kind {
            let shown: HashSet<_> = names
                .iter()
                .map(|name| format!("{:?}", client([(option.name, text(name))]).unwrap()))
                .collect();
            assert_eq!(shown.len(), names.len(), "{}", option.name);
        }
    }
    let unique = |options: Vec<Description>| {
        let names: HashSet<_> = options.iter().map(|option| option.name).collect();
        assert_eq!(names.len(), options.len());
        assert!(options.iter().all(|option| option.meaning.ends_with('.')));
    };
    unique(descriptions().collect());
    unique(subscribe_descriptions().collect());
    unique(disconnect_descriptions().collect());
}

#[test]
fn nothing_given_is_the_default() {
    let default = Options::new("mqtt://localhost").unwrap();
    assert_eq!(format!("{:?}", client([]).unwrap()), format!("{default:?}"));
}

#[test]
fn servers_are_the_first_and_its_fallbacks() {
    let servers = |urls: &[&str]| {
        let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
        options(&urls, []).map_err(Error::from)
    };
    let both = format!("{:?}", servers(&["mqtt://a", "mqtts://b"]).unwrap());
    assert!(both.contains("[Server(mqtt://a:1883), Server(mqtts://b:8883)]"), "{both}");
    for urls in [&[] as &[&str], &["http://a"], &["mqtt://a", "mqtt://u:p@b"]] {
        assert_eq!(servers(urls).unwrap_err().kind(), ErrorKind::InvalidOption);
    }
}

#[test]
fn every_option_names_itself_and_what_it_takes_when_mistyped() {
    for option in descriptions() {
        let other = match option.kind {
            Kind::Texts => pairs(),
            _ => Value::Texts(vec!["s3cret".to_owned()]),
        };
        let message = mistyped(option.name, other);
        assert!(message.starts_with(&format!("{} must be {}, not ", option.name, option.kind)), "{message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
}

#[test]
fn kinds_are_not_mixed() {
    assert_eq!(
        mistyped("keep_trying", Value::Integer(1)),
        "keep_trying must be true or false, not a whole number"
    );
    assert_eq!(
        mistyped("receive_maximum", Value::Number(1.0)),
        "receive_maximum must be a whole number from 0 to 65535, not a number"
    );
    assert_eq!(
        mistyped("keep_alive", text("60")),
        "keep_alive must be a duration: 0 or more seconds, not text"
    );
    mistyped("receive_maximum", Value::Bool(true));
    mistyped("client_id", Value::Null);
    mistyped("reconnect", Value::Bool(false));
    mistyped("client_id", Value::Bytes(b"a".as_slice().into()));
    // Nobody can tell what an empty list is of.
    client([("user_properties", Value::Texts(Vec::new())), ("tls.alpn", Value::Pairs(Vec::new()))]).unwrap();
}

#[test]
fn what_is_out_of_range_is_named_with_what_is_allowed() {
    assert_eq!(
        refused([("receive_maximum", Value::Integer(65_536))]),
        "receive_maximum is 65536: it must be a whole number from 0 to 65535"
    );
    assert_eq!(
        refused([("version", text("4"))]),
        "version is \"4\": it must be \"5\", \"3.1.1\" or \"auto\""
    );
    for (name, value) in [
        ("receive_maximum", Value::Integer(-1)),
        ("maximum_packet_size", Value::Integer(i64::MAX)),
        ("queue.max_bytes", Value::Integer(-1)),
        ("will.qos", Value::Integer(3)),
        ("will.qos", Value::Integer(256)),
        ("keep_alive", Value::Integer(-1)),
        ("keep_alive", Value::Number(-0.5)),
        ("keep_alive", Value::Number(f64::NAN)),
        ("keep_alive", Value::Number(1e30)),
        ("keep_alive", Value::Number(f64::INFINITY)),
        ("keep_alive", Value::Duration(Duration::MAX)),
        ("session_expiry", Value::Number(f64::NEG_INFINITY)),
        ("session_expiry", Value::Number(f64::NAN)),
        ("session_expiry", Value::Number(1e30)),
        ("will.content_type", text("a\0")),
        ("will.user_properties", Value::Pairs(vec![("a".to_owned(), "\0".to_owned())])),
    ] {
        let message = refused([(name, value)]);
        assert!(message.starts_with(name), "{message}");
    }
    let long = refused([("version", text(&"4".repeat(10_000)))]);
    assert!(long.len() < 200, "{long}");
}

#[test]
fn an_unknown_name_leads_to_the_one_that_is_meant() {
    for (wrong, meant) in [
        ("keepalive", "keep_alive"),
        ("keepAlive", "keep_alive"),
        ("clientId", "client_id"),
        ("session_expiry_interval", ""),
        ("tls.verify", ""),
        ("colour", ""),
        ("", ""),
    ] {
        let message = refused([(wrong, Value::Null)]);
        let expected = match meant {
            "" => format!("there is no option `{wrong}`"),
            meant => format!("there is no option `{wrong}`; did you mean `{meant}`?"),
        };
        assert_eq!(message, expected);
    }
    assert!(refused([(&"k\n".repeat(100_000), Value::Null)]).len() < 400);
}

#[test]
fn what_belongs_together_is_asked_for_together() {
    assert_eq!(refused([("will.retain", Value::Bool(true))]), "a will needs will.topic");
    assert!(refused([("tls.client_key", text("key.pem"))]).contains("tls.client_certificate"));
    assert!(refused([("scram.username", text("ann"))]).contains("scram.password"));
    assert!(refused([("scram.most_iterations", Value::Integer(5000))]).contains("scram.password"));
    assert!(refused([("authentication", text("SCRAM-SHA-256"))]).contains("SCRAM-SHA-256"));
    assert!(
        refused([("authentication", text("K")), ("scram.username", text("ann"))]).contains("authentication")
    );
    for waits in ["reconnect.shortest", "reconnect.longest"] {
        assert!(refused([(waits, Value::Integer(1)), ("reconnect", Value::Null)]).contains("reconnect"));
    }
}

#[test]
fn scram_takes_the_credentials_of_the_options_in_any_order() {
    let options = client([
        ("authentication", text("SCRAM-SHA-256")),
        ("password", text("pencil")),
        ("username", text("ann")),
    ]);
    let shown = format!("{:?}", options.unwrap());
    assert!(
        shown.contains("username: None, password: None") && shown.contains("Scram { username: \"ann\""),
        "{shown}"
    );
}

#[test]
fn a_topic_that_can_not_be_is_named() {
    let error = client([("will.topic", text("a/#"))]).map_err(Error::from).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidTopic);
    assert!(error.to_string().starts_with("will.topic: "), "{error}");
    let error = subscribe(&["a#".to_owned()], []).map_err(Error::from).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidTopic);
}

#[test]
fn no_secret_is_shown() {
    let secret = "s3cret";
    let values = [
        text(secret),
        Value::Bytes(secret.into()),
        Value::Texts(vec![secret.to_owned()]),
        Value::Pairs(vec![("Authorization".to_owned(), secret.to_owned())]),
    ];
    for value in &values {
        assert!(!format!("{value:?}").contains(secret));
    }
    for name in ["password", "scram.password", "websocket_headers", "tls.client_key"] {
        for value in &values {
            let shown = match client([(name, value.clone())]) {
                Ok(options) => format!("{options:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[test]
fn subscribing_is_told_by_name() {
    let filters = ["a".to_owned(), "b/#".to_owned()];
    let given = named([
        ("qos", Value::Integer(1)),
        ("no_local", Value::Bool(true)),
        ("retain_as_published", Value::Bool(true)),
        ("retain_handling", text("do_not_send")),
        ("manual_ack", Value::Bool(true)),
        ("allow_partial", Value::Bool(true)),
        ("user_properties", pairs()),
        ("max_messages", Value::Integer(2)),
        ("max_bytes", Value::Integer(3)),
        ("when_full", text("drop_oldest")),
    ]);
    let names: HashSet<_> = given.iter().map(|(name, _)| name.clone()).collect();
    assert!(subscribe_descriptions().all(|option| names.contains(option.name)));
    let request = format!("{:?}", subscribe(&filters, given).unwrap());
    assert_eq!(request.matches("maximum_qos: AtLeastOnce").count(), 2, "{request}");
    for shown in [
        "(\"b/#\", ",
        "no_local: true",
        "retain_as_published: true",
        "retain_handling: DoNotSend",
        "manual_ack: true",
        "allow_partial: true",
        "user_properties: [(\"floor\", \"3\")]",
        "max_messages: 2",
        "max_bytes: 3",
        "when_full: DropOldest",
    ] {
        assert!(request.contains(shown), "{shown}: {request}");
    }
    let wrong = |name: &str, value| subscribe(&filters, named([(name, value)])).unwrap_err().to_string();
    assert!(wrong("max_message", Value::Integer(1)).contains("`max_messages`"));
    assert!(wrong("qos", Value::Integer(3)).starts_with("qos is 3"));
}

#[test]
fn a_stream_without_filters_has_its_own_options_only() {
    let options = stream(named([("max_messages", Value::Integer(2)), ("manual_ack", Value::Bool(true))]));
    let options = options.unwrap();
    assert!(options.max_messages == 2 && options.manual_ack);
    let error = stream(named([("qos", Value::Integer(1))])).unwrap_err();
    assert_eq!(error.to_string(), "there is no option `qos`");
}

#[test]
fn disconnecting_is_told_by_name() {
    let given = named([
        ("timeout", Value::Number(0.5)),
        ("with_will", Value::Bool(true)),
        ("session_expiry", Value::Number(f64::INFINITY)),
        ("reason_string", text("good night")),
        ("user_properties", pairs()),
    ]);
    assert_eq!(given.len(), disconnect_descriptions().count());
    let options = disconnect(given).unwrap();
    assert_eq!(options.timeout, Duration::from_millis(500));
    assert!(options.with_will);
    assert_eq!(options.session_expiry, Some(Duration::MAX));
    assert_eq!(options.reason_string.as_deref(), Some("good night"));
    assert_eq!(options.user_properties.len(), 1);
    let error = disconnect(named([("timeouts", Value::Integer(1))])).unwrap_err();
    assert!(error.to_string().contains("`timeout`"), "{error}");
}
