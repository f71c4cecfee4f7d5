//! Requests over connections that are lost, sessions that are lost, and runs that are killed.

use std::time::Duration;

use polymqtt_proto::engine::{Completion, DisconnectOptions, Event};
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::options::{OnSessionLost, ProtocolVersion};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::text::Utf8String;
use polymqtt_testkit::model_broker::{AckPolicy, BrokerConfig};
use polymqtt_testkit::world::World;

use super::{answer, ask, failure, is_pending, response_filters, response_topic, unsettled, with_responder};
use crate::support::{Q1, Q2, accepted, connected, connected_to, message, millis, options, secs, world};

#[test]
fn the_wait_goes_on_over_a_reconnect() {
    let (mut world, rows) = with_responder();
    let token = ask(&mut world, "rows/1");
    let request = world.receive(rows);
    world.cut();
    answer(&mut world, &request, "while away");
    assert_eq!(world.responded(token).unwrap().payload(), b"while away");
    assert_eq!(world.engine.metrics().reconnects, 1);
    assert_eq!(response_filters(&world).len(), 1);
    world.assert_clean();
}

#[test]
fn a_request_without_a_connection_waits_for_one() {
    let mut world = world(options().keep_trying(true));
    world.reachable = false;
    let connected = world.start_connect();
    let token = ask(&mut world, "rows/1");
    world.run_for(secs(3));
    assert!(is_pending(&mut world, token));
    world.reachable = true;
    world.complete(connected);
    world.run_until(|world| !accepted(world, "rows/1").is_empty());
    assert!(is_pending(&mut world, token));
    world.assert_clean();
}

#[test]
fn a_session_that_is_lost_is_subscribed_anew_before_the_request_is_sent_again() {
    let (mut world, rows) = with_responder();
    let warm_up = ask(&mut world, "rows/0");
    let request = world.receive(rows);
    answer(&mut world, &request, "");
    world.responded(warm_up).unwrap();
    world.broker.config.acks = AckPolicy::Held;
    let token = ask(&mut world, "rows/1");
    world.run_for(millis(100));
    world.broker.config.acks = AckPolicy::Immediate;
    world.lose_sessions();
    assert!(world.run_until(|world| world.events.contains(&Event::SessionLost)));
    world.run_for(secs(1));
    assert_eq!(accepted(&world, "rows/1").len(), 2, "sent again");
    assert_eq!(response_filters(&world).len(), 1);
    let request = world.receive(rows);
    answer(&mut world, &request, "1");
    assert_eq!(world.responded(token).unwrap().payload(), b"1");
    world.assert_clean();
}

#[test]
fn a_lost_session_ends_requests_whose_messages_end_with_it() {
    let mut world = connected(options().on_session_lost(OnSessionLost::Fail));
    let _rows = world.subscribe("rows/+", Q2).unwrap();
    ask(&mut world, "rows/0");
    world.run_for(secs(1));
    world.broker.config.acks = AckPolicy::Held;
    let one = ask(&mut world, "rows/1");
    let two = world.request(message("rows/2", "", Q2), secs(30)).unwrap();
    world.run_for(millis(100));
    world.lose_sessions();
    assert_eq!(failure(&mut world, one).kind(), ErrorKind::SessionLost);
    assert_eq!(failure(&mut world, two).kind(), ErrorKind::Indeterminate);
    world.assert_clean();
}

#[test]
fn a_response_subscription_that_is_not_restored_ends_those_who_wait() {
    let (mut world, rows) = with_responder();
    let token = ask(&mut world, "rows/1");
    world.receive(rows);
    let filter = response_filters(&world).remove(0);
    world.broker.config.refuse_subscribe =
        vec![(filter.as_str().try_into().unwrap(), ReasonCode::NotAuthorized)];
    world.lose_sessions();
    assert_eq!(failure(&mut world, token).kind(), ErrorKind::NotAuthorized);
    assert_eq!(unsettled(&world).0, 0);
    world.assert_clean();
}

#[test]
fn other_response_information_is_for_new_requests_and_the_old_topic_closes_after_the_last_answer() {
    let information = |text: &str| Some(Utf8String::try_from(text).unwrap());
    let mut world =
        connected_to(BrokerConfig { response_information: information("old"), ..BrokerConfig::default() });
    let rows = world.subscribe("rows/+", Q1).unwrap();
    let first = ask(&mut world, "rows/1");
    let one = world.receive(rows);
    world.try_receive(rows).unwrap();
    world.run_for(secs(1));
    world.broker.config.response_information = information("new");
    world.cut();
    world.run_until(|world| world.engine.metrics().reconnects == 1);
    let second = ask(&mut world, "rows/2");
    let two = world.receive(rows);
    assert!(response_topic(&one).starts_with("old/") && response_topic(&two).starts_with("new/"));
    assert_eq!(response_filters(&world).len(), 2);
    answer(&mut world, &two, "2");
    answer(&mut world, &one, "1");
    assert_eq!(world.responded(first).unwrap().payload(), b"1");
    assert_eq!(world.responded(second).unwrap().payload(), b"2");
    world.run_for(secs(1));
    assert_eq!(response_filters(&world), [response_topic(&two)]);
    world.assert_clean();
}

