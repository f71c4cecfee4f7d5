//! Enhanced authentication (section 4.12).

use bytes::{Bytes, BytesMut};
use polymqtt_proto::codec::{Auth, AuthProperties, Packet, Version};
use polymqtt_proto::connection::{AuthenticationReply, AuthenticationStage, AuthenticationStep};
use polymqtt_proto::engine::{Answer, Completion, DisconnectOptions, Event, Request, RequestId, Token};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::options::{Authentication, Options, RedirectOptions, Scram};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_testkit::model_broker::{AuthenticationFault, BrokerAuthentication, BrokerConfig};
use polymqtt_testkit::world::World;

use crate::support::{Q1, broadcast, message, millis, options, secs};

fn scram_options() -> Options {
    options().authentication(Authentication::ScramSha256(Scram::new("user", "pencil")))
}

fn count_options() -> Options {
    options().authentication(Authentication::Method("COUNT".to_owned()))
}

#[expect(clippy::needless_pass_by_value, reason = "so that tests can chain setters")]
fn world_with(options: Options, authentication: BrokerAuthentication) -> World {
    let broker = BrokerConfig { authentication: Some(authentication), ..BrokerConfig::default() };
    World::new(options.check().unwrap(), broker, 1)
}

fn scram_world() -> World {
    world_with(scram_options(), BrokerAuthentication::scram("pencil", 4096))
}

fn scram_connected() -> World {
    let mut world = scram_world();
    world.connect().unwrap();
    world
}

/// Why the first connect fails at a server with this fault.
fn refused(authentication: BrokerAuthentication) -> (World, Error) {
    let mut world = world_with(scram_options(), authentication);
    let error = world.connect().unwrap_err();
    (world, error)
}

fn faulty(fault: AuthenticationFault) -> BrokerAuthentication {
    BrokerAuthentication::scram("pencil", 4096).with_fault(fault)
}

fn start_again(world: &mut World) -> Token {
    let token = world.token();
    world.engine.reauthenticate(world.now, token).unwrap();
    token
}

