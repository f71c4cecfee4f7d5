//! Where the client says that it stands, phase by phase.

use polymqtt_proto::engine::{ConnectionPhase, DisconnectOptions, Engine};
use polymqtt_proto::options::ReconnectOptions;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::time::Timestamp;
use polymqtt_testkit::model_broker::OnConnect;
use polymqtt_testkit::world::World;

use crate::support::{Q1, connected, message, millis, options, secs, world};

fn shown(world: &World) -> String {
    world.engine.status(world.now).to_string()
}

#[test]
fn before_connecting_there_is_nothing() {
    let settings = options().check().unwrap();
    let engine = Engine::new(settings, [0; 16], Timestamp::ZERO);
    assert_eq!(engine.status(Timestamp::ZERO).to_string(), "not started");
}

#[test]
fn connecting_tells_where_and_how_often() {
    let settings = options().check().unwrap();
    let mut engine = Engine::new(settings, [0; 16], Timestamp::ZERO);
    engine.connect(Timestamp::ZERO, polymqtt_proto::engine::Token(1)).unwrap();
    assert_eq!(
        engine.status(Timestamp::ZERO).to_string(),
        "connecting to mqtt://broker:1883, attempt 1; 0 in flight, 0 queued, 0 subscriptions, 0 reconnects"
    );
}

#[test]
fn a_connection_tells_its_age_session_and_figures() {
    let mut world = connected(options());
    world.subscribe("a/#", Q1).unwrap();
    world.run_for(secs(12));
    let status = world.engine.status(world.now);
    assert_eq!((status.in_flight, status.subscriptions), (0, 1));
    let line = status.to_string();
    assert!(
        line.starts_with("connected to mqtt://broker:1883 as \"c\" (v5.0, new session) for 12 s; "),
        "{line}"
    );
    assert!(line.ends_with("; 0 in flight, 0 queued, 1 subscription, 0 reconnects"), "{line}");

    world.cut();
    assert!(world.run_until(|world| world.broker.record().resumed == 1));
    world.run_for(secs(300));
    let line = shown(&world);
    assert!(line.contains("(v5.0, session resumed) for ") && line.contains(" min; "), "{line}");
    assert!(line.ends_with("1 subscription, 1 reconnect"), "{line}");
}

#[test]
fn waiting_tells_how_long_and_why() {
    let reconnect = ReconnectOptions { shortest: secs(30), longest: secs(60), stable_after: secs(30) };
    let mut world = connected(options().reconnect(reconnect));
    world.reachable = false;
    world.cut();
    world.run_for(millis(100));
    let token = world.publish(message("t", "x", Q1)).unwrap();
    let status = world.engine.status(world.now);
    let ConnectionPhase::Waiting { attempt, retry_in, ref error, ref server, .. } = status.phase else {
        panic!("{status}");
    };
    assert!(attempt == 1 && error.is_some() && server.is_some());
    // Time passes for the status too, without any event.
    let later = world.engine.status(world.now + millis(50));
    assert!(
        matches!(later.phase, ConnectionPhase::Waiting { retry_in: left, .. } if left + millis(50) == retry_in)
    );
    let line = status.to_string();
    let wait = retry_in.as_secs_f64();
    assert!(
        line.starts_with(&format!("waiting {wait:.1} s before attempt 1 to mqtt://broker:1883: ")),
        "{line}"
    );
    assert!(line.ends_with("; 0 in flight, 1 queued, 0 subscriptions, 0 reconnects"), "{line}");
    world.reachable = true;
    world.published(token).unwrap();
}

#[test]
fn disconnecting_lasts_until_everything_is_delivered() {
    let mut world = connected(options());
    world.cut();
    world.run_for(secs(100));
    world.publish(message("t", "x", Q1)).unwrap();
    let token = world.token();
    world.engine.disconnect(world.now, DisconnectOptions::default(), token).unwrap();
    let line = shown(&world);
    assert!(line.starts_with("disconnecting from mqtt://broker:1883; 1 in flight"), "{line}");
    world.run_for(secs(20));
    assert_eq!(shown(&world), "closed");
}

#[test]
fn a_refusal_is_the_reason_of_the_end() {
    let mut world = world(options());
    world.broker.on_connect.push_back(OnConnect::refuse(ReasonCode::NotAuthorized));
    world.connect().unwrap_err();
    assert_eq!(shown(&world), "closed: the server refused the connection: not authorized (0x87)");
}
