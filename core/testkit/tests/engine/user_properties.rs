//! What packets say besides what they do: user properties, reason strings and reason codes, both ways.

use polymqtt_proto::codec::{AckProperties, DisconnectProperties, Packet, UserProperties, Version};
use polymqtt_proto::engine::{Completion, DisconnectOptions, StreamId, SubscribeRequest};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::message::Acknowledgement;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::{BrokerConfig, BrokerMessage};
use polymqtt_testkit::world::{World, request};

use crate::support::{Q0, Q1, Q2, broadcast, connected, connected_to, millis, options, secs};

fn pairs() -> UserProperties {
    vec![("from".try_into().unwrap(), "attic".try_into().unwrap())]
}

fn manual(world: &mut World) -> StreamId {
    let mut request = request("a", Q2);
    request.stream.manual_ack = true;
    world.subscribe_with(request).unwrap()
}

fn refusal() -> Acknowledgement {
    Acknowledgement {
        reason_code: ReasonCode::NotAuthorized,
        reason_string: Some("not yours".try_into().unwrap()),
        user_properties: pairs(),
    }
}

#[test]
fn connect_subscribe_unsubscribe_and_disconnect_carry_those_of_the_user() {
    let mut world = connected(options().user_property("from", "attic"));
    assert_eq!(world.broker.record().connects[0].properties.user_properties, pairs());
    let named = SubscribeRequest { user_properties: pairs(), ..request("a", Q1) };
    let stream = world.subscribe_with(named).unwrap();
    let token = world.token();
    world.engine.unsubscribe(world.now, stream, pairs(), token).unwrap();
    world.complete(token);
    world.disconnect(DisconnectOptions {
        session_expiry: Some(secs(7)),
        reason_string: Some("bye".try_into().unwrap()),
        user_properties: pairs(),
        ..DisconnectOptions::default()
    });
    match &world.broker.record().remarks[..] {
        [Packet::Subscribe(subscribe), Packet::Unsubscribe(unsubscribe), Packet::Disconnect(disconnect)] => {
            assert_eq!(subscribe.properties.user_properties, pairs());
            assert_eq!(unsubscribe.user_properties, pairs());
            let expected = DisconnectProperties {
                session_expiry_interval: Some(7),
                reason_string: Some("bye".try_into().unwrap()),
                user_properties: pairs(),
                server_reference: None,
            };
            assert_eq!(disconnect.properties.as_deref(), Some(&expected));
        }
        other => panic!("{other:?}"),
    }
    world.assert_clean();
}

#[test]
fn those_of_suback_and_unsuback_reach_the_user() {
    let remark = AckProperties { reason_string: Some("fine".try_into().unwrap()), user_properties: pairs() };
    let mut world = connected_to(BrokerConfig { remark: Some(remark.clone()), ..BrokerConfig::default() });
    let token = world.token();
    let stream = world.engine.subscribe(world.now, request("a", Q1), token).unwrap();
    match world.complete(token) {
        Completion::Subscribed(Ok(granted)) => {
            assert_eq!(granted[0].properties.as_deref(), Some(&remark));
        }
        other => panic!("{other:?}"),
    }
    let ack = world.unsubscribe(stream).unwrap();
    assert_eq!((ack.reason_codes, ack.properties.as_deref()), (vec![ReasonCode::Success], Some(&remark)));
}