fn outcome(world: &mut World, token: Token) -> Result<(), Error> {
    match world.complete(token) {
        Completion::Reauthenticated(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

fn reauthenticate(world: &mut World) -> Result<(), Error> {
    let token = start_again(world);
    outcome(world, token)
}

/// The next step that the host is asked for.
fn next_step(world: &mut World) -> (RequestId, AuthenticationStep) {
    assert!(world.run_until(|world| !world.requests.is_empty()), "nothing is asked: {:?}", world.events);
    match world.requests.pop_front() {
        Some((id, Request::Authenticate(step))) => (id, *step),
        other => panic!("{other:?}"),
    }
}

fn reply(world: &mut World, id: RequestId, data: &str) {
    let reply = AuthenticationReply::new(data.to_owned());
    world.engine.answer(world.now, id, Answer::Authenticate(reply));
}

/// Answers each question of "COUNT" with the next number, up to the last word, which is accepted.
fn count(world: &mut World) -> Vec<(AuthenticationStage, Option<Bytes>)> {
    let mut stages = Vec::new();
    loop {
        let (id, step) = next_step(world);
        stages.push((step.stage, step.data.clone()));
        let number: u32 = step.data.map_or(0, |data| std::str::from_utf8(&data).unwrap().parse().unwrap());
        reply(world, id, &(number + 1).to_string());
        if step.stage == AuthenticationStage::Complete {
            return stages;
        }
    }
}

fn count_connected() -> World {
    let mut world = world_with(count_options(), BrokerAuthentication::count(1));
    let token = world.start_connect();
    count(&mut world);
    assert!(matches!(world.complete(token), Completion::Connected(Ok(_))));
    world
}

fn auth_bytes(reason_code: ReasonCode, method: &'static str) -> BytesMut {
    let method = Some(polymqtt_proto::text::Utf8String::from_static(method));
    let properties = AuthProperties { authentication_method: method, ..AuthProperties::default() };
    let mut out = BytesMut::new();
    Packet::Auth(Auth { reason_code, properties }).encode(Version::V5, &mut out).unwrap();
    out
}

/// Why the connection was lost, if it was.
fn loss(world: &World) -> Option<Error> {
    world.events.iter().rev().find_map(|event| match event {
        Event::Disconnected { error, .. } => error.clone(),
        _ => None,
    })
}

#[test]
fn scram_authenticates_both_sides() {
    let world = scram_connected();
    let connect = &world.broker.record().connects[0];
    assert_eq!(connect.properties.authentication_method.as_deref(), Some("SCRAM-SHA-256"));
    assert!(connect.username.is_none() && connect.password.is_none());
    let [auth] = &world.broker.record().auths[..] else {
        panic!("{:?}", world.broker.record().auths);
    };
    assert_eq!(auth.reason_code, ReasonCode::ContinueAuthentication);
    assert_eq!(world.derivations, 1);
    world.assert_clean();
}

#[test]
fn a_wrong_password_is_refused_by_the_server_and_not_tried_again() {
    let (world, error) = refused(BrokerAuthentication::scram("other", 4096));
    assert_eq!(
        (error.kind(), error.reason_code()),
        (ErrorKind::NotAuthorized, Some(ReasonCode::NotAuthorized))
    );
    assert_eq!(world.broker.record().connects.len(), 1);
}

#[test]
fn a_server_that_proves_nothing_is_refused() {
    for fault in [
        AuthenticationFault::WrongSignature,
        AuthenticationFault::NoSignature,
        AuthenticationFault::NoExchange,
    ] {
        let (world, error) = refused(faulty(fault.clone()));
        assert_eq!(error.kind(), ErrorKind::NotAuthorized, "{fault:?}: {error}");
        assert!(!error.retry_may_help(), "{fault:?}");
        let goodbyes = &world.broker.record().disconnects;
        assert_eq!(goodbyes, &[ReasonCode::ImplementationSpecificError], "{fault:?}");
        assert!(!world.events.iter().any(|event| matches!(event, Event::Connected(_))), "{fault:?}");
    }
}

#[test]
fn a_server_that_breaks_the_exchange_is_refused() {
    for (fault, reason_code) in [
        (AuthenticationFault::OtherNonce, ReasonCode::ProtocolError),
        (AuthenticationFault::OtherMethod, ReasonCode::BadAuthenticationMethod),
        (AuthenticationFault::NoMethod, ReasonCode::BadAuthenticationMethod),
    ] {
        let (world, error) = refused(faulty(fault.clone()));
        assert_eq!(
            (error.kind(), error.reason_code()),
            (ErrorKind::Protocol, Some(reason_code)),
            "{fault:?}"
        );
        assert_eq!(world.broker.record().disconnects, [reason_code], "{fault:?}");
    }
}

#[test]
fn iterations_are_bounded_by_the_options() {
    for (iterations, taken) in [(4095, false), (4096, true), (5000, true), (5001, false)] {
        let scram = Scram::new("user", "pencil").iterations(4096..=5000);
        let options = options().authentication(Authentication::ScramSha256(scram));
        let mut world = world_with(options, BrokerAuthentication::scram("pencil", iterations));
        let outcome = world.connect();
        assert_eq!(outcome.is_ok(), taken, "{iterations}");
        assert_eq!(world.derivations, usize::from(taken));
        if let Err(error) = outcome {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
    }
}

#[test]
fn a_server_without_the_method_refuses_it() {
    let mut world = World::new(scram_options().check().unwrap(), BrokerConfig::default(), 1);
    let error = world.connect().unwrap_err();
    assert_eq!(error.reason_code(), Some(ReasonCode::BadAuthenticationMethod));
    assert!(!error.retry_may_help());
}

#[test]
fn a_server_that_falls_silent_is_given_up_in_time() {
    let options = scram_options().connect_timeout(secs(3));
    let mut world = world_with(options, faulty(AuthenticationFault::Silent));
    let before = world.now;
    assert_eq!(world.connect().unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(world.now, before + secs(3));
}

#[test]
fn reconnecting_authenticates_anew_with_the_keys_it_has() {
    let mut world = scram_connected();
    world.cut();
    assert!(world.run_until(|world| world.broker.record().connections == 2));
    assert_eq!(world.broker.record().auths.len(), 2);
    assert_eq!(world.derivations, 1);
    let nonces: Vec<_> = world.broker.record().connects.iter().collect();
    assert_ne!(nonces[0].properties.authentication_data, nonces[1].properties.authentication_data);
    world.broker.config.authentication = Some(BrokerAuthentication::scram("pencil", 5000));
    world.cut();
    assert!(world.run_until(|world| world.broker.record().connections == 3));
    assert_eq!(world.derivations, 2);
    world.assert_clean();
}

#[test]
fn packets_wait_until_the_server_is_verified() {
    let mut world = world_with(count_options(), BrokerAuthentication::count(2));
    let token = world.start_connect();
    let publish = world.publish(message("a", "b", Q1)).unwrap();
    let stages = count(&mut world);
    let said = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
    assert_eq!(
        stages,
        [
            (AuthenticationStage::Start, None),
            (AuthenticationStage::Continue, said("1")),
            (AuthenticationStage::Continue, said("3")),
            (AuthenticationStage::Complete, said("5")),
        ]
    );
    assert!(matches!(world.complete(token), Completion::Connected(Ok(_))));
    world.published(publish).unwrap();
    world.assert_clean();
}

#[test]
fn what_follows_connack_waits_for_the_hosts_verdict() {
    let mut world = world_with(count_options().session_expiry(secs(60)), BrokerAuthentication::count(0));
    world.takes_messages = true;
    world.start_connect();
    count(&mut world);
    world.subscribe("a/#", Q1).unwrap();
    world.cut();
    let (id, _) = next_step(&mut world);
    broadcast(&mut world, "a/b", "kept", Q1);
    reply(&mut world, id, "1");
    let (id, step) = next_step(&mut world);
    assert_eq!(step.stage, AuthenticationStage::Complete);
    world.run_for(secs(1));
    assert!(world.received.is_empty() && !world.engine.wants_read());
    reply(&mut world, id, "");
    assert!(world.run_until(|world| world.received.len() == 1));
    world.assert_clean();
}

#[test]
fn the_host_may_refuse_the_server() {
    let mut world = world_with(count_options(), BrokerAuthentication::count(0));
    let token = world.start_connect();
    let (id, _) = next_step(&mut world);
    reply(&mut world, id, "1");
    let (id, _) = next_step(&mut world);
    let error = Error::new(ErrorKind::NotAuthorized, "an impostor");
    world.engine.answer(world.now, id, Answer::Failed(error));
    let Completion::Connected(Err(error)) = world.complete(token) else {
        panic!("accepted");
    };
    assert_eq!(error.kind(), ErrorKind::NotAuthorized);
    assert!(world.run_until(|world| world.broker.record().disconnects.len() == 1));
}

#[test]
fn a_host_that_does_not_answer_ends_the_attempt() {
    for answered in 0..3 {
        let options = count_options().connect_timeout(secs(3));
        let mut world = world_with(options, BrokerAuthentication::count(1));
        let before = world.now;
        let token = world.start_connect();
        for number in 0..answered {
            let (id, _) = next_step(&mut world);
            reply(&mut world, id, &(number * 2).to_string());
        }
        let (late, _) = next_step(&mut world);
        let Completion::Connected(Err(error)) = world.complete(token) else {
            panic!("connected");
        };
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(world.now, before + secs(3));
        reply(&mut world, late, "");
        assert!(!world.engine.is_asking(late) && world.engine.is_ended());
    }
}

#[test]
fn the_answer_to_another_question_fails_the_attempt() {
    let mut world = world_with(count_options(), BrokerAuthentication::count(1));
    let token = world.start_connect();
    let (id, _) = next_step(&mut world);
    world.engine.answer(world.now, id, Answer::Randomness([0; 24]));
    assert!(matches!(world.complete(token), Completion::Connected(Err(_))));
}

#[test]
fn authenticating_again_keeps_the_connection() {
    let mut world = scram_connected();
    let token = start_again(&mut world);
    let publish = world.publish(message("a", "b", Q1)).unwrap();
    outcome(&mut world, token).unwrap();
    world.published(publish).unwrap();
    let codes: Vec<_> = world.broker.record().auths.iter().map(|auth| auth.reason_code).collect();
    let (again, on) = (ReasonCode::ReAuthenticate, ReasonCode::ContinueAuthentication);
    assert_eq!(codes, [on, again, on]);
    assert_eq!((world.broker.record().reauthentications, world.broker.record().connections), (1, 1));
    assert!(world.events.contains(&Event::Reauthenticated));
    assert_eq!(world.derivations, 1);
    reauthenticate(&mut world).unwrap();
    world.assert_clean();
}

#[test]
fn two_calls_share_one_exchange() {
    let mut world = scram_connected();
    let (first, second) = (start_again(&mut world), start_again(&mut world));
    outcome(&mut world, first).unwrap();
    outcome(&mut world, second).unwrap();
    assert_eq!(world.broker.record().reauthentications, 1);
    world.assert_clean();
}

#[test]
fn a_server_that_asks_for_it_is_authenticated_to_again() {
    let mut world = scram_connected();
    world.broker.send_auth("c", ReasonCode::ReAuthenticate);
    assert!(world.run_until(|world| world.broker.record().reauthentications == 1));
    assert!(world.run_until(|world| world.events.contains(&Event::Reauthenticated)));
    world.assert_clean();
}

#[test]
fn a_server_that_fails_to_authenticate_again_is_left() {
    for (fault, kind) in [
        (AuthenticationFault::WrongSignature, ErrorKind::NotAuthorized),
        (AuthenticationFault::NoSignature, ErrorKind::NotAuthorized),
        (AuthenticationFault::NoExchange, ErrorKind::NotAuthorized),
        (AuthenticationFault::OtherNonce, ErrorKind::Protocol),
        (AuthenticationFault::OtherMethod, ErrorKind::Protocol),
    ] {
        let mut world = scram_connected();
        world.broker.change_authentication("c", faulty(fault.clone()));
        assert_eq!(reauthenticate(&mut world).unwrap_err().kind(), kind, "{fault:?}");
        assert!(world.broker.record().disconnects.len() == 1, "{fault:?}");
    }
}

#[test]
fn a_server_that_no_longer_accepts_the_password_disconnects() {
    let mut world = scram_connected();
    world.broker.change_authentication("c", BrokerAuthentication::scram("changed", 4096));
    let error = reauthenticate(&mut world).unwrap_err();
    assert_eq!(error.reason_code(), Some(ReasonCode::NotAuthorized));
    assert!(world.engine.is_ended());
}

#[test]
fn authenticating_again_has_a_timeout() {
    let mut world = world_with(
        scram_options().connect_timeout(secs(3)).keep_alive(secs(0)),
        BrokerAuthentication::scram("pencil", 4096),
    );
    world.connect().unwrap();
    world.broker.change_authentication("c", faulty(AuthenticationFault::Silent));
    let before = world.now;
    assert_eq!(reauthenticate(&mut world).unwrap_err().kind(), ErrorKind::Timeout);
    assert!(world.now < before + secs(5));
    world.broker.config.authentication = Some(BrokerAuthentication::scram("pencil", 4096));
    assert!(world.run_until(|world| world.broker.record().connections == 2));
}

#[test]
fn a_host_that_can_not_begin_leaves_the_connection_alone() {
    let mut world = count_connected();
    let token = start_again(&mut world);
    let (id, step) = next_step(&mut world);
    assert_eq!(step.stage, AuthenticationStage::Restart);
    let error = Error::new(ErrorKind::Transport, "no fresh token");
    world.engine.answer(world.now, id, Answer::Failed(error.clone()));
    assert_eq!(outcome(&mut world, token), Err(error.clone()));
    assert!(world.events.contains(&Event::ReauthenticationFailed { error }));
    let token = start_again(&mut world);
    count(&mut world);
    outcome(&mut world, token).unwrap();
    assert_eq!(world.broker.record().connections, 1);
    world.assert_clean();
}

#[test]
fn a_lost_connection_ends_the_wait_and_reconnecting_authenticates() {
    let mut world = scram_connected();
    let token = start_again(&mut world);
    world.cut();
    assert_eq!(outcome(&mut world, token).unwrap_err().kind(), ErrorKind::Transport);
    let refused = world.engine.reauthenticate(world.now, Token(99)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Transport);
    assert!(world.run_until(|world| world.engine.grant().is_some()));
    reauthenticate(&mut world).unwrap();
    world.assert_clean();
}

#[test]
fn disconnecting_ends_an_authentication() {
    let mut world = scram_world();
    world.answers = false;
    let connect = world.start_connect();
    world.settle();
    world.disconnect(DisconnectOptions { timeout: secs(0), ..DisconnectOptions::default() });
    assert!(matches!(world.complete(connect), Completion::Connected(Err(_))));

    let mut world = scram_connected();
    let token = start_again(&mut world);
    world.disconnect(DisconnectOptions::default());
    assert_eq!(outcome(&mut world, token).unwrap_err().kind(), ErrorKind::Closed);
    let refused = world.engine.reauthenticate(world.now, Token(99)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);
    world.assert_clean();
}

#[test]
fn auth_unasked_is_a_protocol_error() {
    for (bytes, reason_code) in [
        (auth_bytes(ReasonCode::ContinueAuthentication, "SCRAM-SHA-256"), ReasonCode::ProtocolError),
        (auth_bytes(ReasonCode::Success, "SCRAM-SHA-256"), ReasonCode::ProtocolError),
        (auth_bytes(ReasonCode::ReAuthenticate, "OTHER"), ReasonCode::BadAuthenticationMethod),
    ] {
        let mut world = scram_connected();
        world.broker.send_raw("c", &bytes);
        assert!(world.run_until(|world| world.broker.record().disconnects == [reason_code]));
        assert!(world.run_until(|world| loss(world).is_some()));
        assert_eq!(loss(&world).unwrap().kind(), ErrorKind::Protocol);
    }
}

#[test]
fn auth_without_a_method_in_use_is_a_protocol_error() {
    for reason_code in [ReasonCode::ContinueAuthentication, ReasonCode::ReAuthenticate] {
        let mut world = crate::support::connected(options());
        world.broker.send_raw("c", &auth_bytes(reason_code, "SCRAM-SHA-256"));
        assert!(world.run_until(|world| world.broker.record().disconnects == [ReasonCode::ProtocolError]));
        let refused = world.engine.reauthenticate(world.now, Token(99)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn auth_that_does_not_wait_for_the_client_is_a_protocol_error() {
    let mut world = count_connected();
    start_again(&mut world);
    world.settle();
    world.broker.send_raw("c", &auth_bytes(ReasonCode::ContinueAuthentication, "COUNT"));
    assert!(world.run_until(|world| world.broker.record().disconnects == [ReasonCode::ProtocolError]));
}

#[test]
fn another_host_after_a_redirect_gets_nothing_to_authenticate_with() {
    for trusted in [false, true] {
        let redirect = RedirectOptions { trust_other_hosts: trusted, ..RedirectOptions::default() };
        let mut world =
            world_with(scram_options().redirect(redirect), BrokerAuthentication::scram("pencil", 4096));
        world.broker.on_connect.push_back(crate::redirect::sent_to(ReasonCode::ServerMoved, "other"));
        world.connect().unwrap();
        let named = world.broker.record().connects[1].properties.authentication_method.is_some();
        assert_eq!(named, trusted);
        assert_eq!(world.engine.reauthenticate(world.now, Token(99)).is_ok(), trusted);
    }
}

#[test]
fn words_for_people_are_left_out_where_they_do_not_fit() {
    let broker = BrokerConfig {
        authentication: Some(BrokerAuthentication::count(0)),
        maximum_packet_size: Some(60),
        ..BrokerConfig::default()
    };
    let mut world = World::new(count_options().check().unwrap(), broker, 1);
    world.start_connect();
    count(&mut world);
    world.run_for(millis(500));
    for (length, told) in [(5, true), (100, false)] {
        let token = start_again(&mut world);
        let (id, _) = next_step(&mut world);
        let words = "x".repeat(length);
        let reply_with_words = AuthenticationReply {
            reason_string: Some(words.as_str().try_into().unwrap()),
            user_properties: vec![("k".try_into().unwrap(), "v".try_into().unwrap())],
            ..AuthenticationReply::new("0")
        };
        world.engine.answer(world.now, id, Answer::Authenticate(reply_with_words));
        let (id, step) = next_step(&mut world);
        assert_eq!(step.reason_string.as_deref(), Some("by the model broker"));
        reply(&mut world, id, "");
        outcome(&mut world, token).unwrap();
        let auth = world.broker.record().auths.last().unwrap();
        assert_eq!(auth.properties.reason_string.is_some(), told, "{length}");
        assert_eq!(auth.properties.user_properties.len(), usize::from(told));
    }
    let token = start_again(&mut world);
    let (id, _) = next_step(&mut world);
    reply(&mut world, id, &"0".repeat(100));
    assert_eq!(outcome(&mut world, token).unwrap_err().kind(), ErrorKind::PacketTooLarge);
    assert_eq!(world.broker.record().connections, 1);
    world.assert_clean();
}
