//! Version `auto`: 5 first, 3.1.1 where a server does not speak it.

use polymqtt_proto::codec::Version;
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::options::{Options, ProtocolVersion};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::{BrokerConfig, OnConnect};
use polymqtt_testkit::world::World;

use crate::support::{Q1, message, millis, options, secs, world};

fn auto() -> Options {
    options().version(ProtocolVersion::Auto)
}

/// A world whose server refuses version 5 in the shape of 3.1.1.
#[expect(clippy::needless_pass_by_value, reason = "so that tests can chain setters")]
fn without_v5(options: Options) -> World {
    let broker = BrokerConfig { v5: false, ..BrokerConfig::default() };
    World::new(options.check().unwrap(), broker, 1)
}

fn versions(world: &World) -> Vec<Version> {
    world.broker.record().connects.iter().map(|connect| connect.version).collect()
}

#[test]
fn version_5_is_used_where_it_is_spoken() {
    let mut world = world(auto());
    assert_eq!(world.connect().unwrap().limits.version, Version::V5);
    world.cut();
    assert!(world.run_until(|world| world.broker.record().connections == 2));
    assert_eq!(versions(&world), [Version::V5, Version::V5]);
    world.assert_clean();
}

#[test]
fn a_refusal_in_the_shape_of_3_1_1_leads_to_it() {
    let mut world = without_v5(auto());
    assert_eq!(world.connect().unwrap().limits.version, Version::V311);
    let token = world.publish(message("t", "x", Q1)).unwrap();
    world.published(token).unwrap();
    // A reconnect does not ask again.
    world.cut();
    assert!(world.run_until(|world| world.broker.record().connections == 2));
    assert_eq!(versions(&world), [Version::V5, Version::V311, Version::V311]);
    world.assert_clean();
}

#[test]
fn a_refusal_by_reason_code_0x84_leads_to_it() {
    let mut world = world(auto());
    world.broker.on_connect.push_back(OnConnect::refuse(ReasonCode::UnsupportedProtocolVersion));
    assert_eq!(world.connect().unwrap().limits.version, Version::V311);
}

#[test]
fn a_close_without_connack_leads_to_it() {
    let mut world = world(auto());
    world.broker.on_connect.push_back(OnConnect::Drop);
    assert_eq!(world.connect().unwrap().limits.version, Version::V311);
}

#[test]
fn a_server_that_answers_neither_is_asked_for_3_1_1_once() {
    let mut world = world(auto().keep_trying(true));
    world.broker.on_connect.extend(std::iter::repeat_n(OnConnect::Drop, 4));
    world.connect().unwrap();
    let v5 = Version::V5;
    assert_eq!(versions(&world), [v5, Version::V311, v5, v5, v5]);
}

#[test]
fn a_server_that_spoke_version_5_is_not_asked_for_less() {
    let mut world = world(auto());
    world.connect().unwrap();
    world.broker.on_connect.extend([OnConnect::Drop, OnConnect::Drop]);
    world.cut();
    assert!(world.run_until(|world| world.broker.record().connections == 2));
    assert!(versions(&world).iter().all(|version| *version == Version::V5));
}

#[test]
fn a_refusal_for_another_reason_is_not_about_the_version() {
    let mut world = world(auto());
    world.broker.on_connect.push_back(OnConnect::refuse(ReasonCode::NotAuthorized));
    assert_eq!(world.connect().unwrap_err().kind(), ErrorKind::NotAuthorized);
    assert_eq!(versions(&world), [Version::V5]);
}

#[test]
fn options_that_only_version_5_has_do_not_fall_back_silently() {
    for options in [auto().session_expiry(secs(60)), auto().user_property("a", "b")] {
        let mut world = without_v5(options);
        let error = world.connect().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("MQTT 5"), "{error}");
        assert_eq!(versions(&world), [Version::V5]);
    }
}

#[test]
fn a_close_without_connack_is_no_reason_to_give_up_what_only_version_5_has() {
    let mut world = world(auto().session_expiry(secs(60)).keep_trying(true));
    world.broker.on_connect.push_back(OnConnect::Drop);
    assert_eq!(world.connect().unwrap().limits.version, Version::V5);
    assert_eq!(versions(&world), [Version::V5, Version::V5]);
}

#[test]
fn an_empty_client_identifier_is_generated_on_the_way_down() {
    let mut world = without_v5(auto().client_id(""));
    world.connect().unwrap();
    let connects = &world.broker.record().connects;
    assert_eq!(connects[0].client_id, "");
    assert_eq!(world.engine.client_id(), connects[1].client_id.as_str());
    assert!(!connects[1].client_id.is_empty());
}

#[test]
fn a_message_with_properties_that_waited_is_rejected_after_falling_back() {
    let mut world = without_v5(auto());
    let mut early = message("t", "x", Q1);
    early.properties_mut().content_type = Some("text/plain".try_into().unwrap());
    let token = world.publish(early.clone()).unwrap();
    world.connect().unwrap();
    assert_eq!(world.published(token).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(world.publish(early).unwrap_err().error.kind(), ErrorKind::Unsupported);
    world.run_for(millis(10));
    world.assert_clean();
}

#[test]
fn a_subscription_with_options_of_version_5_is_refused_after_falling_back() {
    use polymqtt_proto::codec::SubscriptionOptions;
    use polymqtt_proto::engine::{Completion, SubscribeRequest};

    let mut world = without_v5(auto());
    let no_local = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    let filters = vec![("a".try_into().unwrap(), no_local)];
    let token = world.token();
    let request = SubscribeRequest { filters, ..SubscribeRequest::default() };
    world.engine.subscribe(world.now, request, token).unwrap();
    world.connect().unwrap();
    match world.complete(token) {
        Completion::Subscribed(Err(error)) => assert_eq!(error.kind(), ErrorKind::Unsupported),
        other => panic!("{other:?}"),
    }
}
