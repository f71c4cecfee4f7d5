//! Servers that send the client elsewhere (section 4.11).

use polymqtt_proto::codec::{ConnAck, ConnAckProperties, DisconnectProperties};
use polymqtt_proto::engine::{Answer, Event};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::options::{Credentials, Options, RedirectOptions, Will};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::OnConnect;
use polymqtt_testkit::world::World;

use crate::support::{connected, millis, options, secs, world};

const USE_ANOTHER: ReasonCode = ReasonCode::UseAnotherServer;
const MOVED: ReasonCode = ReasonCode::ServerMoved;

pub(crate) fn sent_to(reason_code: ReasonCode, reference: &str) -> OnConnect {
    let properties = ConnAckProperties {
        server_reference: Some(reference.try_into().unwrap()),
        ..ConnAckProperties::default()
    };
    OnConnect::Refuse(Box::new(ConnAck { reason_code, properties, ..ConnAck::default() }))
}

fn disconnect(world: &mut World, reason: ReasonCode, reference: &str) {
    let properties = DisconnectProperties {
        server_reference: Some(reference.try_into().unwrap()),
        ..DisconnectProperties::default()
    };
    world.broker.disconnect_with(world.now, "c", &properties, reason);
    let connections = world.broker.record().connections;
    assert!(world.run_until(|world| world.broker.record().connections > connections));
}

fn opened(world: &World) -> Vec<&str> {
    world.opened.iter().map(|server| server.trim_start_matches("mqtt://")).collect()
}

#[test]
fn connack_sends_the_first_connect_elsewhere_at_once() {
    let mut world = world(options());
    world.broker.on_connect.push_back(sent_to(USE_ANOTHER, "other:1884"));
    let before = world.now;
    world.connect().unwrap();
    assert_eq!(opened(&world), ["broker:1883", "other:1884"]);
    assert!(world.now < before + millis(200));
    assert!(world.events.iter().any(|event| matches!(event, Event::Redirected { moved: false, .. })));
}

#[test]
fn another_server_is_for_this_time_and_a_move_is_for_good() {
    for (reason, then) in [(USE_ANOTHER, "broker:1883"), (MOVED, "other:1883")] {
        let mut world = connected(options());
        disconnect(&mut world, reason, "other");
        world.cut();
        assert!(world.run_until(|world| world.broker.record().connections == 3));
        assert_eq!(opened(&world), ["broker:1883", "other:1883", then]);
    }
}

#[test]
fn the_session_goes_on_where_the_servers_share_it() {
    let mut world = connected(options());
    disconnect(&mut world, USE_ANOTHER, "other");
    assert_eq!(world.broker.record().resumed, 1);
    world.assert_clean();
}

#[test]
fn several_references_are_tried_in_order_and_then_the_old_list() {
    let mut world = world(options().keep_trying(true));
    let refuse = || OnConnect::refuse(ReasonCode::ServerBusy);
    world.broker.on_connect.extend([sent_to(USE_ANOTHER, "one two:9"), refuse(), refuse()]);
    world.connect().unwrap();
    assert_eq!(opened(&world), ["broker:1883", "one:1883", "two:9", "broker:1883"]);
}

#[test]
fn a_first_connect_tries_every_reference() {
    let mut world = world(options());
    world
        .broker
        .on_connect
        .extend([sent_to(USE_ANOTHER, "one two"), OnConnect::refuse(ReasonCode::ServerBusy)]);
    world.connect().unwrap();
    assert_eq!(opened(&world), ["broker:1883", "one:1883", "two:1883"]);
}

#[test]
fn redirects_in_a_row_are_bounded() {
    let redirect = RedirectOptions { most_hops: 3, ..RedirectOptions::default() };
    let mut world = world(options().redirect(redirect));
    world.broker.on_connect.extend((0..9).map(|number| sent_to(USE_ANOTHER, &format!("host{number}"))));
    let error = world.connect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("more than 3"), "{error}");
    assert_eq!(world.opened.len(), 4);
}

#[test]
fn the_count_starts_again_after_a_connection_that_lasted() {
    let redirect = RedirectOptions { most_hops: 1, ..RedirectOptions::default() };
    let mut world = connected(options().redirect(redirect));
    for _ in 0..3 {
        world.run_for(secs(40));
        disconnect(&mut world, USE_ANOTHER, "other");
    }
    assert_eq!(world.opened.len(), 4);
}

#[test]
fn no_redirect_is_followed_where_none_is_wanted() {
    let redirect = RedirectOptions { most_hops: 0, ..RedirectOptions::default() };
    let mut world = world(options().redirect(redirect));
    world.broker.on_connect.push_back(sent_to(USE_ANOTHER, "other"));
    assert_eq!(world.connect().unwrap_err().reason_code(), Some(USE_ANOTHER));
}

#[test]
fn a_redirect_without_a_reference_ends_the_client() {
    let mut world = world(options());
    world.broker.on_connect.push_back(OnConnect::refuse(MOVED));
    assert_eq!(world.connect().unwrap_err().reason_code(), Some(MOVED));
}

#[test]
fn tls_is_never_left() {
    let mut world = world(Options::new("mqtts://broker").unwrap().client_id("c"));
    world.broker.on_connect.push_back(sent_to(USE_ANOTHER, "mqtt://other"));
    let error = world.connect().unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
    assert_eq!(world.opened, ["mqtts://broker:8883"]);
}

#[test]
fn a_reference_that_can_not_be_read_ends_the_client() {
    let mut world = world(options());
    world.broker.on_connect.push_back(sent_to(USE_ANOTHER, "no:port"));
    assert_eq!(world.connect().unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn secrets_stay_with_the_hosts_that_the_user_named() {
    let secrets =
        |options: Options| options.username("u").password("p").will(Will::new("gone", "x").unwrap());
    let shared = |options: Options, host: &str| {
        let mut world = world(secrets(options));
        world.broker.on_connect.push_back(sent_to(USE_ANOTHER, host));
        world.connect().unwrap();
        let connect = world.broker.record().connects.last().unwrap();
        let given = [connect.username.is_some(), connect.password.is_some(), connect.will.is_some()];
        assert!(given.iter().all(|each| *each == given[0]));
        given[0]
    };
    assert!(!shared(options(), "other"));
    assert!(shared(options(), "BROKER:1884"));
    assert!(shared(options().fallback("mqtt://other").unwrap(), "other"));
    let trusting = RedirectOptions { trust_other_hosts: true, ..RedirectOptions::default() };
    assert!(shared(options().redirect(trusting), "other"));
}

#[test]
fn a_host_is_not_asked_for_credentials_for_a_server_that_the_user_did_not_name() {
    for (trust_other_hosts, asked) in [(false, 1), (true, 2)] {
        let redirect = RedirectOptions { trust_other_hosts, ..RedirectOptions::default() };
        let mut world = world(options().credentials_from_host(true).redirect(redirect));
        world.broker.on_connect.push_back(sent_to(USE_ANOTHER, "other"));
        let token = world.start_connect();
        let mut answered = 0;
        while world.try_complete(token).is_none() {
            world.run_for(millis(10));
            while let Some((request, _)) = world.requests.pop_front() {
                answered += 1;
                let credentials = Credentials::new("u", "p").unwrap();
                world.engine.answer(world.now, request, Answer::Credentials(credentials));
            }
        }
        assert_eq!(answered, asked);
        let connects = &world.broker.record().connects;
        let given: Vec<_> = connects.iter().map(|connect| connect.password.is_some()).collect();
        assert_eq!(given, [true, trust_other_hosts]);
    }
}
