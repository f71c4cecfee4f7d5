//! MQTT 3.1.1, where it differs.

use polymqtt_proto::codec::{SubscriptionOptions, Version};
use polymqtt_proto::engine::{DisconnectOptions, SubscribeRequest};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::options::{Options, Will};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::{BrokerConfig, OnConnect};
use polymqtt_testkit::world::{World, request};

use crate::support::{Q0, Q1, Q2, accepted, broadcast, connected, message, millis, options, secs, world};

fn v311() -> Options {
    options().version(Version::V311)
}

#[test]
fn every_flow_works() {
    let mut world = connected(v311());
    let stream = world.subscribe("a/#", Q2).unwrap();
    for qos in [Q0, Q1, Q2] {
        let token = world.publish(message("a/b", "x", qos)).unwrap();
        world.published(token).unwrap();
        assert_eq!(world.receive(stream).qos(), qos);
    }
    world.try_receive(stream).unwrap();
    world.unsubscribe(stream).unwrap();
    world.run_for(millis(10));
    assert_eq!((world.broker.pending("c"), world.broker.filters("c").len()), (0, 0));
    world.disconnect(DisconnectOptions::default());
    world.assert_clean();
}

#[test]
fn a_clean_session_ends_with_its_connection() {
    let mut world = connected(v311());
    let stream = world.subscribe("a", Q1).unwrap();
    world.cut();
    assert!(world.run_until(|world| world.broker.record().connections == 2));
    world.run_for(secs(1));
    assert_eq!(world.broker.record().resumed, 0);
    // Its subscriptions are restored all the same.
    broadcast(&mut world, "a", "x", Q1);
    assert_eq!(world.receive(stream).payload(), b"x");
    world.assert_clean();
}

#[test]
fn a_session_that_is_not_clean_goes_on() {
    for qos in [Q1, Q2] {
        let mut world = connected(v311().clean_start(false));
        let token = world.publish(message("t", "x", qos)).unwrap();
        world.run_for(millis(1));
        world.cut();
        world.published(token).unwrap();
        assert_eq!(world.broker.record().resumed, 1);
        if qos == Q2 {
            assert_eq!(accepted(&world, "t"), ["x"]);
        }
        world.assert_clean();
    }
}

#[test]
fn an_empty_client_identifier_is_generated() {
    let mut world = connected(v311().client_id(""));
    let id = world.engine.client_id().to_owned();
    assert!(
        !id.is_empty() && id.len() <= 23 && id.chars().all(|letter| letter.is_ascii_alphanumeric()),
        "{id}"
    );
    world.cut();
    assert!(world.run_until(|world| world.broker.record().connections == 2));
    assert_eq!(world.engine.client_id(), id);
}

#[test]
fn options_that_only_version_5_has_are_unsupported() {
    let unsupported =
        |options: Options| assert_eq!(options.check().unwrap_err().kind(), ErrorKind::Unsupported);
    unsupported(v311().session_expiry(secs(1)));
    unsupported(v311().user_property("a", "b"));
    unsupported(v311().will(Will::new("a", "b").unwrap().delay(secs(5))));
    unsupported(v311().password("without a name"));
    assert_eq!(v311().client_id("").clean_start(false).check().unwrap_err().kind(), ErrorKind::InvalidOption);
}

#[test]
fn properties_and_subscription_options_are_unsupported() {
    let mut world = connected(v311());
    let mut message = message("t", "x", Q1);
    message.properties_mut().content_type = Some("text/plain".try_into().unwrap());
    assert_eq!(world.publish(message).unwrap_err().error.kind(), ErrorKind::Unsupported);
    let no_local = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    let filters = vec![("a".try_into().unwrap(), no_local)];
    let error =
        world.subscribe_with(SubscribeRequest { filters, ..SubscribeRequest::default() }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let named = SubscribeRequest {
        user_properties: vec![("a".try_into().unwrap(), "b".try_into().unwrap())],
        ..request("a", Q1)
    };
    assert_eq!(world.subscribe_with(named).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_suback_of_0x80_is_a_refusal() {
    let refuse_subscribe = vec![("a".try_into().unwrap(), ReasonCode::NotAuthorized)];
    let broker = BrokerConfig { refuse_subscribe, ..BrokerConfig::default() };
    let mut world = World::new(v311().check().unwrap(), broker, 1);
    world.connect().unwrap();
    let error = world.subscribe("a", Q1).unwrap_err();
    assert_eq!(error.reason_code(), Some(ReasonCode::UnspecifiedError));
    world.assert_clean();
}

#[test]
fn return_codes_of_connack_mean_what_they_say() {
    for (reason, kind) in [
        (ReasonCode::UnsupportedProtocolVersion, ErrorKind::Unsupported),
        (ReasonCode::ClientIdentifierNotValid, ErrorKind::Refused),
        (ReasonCode::ServerUnavailable, ErrorKind::Refused),
        (ReasonCode::BadUserNameOrPassword, ErrorKind::NotAuthorized),
        (ReasonCode::NotAuthorized, ErrorKind::NotAuthorized),
    ] {
        let mut world = world(v311());
        world.broker.on_connect.push_back(OnConnect::refuse(reason));
        let error = world.connect().unwrap_err();
        assert_eq!((error.kind(), error.reason_code()), (kind, Some(reason)));
    }
}

#[test]
fn a_server_without_version_5_is_an_error_that_says_so() {
    let broker = BrokerConfig { v5: false, ..BrokerConfig::default() };
    let mut world = World::new(options().check().unwrap(), broker, 1);
    let error = world.connect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert_eq!(error.reason_code(), Some(ReasonCode::UnsupportedProtocolVersion));
}

#[test]
fn nothing_of_version_5_is_sent() {
    let broker = BrokerConfig { v5: false, ..BrokerConfig::default() };
    let mut world = World::new(v311().keep_alive(secs(5)).check().unwrap(), broker, 1);
    world.connect().unwrap();
    let stream = world.subscribe("a", Q2).unwrap();
    broadcast(&mut world, "a", "x", Q2);
    world.receive(stream);
    world.run_for(secs(60));
    world.disconnect(DisconnectOptions::default());
    world.assert_clean();
}
