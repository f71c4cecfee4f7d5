//! What scripts are told by the exit code.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use rustix::process::Signal;

use crate::brokers::Broker;
use crate::process::{POLYMQTT, Running, publish, run};

#[test]
fn a_wrong_argument_is_1_and_one_line() {
    for arguments in [
        &["pub", "-t", "a/#", "-m", "x"][..],
        &["pub", "-t", "a", "-m", "x", "-q", "3"],
        &["pub", "-t", "a", "-f", "/no/such/file"],
        &["pub", "-m", "x"],
        &["sub", "-t", "a/#/b"],
        &["sub", "-t", "a", "-k", "70000"],
        &["sub", "-t", "a", "-L", "http://localhost"],
        &["pub", "-t", "a", "-m", "x", "-V", "3.1.1", "--content-type", "text/plain"],
        &["broker", "--user", "nobody"],
        &["nonsense"],
    ] {
        // Nothing listens there: an argument is refused before the network is asked.
        let ended = run("mqtt://127.0.0.1:1", arguments);
        assert_eq!(ended.code, 1, "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stdout.is_empty());
    }
}

#[test]
fn no_connection_is_2() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for command in [&["pub", "-t", "a", "-m", "x"][..], &["sub", "-t", "a"]] {
        let ended = run(&format!("mqtt://{closed}"), command);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let ended = run("", &["broker", "-p", &taken.local_addr().unwrap().port().to_string()]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--port"), "{}", ended.stderr);
}

#[test]
fn a_refused_login_is_3() {
    let broker = Broker::embedded(&["-p", "0", "--user", "ann:secret"]);
    let login = |password: Option<&str>, arguments: &[&str]| {
        let mut command = Command::new(POLYMQTT);
        command.args(["pub", "-t", "a", "-m", "x", "-q", "1", "-W", "30"]).args(arguments);
        command.env("POLYMQTT_URL", &broker.url).env_remove("POLYMQTT_PASSWORD");
        command.envs(password.map(|password| ("POLYMQTT_PASSWORD", password)));
        Running::of(command).end()
    };
    assert_eq!(login(None, &[]).code, 3);
    let ended = login(None, &["-u", "ann", "-P", "wrong"]);
    assert_eq!((ended.code, ended.stderr.lines().count()), (3, 1), "{}", ended.stderr);
    assert!(!ended.stderr.contains("wrong"), "{}", ended.stderr);
    assert_eq!(login(None, &["-u", "ann", "-P", "secret"]).code, 0);
    assert_eq!(login(Some("secret"), &["-u", "ann"]).code, 0);
}

#[test]
fn a_refused_message_is_3_and_keeps_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let acl = folder.path().join("acl");
    fs::write(&acl, "topic readwrite open/#\n").unwrap();
    let broker = Broker::mosquitto(&format!("allow_anonymous true\nacl_file {}", acl.display()));
    let subscriber = Running::subscriber(&broker.url, &["-t", "open/#", "-q", "1", "-C", "2"]);
    let mut publisher = Running::start(&broker.url, &["pub", "--json", "-q", "1", "-W", "30"]);
    publisher.feed(
        b"{\"topic\":\"open/a\",\"payload\":\"1\"}\n{\"topic\":\"shut\",\"payload\":\"2\"}\n{\"topic\":\"open/b\",\"payload\":\"3\"}\n",
    );
    let ended = publisher.end();
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("line 2"), "{}", ended.stderr);
    assert_eq!(subscriber.end().output(), "1\n3\n");
}

#[test]
fn a_timeout_without_the_messages_is_5() {
    let broker = Broker::embedded(&["-p", "0"]);
    assert_eq!(run(&broker.url, &["sub", "-t", "a", "-W", "1"]).code, 5);
    publish(&broker.url, "a", &["-m", "kept", "-r"]);
    let ended = run(&broker.url, &["sub", "-t", "a", "-W", "1", "-C", "2"]);
    assert_eq!((ended.code, &ended.stdout[..]), (5, &b"kept\n"[..]));
    let ended = run(&broker.url, &["sub", "-t", "a", "-W", "1"]);
    assert_eq!((ended.code, &ended.stdout[..]), (0, &b"kept\n"[..]));
}

#[test]
fn an_interrupted_publisher_is_130() {
    let broker = Broker::embedded(&["-p", "0"]);
    let mut subscriber = Running::subscriber(&broker.url, &["-t", "a", "-C", "1"]);
    let mut publisher = Running::start(&broker.url, &["pub", "-t", "a", "-l"]);
    publisher.write(b"started\n");
    assert_eq!(subscriber.line(), "started");
    publisher.signal(Signal::INT);
    assert_eq!(publisher.ended_by_itself().code, 130);
}

#[test]
fn a_broker_ends_cleanly() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut broker = Running::start("", &["broker", "-p", "0", "--ready"]);
        assert!(broker.line().starts_with("ready mqtt://127.0.0.1:"));
        broker.signal(signal);
        let ended = broker.end();
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    }
}
