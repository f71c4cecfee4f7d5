//! Requests and responses from the shell.

use std::fs;

use rustix::process::Signal;

use crate::brokers::{self, Broker};
use crate::process::{Running, run};

/// A responder, once its subscription stands.
fn responder(url: &str, arguments: &[&str]) -> Running {
    let mut running = Running::start(url, &[&["respond", "--ready"], arguments].concat());
    running.wait_for_note("ready");
    running
}

#[test]
fn a_request_prints_the_answer() {
    for (name, broker) in brokers::both() {
        let responder = responder(&broker.url, &["rows/+", "-m", "the row", "-C", "3"]);
        for qos in ["0", "1", "2"] {
            let ended = run(&broker.url, &["request", "rows/7", "-q", qos]);
            assert_eq!(ended.output(), "the row\n", "{name}");
        }
        assert_eq!(responder.end().output(), "", "{name}");
    }
}

#[test]
fn every_way_to_give_a_payload_comes_back_as_an_echo() {
    let broker = Broker::embedded(&["-p", "0"]);
    let _responder = responder(&broker.url, &["echo", "--echo"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("payload");
    fs::write(&file, b"two\nlines \xff").unwrap();
    assert_eq!(run(&broker.url, &["request", "echo", "-m", "text"]).output(), "text\n");
    assert_eq!(run(&broker.url, &["request", "echo"]).output(), "\n");
    assert_eq!(run(&broker.url, &["request", "echo", "-m", "x", "-C", "2"]).output(), "x\nx\n");
    let ended = run(&broker.url, &["request", "echo", "-N", "-f", file.to_str().unwrap()]);
    assert_eq!((ended.code, &ended.stdout[..]), (0, &b"two\nlines \xff"[..]), "{}", ended.stderr);
    let mut request = Running::start(&broker.url, &["request", "echo", "-s"]);
    request.feed(b"from standard input");
    assert_eq!(request.end().output(), "from standard input\n");
    let url = format!("{}/echo", broker.url);
    assert_eq!(run(&broker.url, &["request", "-L", &url, "-m", "in url"]).output(), "in url\n");
}

#[test]
fn each_line_is_a_request_and_the_answers_keep_their_order() {
    let broker = Broker::mosquitto("allow_anonymous true");
    let _responder = responder(&broker.url, &["echo", "--echo"]);
    let lines: String = (0..600).map(|line| format!("line {line}\n")).collect();
    let mut request = Running::start(&broker.url, &["request", "echo", "-l"]);
    request.feed(lines.as_bytes());
    assert_eq!(request.end().output(), lines);
}

#[test]
fn a_command_makes_the_answer() {
    for (name, broker) in brokers::both() {
        let command = "read word; echo \"$POLYMQTT_TOPIC $POLYMQTT_CONTENT_TYPE $word\"";
        let responder = responder(
            &broker.url,
            &["rows/+", "--command", command, "--content-type", "text/plain", "--json", "-C", "1"],
        );
        let ended = run(
            &broker.url,
            &[
                "request",
                "rows/$(id)",
                "-m",
                "in",
                "--content-type",
                "text/x",
                "--user-property",
                "a=b",
                "--json",
            ],
        );
        let answer = ended.output();
        assert!(answer.contains(r#""payload":"rows/$(id) text/x in""#), "{name}: {answer}");
        assert!(answer.contains(r#""content_type":"text/plain""#), "{name}: {answer}");
        let request = responder.end().output();
        assert!(
            request.contains(r#""topic":"rows/$(id)""#) && request.contains(r#"["a","b"]"#),
            "{name}: {request}"
        );
    }
}

#[test]
fn commands_run_side_by_side_within_their_bound() {
    let broker = Broker::embedded(&["-p", "0"]);
    let folder = tempfile::tempdir().unwrap();
    // Each needs another one at the same time: with fewer than two jobs none would end.
    let command =
        "mkdir \"$D/$POLYMQTT_TOPIC\"; while [ $(ls \"$D\" | wc -l) -lt 2 ]; do sleep 0.01; done; echo met";
    let command = command.replace("$D", folder.path().to_str().unwrap());
    let _responder = responder(&broker.url, &["a", "b", "-e", &command, "-j", "2"]);
    let other = Running::start(&broker.url, &["request", "a"]);
    assert_eq!(run(&broker.url, &["request", "b"]).output(), "met\n");
    assert_eq!(other.end().output(), "met\n");
}

#[test]
fn responders_share_the_requests() {
    for (name, broker) in brokers::both() {
        let pool = [(); 2].map(|()| responder(&broker.url, &["$share/pool/rows", "--echo", "--json"]));
        let lines: String = (0..40).map(|line| format!("{line}\n")).collect();
        let mut request = Running::start(&broker.url, &["request", "rows", "-l"]);
        request.feed(lines.as_bytes());
        assert_eq!(request.end().output(), lines, "{name}");
        let served = pool.map(|responder| {
            responder.signal(Signal::INT);
            let ended = responder.ended_by_itself();
            assert_eq!(ended.code, 130, "{}", ended.stderr);
            ended.stdout.split(|byte| *byte == b'\n').count() - 1
        });
        assert!(
            served.iter().sum::<usize>() == 40 && served.iter().all(|count| *count > 0),
            "{name}: {served:?}"
        );
    }
}

#[test]
fn exit_codes_tell_why_there_is_no_answer() {
    let broker = Broker::mosquitto("allow_anonymous true");
    // mosquitto tells that nobody subscribes.
    let ended = run(&broker.url, &["request", "rows/7"]);
    assert_eq!((ended.code, ended.stderr.lines().count()), (4, 1), "{}", ended.stderr);
    let mut responder = responder(&broker.url, &["rows/+", "--command", "cat; exit 7"]);
    let ended = run(&broker.url, &["request", "rows/7", "-W", "1"]);
    assert_eq!((ended.code, ended.stderr.lines().count()), (5, 1), "{}", ended.stderr);
    responder.wait_for_note("request to rows/7: the command failed: exit status: 7");
    let mut request = Running::start(&broker.url, &["request", "rows/7", "-l", "-W", "1"]);
    request.feed(b"one\ntwo\n");
    let ended = request.end();
    assert_eq!(ended.code, 5);
    assert!(ended.stderr.contains("line 2") && ended.stderr.contains("2 of the lines"), "{}", ended.stderr);
    assert_eq!(run(&broker.url, &["respond", "rows/+", "--echo", "-W", "1", "-C", "9"]).code, 5);
    for arguments in [
        &["request", "a/#"][..],
        &["request"],
        &["request", "a", "-m", "x", "-l"],
        &["request", "a", "-V", "3.1.1"],
        &["respond", "a/#/b", "--echo"],
        &["respond", "a"],
        &["respond", "a", "--echo", "-V", "3.1.1"],
    ] {
        let ended = run(&broker.url, arguments);
        assert_eq!((ended.code, ended.stderr.lines().count()), (1, 1), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn an_interrupted_request_is_130() {
    let broker = Broker::embedded(&["-p", "0"]);
    let mut responder = responder(&broker.url, &["rows/+", "--json", "--command", "sleep 100"]);
    let request = Running::start(&broker.url, &["request", "rows/7"]);
    assert!(responder.line().contains("rows/7"));
    request.signal(Signal::INT);
    assert_eq!(request.ended_by_itself().code, 130);
    // The command that it runs does not keep the responder either.
    responder.signal(Signal::INT);
    assert_eq!(responder.ended_by_itself().code, 130);
}
