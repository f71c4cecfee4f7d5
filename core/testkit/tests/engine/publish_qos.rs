//! Publishing at each quality of service.

use polymqtt_proto::codec::PublishProperties;
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::message::Message;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::{AckPolicy, BrokerConfig};
use polymqtt_testkit::pipe::PipeConfig;

use crate::support::{Q0, Q1, Q2, accepted, connected, connected_to, message, millis, options, secs};

#[test]
fn each_quality_of_service_is_acknowledged_in_its_way() {
    for qos in [Q0, Q1, Q2] {
        let mut world = connected(options());
        let token = world.publish(message("a/b", "x", qos)).unwrap();
        let ack = world.published(token).unwrap();
        assert_eq!(ack.reason_code, ReasonCode::Success);
        world.run_for(secs(1));
        let taken = &world.broker.record().accepted["a/b"];
        assert_eq!((taken.len(), taken[0].qos, taken[0].dup), (1, qos, false));
        assert_eq!(world.engine.metrics().in_flight, 0);
        world.assert_clean();
    }
}

#[test]
fn messages_keep_their_order_and_arrive_once() {
    let mut world = connected(options());
    let tokens: Vec<_> = (0..300)
        .map(|number| {
            let qos = QoS::try_from(u8::try_from(number % 3).unwrap()).unwrap();
            world.publish(message("t", &number.to_string(), qos)).unwrap()
        })
        .collect();
    for token in tokens {
        world.published(token).unwrap();
    }
    let expected: Vec<_> = (0..300).map(|number| number.to_string()).collect();
    assert_eq!(accepted(&world, "t"), expected);
    world.assert_clean();
}

#[test]
fn large_payloads_cross_a_slow_torn_pipe() {
    let mut world = connected(options());
    world.network = PipeConfig { largest_piece: 1_000, capacity: 3_000, ..PipeConfig::default() };
    world.cut();
    let payload = vec![7_u8; 300_000];
    let message = Message::new("big", payload.clone()).unwrap().with_qos(Q1);
    let token = world.publish(message).unwrap();
    world.published(token).unwrap();
    assert_eq!(world.broker.record().payloads("big"), [payload]);
    world.assert_clean();
}

#[test]
fn the_reason_code_of_a_refusal_is_an_error() {
    for qos in [Q1, Q2] {
        let refuse_publish = vec![("no/#".try_into().unwrap(), ReasonCode::NotAuthorized)];
        let mut world =
            connected_to(BrokerConfig { refuse_publish, receive_maximum: 1, ..BrokerConfig::default() });
        let token = world.publish(message("no/way", "x", qos)).unwrap();
        let error = world.published(token).unwrap_err();
        assert_eq!(
            (error.kind(), error.reason_code()),
            (ErrorKind::NotAuthorized, Some(ReasonCode::NotAuthorized))
        );
        // Its place in the receive maximum is free again.
        let token = world.publish(message("yes", "x", qos)).unwrap();
        world.published(token).unwrap();
        assert_eq!(world.engine.metrics().in_flight, 0);
        world.assert_clean();
    }
}

#[test]
fn nobody_subscribing_is_success_and_told() {
    for qos in [Q1, Q2] {
        let mut world = connected_to(BrokerConfig { tells_no_subscribers: true, ..BrokerConfig::default() });
        let token = world.publish(message("a", "x", qos)).unwrap();
        let ack = world.published(token).unwrap();
        let told = ack.reason_code == ReasonCode::NoMatchingSubscribers;
        assert!(told || qos == Q2, "QoS {qos}: {ack:?}");
        world.assert_clean();
    }
}

#[test]
fn a_publish_ends_when_it_is_acknowledged_and_not_before() {
    for qos in [Q1, Q2] {
        let mut world = connected_to(BrokerConfig { acks: AckPolicy::Held, ..BrokerConfig::default() });
        let token = world.publish(message("a", "x", qos)).unwrap();
        world.run_for(secs(10));
        assert_eq!(accepted(&world, "a"), ["x"]);
        assert!(world.try_complete(token).is_none());
        while world.try_complete(token).is_none() {
            world.broker.release_acks(world.now);
            world.run_for(millis(5));
        }
    }
}

#[test]
fn properties_arrive_as_they_were_given() {
    let mut world = connected(options());
    let stream = world.subscribe("a", Q1).unwrap();
    let properties = PublishProperties {
        payload_format_indicator: Some(true),
        response_topic: Some("reply/here".try_into().unwrap()),
        correlation_data: Some(bytes::Bytes::from_static(b"\x00\xff")),
        content_type: Some("text/plain".try_into().unwrap()),
        user_properties: vec![
            ("b".try_into().unwrap(), "1".try_into().unwrap()),
            ("a".try_into().unwrap(), "2".try_into().unwrap()),
            ("b".try_into().unwrap(), "3".try_into().unwrap()),
        ],
        ..PublishProperties::default()
    };
    world.publish(message("a", "x", Q1).with_properties(properties.clone())).unwrap();
    assert_eq!(world.receive(stream).properties(), Some(&properties));
}

#[test]
fn what_a_client_must_not_send_is_refused_before_anything_is_sent() {
    let mut world = connected(options());
    let with = |change: fn(&mut PublishProperties)| {
        let mut message = message("a", "\u{e9}", Q1);
        change(message.properties_mut());
        message
    };
    let bad = [with(|properties| properties.response_topic = Some("a/+".try_into().unwrap()))];
    for message in bad {
        assert!(world.publish(message).is_err());
    }
    let mut message = Message::new("a", vec![0xff]).unwrap();
    message.properties_mut().payload_format_indicator = Some(true);
    assert!(world.publish(message).is_err());
    world.run_for(secs(1));
    assert_eq!(world.broker.record().accepted_count(), 0);
}
