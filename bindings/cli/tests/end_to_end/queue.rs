//! The queue's policies, against a server that takes one message and keeps its acknowledgement back.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use crate::process::Running;

/// Takes one connection, one message at a time.
struct SlowServer {
    url: String,
    /// Acknowledges from now on.
    acknowledge: Sender<()>,
    messages: JoinHandle<Vec<String>>,
}

impl SlowServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("mqtt://{}", listener.local_addr().unwrap());
        let (acknowledge, told) = mpsc::channel();
        let messages = thread::spawn(move || serve(listener.accept().unwrap().0, &told));
        Self { url, acknowledge, messages }
    }
}

/// Payloads of one byte to topics of one byte, until DISCONNECT.
fn serve(mut stream: TcpStream, told: &Receiver<()>) -> Vec<String> {
    let mut payloads = Vec::new();
    loop {
        let mut header = [0; 2];
        stream.read_exact(&mut header).unwrap();
        let mut body = vec![0; usize::from(header[1])];
        stream.read_exact(&mut body).unwrap();
        match header[0] >> 4 {
            // CONNACK with receive maximum 1.
            1 => stream.write_all(b"\x20\x06\x00\x00\x03\x21\x00\x01").unwrap(),
            3 => {
                payloads.push(char::from(*body.last().unwrap()).to_string());
                if payloads.len() == 1 {
                    told.recv().unwrap();
                }
                // Behind the topic.
                stream.write_all(&[0x40, 2, body[3], body[4]]).unwrap();
            }
            _ => return payloads,
        }
    }
}

/// Publishes 1, 2, 3, 4 to a queue of two; the server acknowledges once `note` has come. What it got, how the command
/// ended.
fn publish_four(policy: &str, note: Option<&str>) -> (Vec<String>, i32) {
    let server = SlowServer::start();
    let arguments = ["pub", "-W", "30", "-q", "1", "-t", "t", "-l", "--outgoing-topic-aliases", "0"];
    let bounds = ["--queue-messages", "2", "--queue-policy", policy];
    let mut publisher = Running::start(&server.url, &[&arguments[..], &bounds].concat());
    publisher.feed(b"1\n2\n3\n4\n");
    if let Some(note) = note {
        publisher.wait_for_note(note);
    }
    server.acknowledge.send(()).unwrap();
    let code = publisher.end().code;
    (server.messages.join().unwrap(), code)
}

#[test]
fn waiting_loses_nothing() {
    assert_eq!(publish_four("wait", None), (["1", "2", "3", "4"].map(str::to_owned).to_vec(), 0));
}

#[test]
fn failing_tells_which_line() {
    let (got, code) = publish_four("fail", Some("line 4: "));
    assert_eq!((got.join(" ").as_str(), code), ("1 2 3", 4));
}

#[test]
fn dropping_policies_choose_and_tell() {
    for (policy, expected) in
        [("drop-oldest", "1 3 4"), ("drop-newest", "1 2 3"), ("latest-per-topic", "1 3 4")]
    {
        let (got, code) = publish_four(policy, Some("dropped 1 outgoing"));
        assert_eq!((got.join(" ").as_str(), code), (expected, 4), "{policy}");
    }
}
