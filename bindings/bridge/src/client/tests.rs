//! A client that never connects: what it has queued, and who waits for room.

use polymqtt::{QueueOptions, WhenFull};

use super::*;

fn client(max_messages: usize) -> Client {
    let queue = QueueOptions { max_messages, when_full: WhenFull::Wait, ..QueueOptions::default() };
    let options = Options::new("mqtt://localhost").unwrap().queue(queue);
    Client::prepare(options, &Hooks::default(), Arc::new(Bell::default())).unwrap()
}

fn message(payload: &'static str) -> Message {
    Message::new("a", payload).unwrap().with_qos(QoS::AtLeastOnce)
}

fn publish(client: &Client, token: u64, payload: &'static str) -> Offered {
    client.publish(Token(token), message(payload), None).unwrap()
}

fn news(client: &Client) -> News {
    let mut news = News::default();
    client.take(&mut news);
    news
}

#[test]
fn who_finds_no_room_waits_in_line_and_is_served_in_order() {
    let client = client(1);
    assert!(matches!(publish(&client, 1, "1"), Offered::Accepted));
    for token in [2, 3] {
        let Offered::Full(message) = publish(&client, token, "later") else { panic!("there is no room") };
        client.wait_in_line(Token(token), message, Offer::Publish(None)).unwrap();
    }
    assert!(news(&client).is_empty());
    let rings = client.bell().rings();
    client.cancel(Token(1)).unwrap();
    // The outcome and the room are one ring.
    assert_eq!(client.bell().wait(rings, None), rings + 1);
    let told = news(&client);
    assert_eq!((told.completions.len(), told.accepted), (1, vec![Token(2)]));
    client.cancel(Token(2)).unwrap();
    assert_eq!(news(&client).accepted, [Token(3)]);
}

#[test]
fn nobody_passes_those_in_line() {
    let client = client(1);
    publish(&client, 1, "1");
    client.wait_in_line(Token(2), message("2"), Offer::Publish(None)).unwrap();
    client.cancel(Token(1)).unwrap();
    // There is room now, and somebody who has not been told of it yet.
    assert!(matches!(publish(&client, 3, "3"), Offered::Full(_)));
    assert_eq!(client.leave_line(Token(2)).unwrap().payload(), b"2");
    assert!(client.leave_line(Token(2)).is_none());
    assert!(matches!(publish(&client, 3, "3"), Offered::Accepted));
}

#[test]
fn of_many_messages_the_first_without_room_comes_back() {
    let client = client(2);
    let mut messages = (1..4).map(|token| (Token(token), message("many")));
    let full = client.publish_many(|| messages.next()).unwrap();
    assert_eq!(full.map(|(token, _)| token), Some(Token(3)));
}

#[test]
fn a_rule_that_a_message_breaks_is_an_error_at_once() {
    let client = client(2);
    let error = client.publish(Token(1), message("x"), None).and_then(|_| client.start(Token(2)));
    assert!(error.is_ok());
    let again = client.start(Token(3)).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Closed);
}

#[test]
fn a_panic_within_closes_the_client_and_nothing_else() {
    let client = client(2);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        client.with(|_, _| -> () { panic!("on purpose") })
    }));
    assert!(panicked.is_err());
    let error = client.publish(Token(1), message("x"), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(self::client(2).flush(Token(1)).is_ok());
}