#[test]
fn a_lasting_session_keeps_no_response_subscription() {
    let mut world = connected(options().session_expiry(secs(3600)));
    let rows = world.subscribe("rows/+", Q1).unwrap();
    let token = ask(&mut world, "rows/1");
    let request = world.receive(rows);
    answer(&mut world, &request, "1");
    world.responded(token).unwrap();
    world.disconnect(DisconnectOptions::default());
    assert!(world.broker.has_session("c"));
    assert_eq!(world.broker.filters("c").len(), 1, "only that of the program is left");
    world.assert_clean();
}

#[test]
fn answers_to_a_run_that_was_killed_hold_nothing_up_and_their_topic_is_given_up() {
    let mut world = world(options().session_expiry(secs(3600)).clean_start(false));
    world.enable_journal(Duration::ZERO..=Duration::ZERO);
    world.connect().unwrap();
    let rows = world.subscribe("rows/+", Q1).unwrap();
    ask(&mut world, "rows/1");
    let request = world.receive(rows);
    world.try_receive(rows).unwrap();
    world.run_for(secs(1));
    world.crash();
    world.connect().unwrap();
    answer(&mut world, &request, "to nobody");
    answer(&mut world, &request, "again");
    world.run_for(secs(1));
    assert_eq!((world.broker.pending("c"), unsettled(&world)), (0, (0, 0, 2)));
    assert!(response_filters(&world).is_empty());
    // The new run has a topic of its own.
    let rows = world.subscribe("rows/+", Q1).unwrap();
    let token = ask(&mut world, "rows/2");
    let request = world.receive(rows);
    answer(&mut world, &request, "2");
    assert_eq!(world.responded(token).unwrap().payload(), b"2");
    world.assert_clean();
}

#[test]
fn requests_end_when_the_server_turns_out_to_speak_3_1_1_only() {
    let settings = options().version(ProtocolVersion::Auto).keep_trying(true).check().unwrap();
    let mut world = World::new(settings, BrokerConfig { v5: false, ..BrokerConfig::default() }, 1);
    world.start_connect();
    let token = ask(&mut world, "rows/1");
    assert_eq!(failure(&mut world, token).kind(), ErrorKind::Unsupported);

    let mut world = connected(options().version(ProtocolVersion::Auto));
    let rows = world.subscribe("rows/+", Q1).unwrap();
    let token = ask(&mut world, "rows/1");
    world.receive(rows);
    world.broker.config.v5 = false;
    world.lose_sessions();
    assert_eq!(failure(&mut world, token).kind(), ErrorKind::Unsupported);
    assert_eq!(world.engine.metrics().requests, 0);
    world.assert_clean();
}

#[test]
fn cuts_at_any_time_leave_each_request_with_one_end() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = World::new(options().check().unwrap(), BrokerConfig::default(), seed);
        world.connect().unwrap();
        let rows = world.subscribe("rows/+", Q1).unwrap();
        let mut tokens = Vec::new();
        for n in 0..60 {
            let timeout = Duration::from_millis(rng.u64(1..20_000));
            tokens.push(world.request(message(&format!("rows/{n}"), "", Q1), timeout).unwrap());
            match rng.u8(..8) {
                0 => drop(world.cut()),
                1 => world.lose_sessions(),
                2 => drop(world.engine.cancel(world.now, *rng.choice(&tokens).unwrap())),
                _ => {}
            }
            world.run_for(millis(rng.u64(..400)));
            while let Ok(Some(request)) = world.try_receive(rows) {
                if rng.u8(..4) > 0 {
                    answer(&mut world, &request, request.topic());
                }
            }
        }
        world.run_for(secs(120));
        for (n, token) in tokens.into_iter().enumerate() {
            assert_eq!(world.completed().get(&token), Some(&1), "seed {seed}");
            if let Completion::Responded(Ok(response)) = world.complete(token) {
                assert_eq!(response.text(), Ok(format!("rows/{n}").as_str()), "seed {seed}");
            }
        }
        assert_eq!(world.engine.metrics().requests, 0);
        assert!(response_filters(&world).len() <= 1);
        world.assert_clean();
    }
}
