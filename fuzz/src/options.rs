//! Options and URLs: any text is refused with a typed error, or makes a client that can say CONNECT; a password is
//! shown in neither case.

use std::time::Duration;

use bytes::BytesMut;
use polymqtt_proto::codec::{Packet, Version, take_frames};
use polymqtt_proto::engine::{Action, Engine, Token, Transmit};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::options::{Authentication, Options, ProtocolVersion, Scheme, Scram, Server, Will};
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::{TopicFilter, TopicName};

/// May stand in a URL as it is.
const PASSWORD: &str = "s3cr3t-Pa55w0rd";

/// Lines: a choice of options by their bits, the URL, and one text for each option.
pub fn check(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // The fuzzer finds out what is compared with.
    if text.contains(PASSWORD) {
        return;
    }
    let mut lines = text.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let url = with_password(line());
    let options = match Options::new(&url) {
        Ok(options) => options,
        Err(error) => return refused(&error),
    };
    let text = [line(), line(), line(), line(), line(), line()];
    topics(text);
    match put_together(options, *choice, text) {
        Ok(options) => built(&options),
        Err(error) => refused(&error),
    }
}

/// The URL with a password in it, where it has a place for one.
fn with_password(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) if scheme.chars().all(char::is_alphabetic) && !rest.contains('@') => {
            format!("{scheme}://user:{PASSWORD}@{rest}")
        }
        _ => url.to_owned(),
    }
}

fn put_together(options: Options, choice: u8, text: [&str; 6]) -> Result<Options, Error> {
    let [client_id, username, will_topic, header, property, url] = text;
    let is_set = |bit: u8| choice & (1 << bit) != 0;
    let version = match choice & 3 {
        0 | 1 => ProtocolVersion::V5,
        2 => ProtocolVersion::V311,
        _ => ProtocolVersion::Auto,
    };
    let mut options = options.version(version).client_id(client_id).clean_start(!is_set(2));
    if is_set(3) {
        options = options.username(username).password(PASSWORD);
    }
    if is_set(4)
        && let Ok(will) = Will::new(will_topic, property.to_owned())
    {
        options = options.will(will.delay(Duration::from_secs(property.len() as u64)));
    }
    if is_set(5) {
        let (name, value) = property.split_once('=').unwrap_or((property, ""));
        options = options.user_property(name, value).response_topic_prefix(value);
    }
    if is_set(6) {
        options = options.websocket_header(header, PASSWORD).fallback(url)?;
    }
    if is_set(7) {
        let scram = Scram::new(username, PASSWORD);
        options = options.authentication(Authentication::ScramSha256(scram));
    }
    Ok(options)
}

fn built(options: &Options) {
    keeps_the_password(&format!("{options:?}"));
    let settings = match options.check() {
        Ok(settings) => settings,
        Err(error) => return refused(&error),
    };
    keeps_the_password(&format!("{settings:?}"));
    let mut engine = Engine::new(settings, [7; 16], Timestamp::ZERO);
    engine.connect(Timestamp::ZERO, Token(1)).expect("an engine can be connected once");
    let Some(Action::Open(server)) = engine.poll_action() else {
        return;
    };
    same_again(&server);
    connects(&mut engine);
    keeps_the_password(&format!("{engine:?}"));
}

/// What is shown of a server leads to it.
fn same_again(server: &Server) {
    let shown = server.to_string();
    keeps_the_password(&shown);
    if server.scheme() == Scheme::Unix {
        return;
    }
    let options = Options::new(&shown).expect("what is shown of a server is a URL");
    let settings = options.check().expect("a URL alone makes options");
    let mut engine = Engine::new(settings, [7; 16], Timestamp::ZERO);
    engine.connect(Timestamp::ZERO, Token(1)).expect("an engine can be connected once");
    let Some(Action::Open(again)) = engine.poll_action() else {
        panic!("{shown} is not opened");
    };
    assert_eq!(
        (server.scheme(), server.host(), server.port(), server.path()),
        (again.scheme(), again.host(), again.port(), again.path())
    );
}

/// Only what asks its host first has nothing to say.
fn connects(engine: &mut Engine) {
    engine.handle_opened(Timestamp::ZERO);
    let mut transmit = Transmit::default();
    if !engine.poll_transmit(&mut transmit) {
        assert!(engine.has_questions());
        return;
    }
    let mut bytes = BytesMut::new();
    transmit.chunks.iter().for_each(|chunk| bytes.extend_from_slice(chunk));
    bytes.extend_from_slice(&transmit.tail);
    let mut frames = take_frames(&mut bytes, u32::MAX).expect("CONNECT is whole");
    let packet = frames.next().map(|frame| Packet::decode(Version::V5, &frame));
    assert!(matches!(packet, Some(Ok(Packet::Connect(_)))), "{packet:?}");
}

fn refused(error: &Error) {
    assert!(matches!(error.kind(), ErrorKind::InvalidOption | ErrorKind::Unsupported), "{error:?}");
    let shown = error.to_string();
    assert!(!shown.is_empty());
    keeps_the_password(&shown);
    keeps_the_password(&format!("{error:?}"));
}

fn keeps_the_password(shown: &str) {
    assert!(!shown.contains(PASSWORD), "{shown}");
}

/// A topic is matched by itself, and by what begins like it.
fn topics(text: [&str; 6]) {
    for text in text {
        let (name, filter) = (TopicName::try_from(text), TopicFilter::try_from(text));
        if let (Ok(name), Ok(filter)) = (&name, &filter)
            && !filter.is_shared()
        {
            assert!(filter.matches(name), "{text:?}");
        }
        if let Ok(filter) = filter {
            assert!(!filter.matches(""), "{text:?}");
            assert!(filter.share_name().is_some() == filter.is_shared(), "{text:?}");
        }
    }
}
