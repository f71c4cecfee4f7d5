//! Connecting: what is granted, how it fails, and what the server is told at the end.

use polymqtt_proto::codec::{ConnAck, ConnAckProperties, Packet, Version};
use polymqtt_proto::engine::{Answer, Completion, DisconnectOptions, Event};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::options::{Credentials, Options, Will};
use polymqtt_proto::qos::QoS;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::{BrokerConfig, OnConnect};
use polymqtt_testkit::world::World;

use crate::support::{Q1, broadcast, connected, message, millis, options, secs, world};

#[test]
fn connack_tells_what_is_granted() {
    let broker = BrokerConfig {
        receive_maximum: 7,
        maximum_qos: QoS::AtLeastOnce,
        retain_available: false,
        maximum_packet_size: Some(4_000),
        server_keep_alive: Some(11),
        session_expiry_limit: Some(100),
        wildcard_subscriptions: false,
        shared_subscriptions: false,
        subscription_identifiers: false,
        ..BrokerConfig::default()
    };
    let mut world = World::new(options().check().unwrap(), broker, 1);
    let grant = world.connect().unwrap();
    assert!(!grant.session_present);
    assert_eq!(grant.keep_alive, 11);
    assert_eq!(grant.session_expiry, Some(secs(100)));
    assert_eq!(grant.limits.receive_maximum, 7);
    assert_eq!(grant.limits.maximum_qos, Q1);
    assert_eq!(grant.limits.maximum_packet_size, Some(4_000));
    assert!(!grant.limits.retain_available && !grant.limits.wildcard_subscriptions);
    assert!(!grant.limits.shared_subscriptions && !grant.limits.subscription_identifiers);
    world.assert_clean();
}

#[test]
fn an_assigned_client_identifier_is_kept_for_reconnects() {
    let mut world = world(options().client_id(""));
    let grant = world.connect().unwrap();
    assert_eq!(grant.client_id, "assigned-1");
    assert_eq!(world.engine.client_id(), "assigned-1");
    world.cut();
    assert!(world.run_until(|world| world.broker.record().connections == 2));
    world.run_for(secs(1));
    assert_eq!(world.broker.record().resumed, 1);
    assert_eq!(world.engine.client_id(), "assigned-1");
}

#[test]
fn a_refusal_is_an_error_of_its_kind_and_the_first_connect_is_not_repeated() {
    for (reason, kind) in [
        (ReasonCode::NotAuthorized, ErrorKind::NotAuthorized),
        (ReasonCode::BadUserNameOrPassword, ErrorKind::NotAuthorized),
        (ReasonCode::ServerBusy, ErrorKind::Refused),
        (ReasonCode::Banned, ErrorKind::Refused),
        (ReasonCode::QuotaExceeded, ErrorKind::QuotaExceeded),
    ] {
        let mut world = world(options());
        world.broker.on_connect.push_back(OnConnect::refuse(reason));
        let error = world.connect().unwrap_err();
        assert_eq!((error.kind(), error.reason_code()), (kind, Some(reason)));
        world.run_for(secs(600));
        assert_eq!(world.opened.len(), 1);
        world.assert_clean();
    }
}

#[test]
fn the_servers_words_come_with_its_refusal() {
    let mut world = world(options());
    let properties = ConnAckProperties {
        reason_string: Some("maintenance".try_into().unwrap()),
        user_properties: vec![("until".try_into().unwrap(), "noon".try_into().unwrap())],
        ..ConnAckProperties::default()
    };
    let connack = ConnAck { session_present: false, reason_code: ReasonCode::ServerUnavailable, properties };
    world.broker.on_connect.push_back(OnConnect::Refuse(Box::new(connack)));
    let error = world.connect().unwrap_err();
    assert_eq!(error.reason_string(), Some("maintenance"));
    assert_eq!(error.user_properties()[0].1, "noon");
}

#[test]
fn keep_trying_goes_on_after_a_first_failure() {
    let mut world = world(options().keep_trying(true));
    world.broker.on_connect.extend([
        OnConnect::Drop,
        OnConnect::refuse(ReasonCode::ServerBusy),
        OnConnect::refuse(ReasonCode::ServerUnavailable),
    ]);
    world.connect().unwrap();
    assert_eq!(world.opened.len(), 4);
}

#[test]
fn a_server_that_says_nothing_is_a_timeout() {
    let mut world = world(options());
    world.broker.on_connect.push_back(OnConnect::Silent);
    let begun = world.now;
    let error = world.connect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(world.now.since(begun), secs(30));
}

#[test]
fn a_server_that_closes_or_is_not_there_is_a_transport_error() {
    let mut dropped = world(options());
    dropped.broker.on_connect.push_back(OnConnect::Drop);
    assert_eq!(dropped.connect().unwrap_err().kind(), ErrorKind::Transport);
    let mut gone = world(options());
    gone.reachable = false;
    assert_eq!(gone.connect().unwrap_err().kind(), ErrorKind::Transport);
}

#[test]
fn clean_start_governs_the_first_connect_only() {
    let mut world = connected(options());
    assert_eq!(world.broker.record().resumed, 0);
    world.cut();
    assert!(world.run_until(|world| world.broker.record().resumed == 1));
    world.assert_clean();
}

#[test]
fn a_session_after_a_clean_start_is_a_protocol_error() {
    let mut world = world(options());
    let connack = ConnAck { session_present: true, ..ConnAck::default() };
    let mut bytes = bytes::BytesMut::new();
    Packet::ConnAck(Box::new(connack)).encode(Version::V5, &mut bytes).unwrap();
    world.broker.on_connect.push_back(OnConnect::Raw(bytes.freeze()));
    let error = world.connect().unwrap_err();
    assert_eq!((error.kind(), error.reason_code()), (ErrorKind::Protocol, Some(ReasonCode::ProtocolError)));
}