#[test]
fn an_unsubscribe_of_what_was_not_subscribed_says_so() {
    let mut world = connected(options());
    let token = world.token();
    world.engine.unsubscribe_filters(world.now, vec!["a".try_into().unwrap()], Vec::new(), token).unwrap();
    match world.complete(token) {
        Completion::Unsubscribed(Ok(ack)) => {
            assert_eq!(ack.reason_codes, [ReasonCode::NoSubscriptionExisted]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_program_may_refuse_a_message_and_is_not_sent_it_again() {
    for qos in [Q1, Q2] {
        let mut world = connected(options());
        let stream = manual(&mut world);
        for payload in ["1", "2"] {
            broadcast(&mut world, "a", payload, qos);
        }
        let (first, second) = (world.receive(stream), world.receive(stream));
        world.engine.acknowledge_with(world.now, &second, Acknowledgement::default()).unwrap();
        world.engine.acknowledge_with(world.now, &first, refusal()).unwrap();
        world.run_for(millis(20));
        match &world.broker.record().remarks[..] {
            [Packet::PubAck(ack) | Packet::PubRec(ack)] => {
                assert_eq!(ack.reason_code, ReasonCode::NotAuthorized);
                assert_eq!(ack.properties.as_ref().unwrap().user_properties, pairs());
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(world.broker.pending("c"), 0);
        world.cut();
        assert!(world.run_until(|world| world.broker.record().resumed == 1));
        world.run_for(secs(1));
        assert_eq!(world.try_receive(stream).unwrap(), None);
        // Its packet identifier is free for another message.
        for payload in ["3", "4"] {
            broadcast(&mut world, "a", payload, qos);
            assert_eq!(world.receive(stream).text().unwrap(), payload);
        }
        world.assert_clean();
    }
}

#[test]
fn what_is_for_people_is_left_out_where_the_packet_would_be_too_large() {
    let mut world = connected_to(BrokerConfig { maximum_packet_size: Some(64), ..BrokerConfig::default() });
    let stream = manual(&mut world);
    broadcast(&mut world, "a", "x", Q1);
    let message = world.receive(stream);
    let long = || Some("too long".repeat(8).try_into().unwrap());
    let answer = Acknowledgement { reason_string: long(), ..refusal() };
    world.engine.acknowledge_with(world.now, &message, answer).unwrap();
    world.run_for(millis(20));
    world.disconnect(DisconnectOptions { reason_string: long(), ..DisconnectOptions::default() });
    match &world.broker.record().remarks[..] {
        [Packet::PubAck(ack), Packet::Disconnect(disconnect)] => {
            assert_eq!((ack.reason_code, ack.properties.is_none()), (ReasonCode::NotAuthorized, true));
            assert_eq!(disconnect.properties.as_ref().unwrap().reason_string, None);
        }
        other => panic!("{other:?}"),
    }
    world.assert_clean();
}

#[test]
fn a_reason_that_has_no_place_in_an_acknowledgement_is_an_error() {
    let mut world = connected(options());
    let stream = manual(&mut world);
    broadcast(&mut world, "a", "x", Q1);
    let message = world.receive(stream);
    for code in [ReasonCode::NoMatchingSubscribers, ReasonCode::KeepAliveTimeout, ReasonCode::GrantedQoS1] {
        let answer = Acknowledgement::with_reason(code);
        let error = world.engine.acknowledge_with(world.now, &message, answer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{code}");
    }
    world.engine.acknowledge(world.now, &message);
    world.assert_clean();
}

#[test]
fn version_3_1_1_has_none_of_this() {
    let mut world = connected(options().version(Version::V311));
    let stream = manual(&mut world);
    let token = world.token();
    let error = world.engine.unsubscribe(world.now, stream, pairs(), token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    broadcast(&mut world, "a", "x", Q1);
    let message = world.receive(stream);
    let error = world.engine.acknowledge_with(world.now, &message, refusal()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let goodbye = DisconnectOptions { user_properties: pairs(), ..DisconnectOptions::default() };
    let error = world.engine.disconnect(world.now, goodbye, token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    world.engine.acknowledge_with(world.now, &message, Acknowledgement::default()).unwrap();
    world.disconnect(DisconnectOptions::default());
    world.assert_clean();
}

#[test]
fn a_session_that_was_to_end_with_its_connection_can_not_be_kept() {
    let mut world = connected(options().session_expiry(secs(0)));
    let token = world.token();
    let goodbye = DisconnectOptions { session_expiry: Some(secs(5)), ..DisconnectOptions::default() };
    let error = world.engine.disconnect(world.now, goodbye, token).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
}

#[test]
fn a_payload_that_is_not_what_its_format_promises_is_refused_when_the_user_asks() {
    let promised = |qos| {
        let topic = "a".try_into().unwrap();
        let mut message = BrokerMessage::new(&topic, vec![0xc3, 0x28], qos);
        message.properties.payload_format_indicator = Some(true);
        message
    };
    for (verify, qos) in [(true, Q0), (true, Q1), (true, Q2), (false, Q1)] {
        let mut world = connected(options().verify_payload_format(verify));
        let stream = world.subscribe("a", Q2).unwrap();
        world.broker.publish(world.now, promised(qos));
        world.run_for(millis(20));
        assert_eq!(world.try_receive(stream).unwrap().is_some(), !verify);
        let told = world.broker.record().remarks.iter().filter_map(|packet| match packet {
            Packet::PubAck(ack) | Packet::PubRec(ack) => Some(ack.reason_code),
            _ => None,
        });
        let expected = if verify && qos != Q0 { vec![ReasonCode::PayloadFormatInvalid] } else { vec![] };
        assert_eq!(told.collect::<Vec<_>>(), expected);
        assert_eq!(world.engine.metrics().dropped_incoming, u64::from(verify));
        world.assert_clean();
    }
}
