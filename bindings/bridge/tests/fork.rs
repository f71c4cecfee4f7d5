//! After a fork: the parent's client is refused at once, and a new one works. Alone in its process, which it pretends to fork.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::sync::Arc;

use polymqtt_bridge::mqtt::{ErrorKind, Options, Token};
use polymqtt_bridge::{Bell, Client, Hooks, News, Process};

fn client() -> Client {
    let options = Options::new("mqtt://localhost").unwrap();
    Client::prepare(options, &Hooks::default(), Arc::new(Bell::default())).unwrap()
}

#[test]
fn a_forked_process_refuses_the_clients_of_its_parent_and_makes_its_own() {
    let parents = client();
    parents.check().unwrap();
    Process::forked();
    let kind = |outcome: Result<(), polymqtt_bridge::mqtt::Error>| outcome.unwrap_err().kind();
    assert_eq!(kind(parents.check()), ErrorKind::Closed);
    assert_eq!(kind(parents.start(Token(1))), ErrorKind::Closed);
    assert_eq!(kind(parents.flush(Token(2))), ErrorKind::Closed);
    assert!(parents.connected().is_none());
    let mut news = News::default();
    parents.take(&mut news);
    assert!(news.ended);
    drop(parents);
    let own = client();
    own.check().unwrap();
    own.flush(Token(1)).unwrap();
    own.take(&mut news);
    assert_eq!(news.completions.len(), 1);
}