#[test]
fn without_clean_start_a_session_of_an_earlier_process_is_accepted() {
    let lasting = || options().clean_start(false).session_expiry(secs(3_600));
    let mut world = connected(lasting());
    world.subscribe("a/#", Q1).unwrap();
    world.disconnect(DisconnectOptions::default());
    broadcast(&mut world, "a/b", "while away", Q1);
    // A new process without a store.
    world.crash();
    let grant = world.connect().unwrap();
    assert!(grant.session_present);
    // Its message waits for a stream.
    world.run_for(secs(1));
    let stream = world.subscribe("a/#", Q1).unwrap();
    assert_eq!(world.receive(stream).payload(), b"while away");
    world.try_receive(stream).unwrap();
    world.run_for(millis(10));
    assert_eq!(world.broker.pending("c"), 0);
    world.assert_clean();
}

#[test]
fn a_will_is_published_unless_the_goodbye_is_in_order() {
    let with_will = || options().will(Will::new("gone/c", "bye").unwrap().qos(Q1)).reconnect(None);
    let wills = |world: &World| world.broker.record().wills.len();

    let mut orderly = connected(with_will());
    orderly.disconnect(DisconnectOptions::default());
    orderly.run_for(secs(1_000));
    assert_eq!(wills(&orderly), 0);

    let mut wanted = connected(with_will());
    wanted.disconnect(DisconnectOptions { with_will: true, ..DisconnectOptions::default() });
    wanted.run_for(secs(1));
    assert_eq!(wills(&wanted), 1);
    assert_eq!(wanted.broker.record().disconnects, [ReasonCode::DisconnectWithWill]);

    let mut cut = connected(with_will());
    cut.cut();
    cut.run_for(secs(1));
    assert_eq!(wills(&cut), 1);
}

#[test]
fn a_quick_reconnect_prevents_a_delayed_will() {
    let mut world = connected(options().will(Will::new("gone/c", "bye").unwrap().delay(secs(10))));
    world.cut();
    world.run_for(secs(60));
    assert_eq!(world.broker.record().resumed, 1);
    assert!(world.broker.record().wills.is_empty());
}

#[test]
fn an_orderly_goodbye_ends_a_session_that_nobody_asked_to_last() {
    let mut world = connected(options());
    world.disconnect(DisconnectOptions::default());
    assert!(!world.broker.has_session("c"));

    let mut lasting = connected(options().session_expiry(secs(60)));
    lasting.disconnect(DisconnectOptions::default());
    assert!(lasting.broker.has_session("c"));
    lasting.run_for(secs(61));
    assert!(!lasting.broker.has_session("c"));
}

#[test]
fn servers_of_the_list_are_tried_in_turn() {
    let options = Options::new("mqtt://one").unwrap().fallback("mqtt://two").unwrap().client_id("c");
    let mut world = world(options);
    world.broker.on_connect.push_back(OnConnect::refuse(ReasonCode::ServerBusy));
    world.connect().unwrap();
    assert!(world.opened[0].contains("one") && world.opened[1].contains("two"), "{:?}", world.opened);
}

#[test]
fn the_host_is_asked_for_credentials_before_each_attempt() {
    let mut world = world(options().credentials_from_host(true).keep_trying(true));
    world.broker.on_connect.push_back(OnConnect::refuse(ReasonCode::NotAuthorized));
    let token = world.start_connect();
    for attempt in 0..2 {
        assert!(world.run_until(|world| !world.requests.is_empty()), "attempt {attempt}");
        let (request, _) = world.requests.pop_front().unwrap();
        let credentials = Credentials::new("u", "p").unwrap();
        world.engine.answer(world.now, request, Answer::Credentials(credentials));
    }
    assert!(matches!(world.complete(token), Completion::Connected(Ok(_))));
}

#[test]
fn three_refusals_of_fresh_credentials_stop_the_client() {
    let mut world = world(options().credentials_from_host(true).keep_trying(true));
    for _ in 0..9 {
        world.broker.on_connect.push_back(OnConnect::refuse(ReasonCode::BadUserNameOrPassword));
    }
    let token = world.start_connect();
    let mut asked = 0;
    while world.run_until(|world| !world.requests.is_empty()) {
        let (request, _) = world.requests.pop_front().unwrap();
        asked += 1;
        world.engine.answer(world.now, request, Answer::Credentials(Credentials::default()));
    }
    assert_eq!(asked, 3);
    let Completion::Connected(Err(error)) = world.complete(token) else { panic!() };
    assert_eq!(error.kind(), ErrorKind::NotAuthorized);
}

#[test]
fn a_session_taken_over_by_another_client_stops_this_one() {
    let mut world = connected(options());
    world.broker.disconnect(world.now, "c", ReasonCode::SessionTakenOver);
    world.run_for(secs(600));
    assert_eq!(world.opened.len(), 1);
    let last = world.events.last().unwrap();
    let Event::Disconnected { error: Some(error), retry_in: None } = last else { panic!("{last:?}") };
    assert_eq!(error.reason_code(), Some(ReasonCode::SessionTakenOver));
    let rejected = world.publish(message("a", "x", Q1)).unwrap_err();
    assert_eq!(rejected.error.kind(), ErrorKind::Closed);
}

#[test]
fn an_engine_has_one_life() {
    let mut world = connected(options());
    world.disconnect(DisconnectOptions::default());
    let token = world.token();
    assert_eq!(world.engine.connect(world.now, token).unwrap_err().kind(), ErrorKind::Closed);
}
