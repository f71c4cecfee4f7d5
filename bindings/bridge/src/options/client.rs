//! The options of a client that belong to no group.

use polymqtt::{OnSessionLost, Options, ProtocolVersion};

use super::table::{Entry, Set, entry};

pub(super) const TABLE: &[Entry<Options>] = &[
    entry(
        "version",
        Set::Choice(&[
            ("5", |options| options.version(ProtocolVersion::V5)),
            ("3.1.1", |options| options.version(ProtocolVersion::V311)),
            ("auto", |options| options.version(ProtocolVersion::Auto)),
        ]),
        "The protocol version; by default 5. `auto` is 5, and 3.1.1 with a server that does not speak 5.",
    ),
    entry(
        "client_id",
        Set::Text(Options::client_id),
        "The client identifier; by default the server assigns one (v5) or one is generated (v3.1.1).",
    ),
    entry("username", Set::Text(Options::username), "The user name; by default that of the URL, if any."),
    entry("password", Set::Bytes(Options::password), "The password; by default that of the URL, if any."),
    entry(
        "clean_start",
        Set::Flag(Options::clean_start),
        "Whether the first connect discards a session that the server may still have; by default it does.",
    ),
    entry(
        "session_expiry",
        Set::Endless(Options::session_expiry),
        "How many seconds the server keeps the session after the connection ends; by default 5 minutes, and an orderly \
         disconnect ends it. Infinity does not expire.",
    ),
    entry(
        "on_session_lost",
        Set::Choice(&[
            ("resend", |options| options.on_session_lost(OnSessionLost::Resend)),
            ("fail", |options| options.on_session_lost(OnSessionLost::Fail)),
        ]),
        "What becomes of messages in flight when the server has lost the session; by default QoS 1 is sent again.",
    ),
    entry(
        "keep_alive",
        Set::Duration(Options::keep_alive),
        "The longest time without a packet before a PINGREQ, in whole seconds up to 65,535; by default 60, and 0 is off.",
    ),
    entry(
        "connect_timeout",
        Set::Duration(Options::connect_timeout),
        "How many seconds one attempt to connect may take, and authenticating again; by default 30.",
    ),
    entry(
        "keep_trying",
        Set::Flag(Options::keep_trying),
        "Whether the first connect goes on trying after a failure, as reconnects do; by default it does not.",
    ),
    entry(
        "subscribe_timeout",
        Set::Duration(Options::subscribe_timeout),
        "How many seconds SUBSCRIBE and UNSUBSCRIBE wait for the answer, time without a connection included; by default 30.",
    ),
    entry(
        "unclaimed_timeout",
        Set::Duration(Options::unclaimed_timeout),
        "How many seconds a message of a session that lasts waits for a subscription that it matches; by default 30.",
    ),
    entry(
        "receive_maximum",
        Set::U16(Options::receive_maximum),
        "How many QoS 1 and 2 messages the server may send before the first is acknowledged, from 1; by default 1,024.",
    ),
    entry(
        "maximum_packet_size",
        Set::U32(Options::maximum_packet_size),
        "The largest packet this client takes, in bytes; by default 16 MiB.",
    ),
    entry(
        "verify_payload_format",
        Set::Flag(Options::verify_payload_format),
        "Whether received payloads that are declared to be UTF-8 are refused if they are not; by default they are not.",
    ),
    entry(
        "topic_alias_maximum",
        Set::U16(Options::topic_alias_maximum),
        "How many topic aliases the server may assign; by default 32, and 0 is none.",
    ),
    entry(
        "outgoing_topic_aliases",
        Set::U16(Options::outgoing_topic_aliases),
        "How many topic aliases this client assigns, if the server takes as many; by default 16, and 0 is none.",
    ),
    entry(
        "user_properties",
        Set::Pairs(|options, pairs| {
            pairs.into_iter().fold(options, |options, (name, value)| options.user_property(name, value))
        }),
        "User properties of the CONNECT packet; by default none.",
    ),
    entry(
        "websocket_headers",
        Set::Pairs(|options, pairs| {
            pairs.into_iter().fold(options, |options, (name, value)| options.websocket_header(name, value))
        }),
        "Headers of the HTTP request that opens a WebSocket; by default none.",
    ),
    entry(
        "response_topic_prefix",
        Set::Text(Options::response_topic_prefix),
        "What the topic for answers to requests begins with, where the server does not say so; by default `polymqtt/responses`.",
    ),
    entry(
        "ask_response_information",
        Set::Flag(Options::ask_response_information),
        "Whether the server is asked for response information; by default it is.",
    ),
];
