//! Connecting: what is granted, and each way to fail as itself.

use std::time::Duration;

use polymqtt::{Client, ErrorKind, Event, Options, ReasonCode, Version};
use polymqtt_broker_tests::{
    Broker, Embedded, Mosquitto, PASSWORD, ScriptedServer, Setup, USER, VERSIONS, bounded, each, options,
};

#[tokio::test]
async fn a_connection_tells_what_was_granted() {
    each(async |case| {
        let client = case.connect().await;
        let grant = client.connected().unwrap();
        assert_eq!(grant.limits.version, case.version);
        assert!(!grant.session_present);
        assert!(!grant.client_id.as_str().is_empty());
        client.disconnect().await.unwrap();
        assert!(client.connected().is_none());
    })
    .await;
}

#[tokio::test]
async fn credentials_are_checked() {
    for version in VERSIONS {
        let setup = Setup { users: true, ..Setup::default() };
        for broker in
            [Broker::Mosquitto(Mosquitto::with_users()), Broker::Embedded(Embedded::with(setup).await)]
        {
            bounded(&format!("{broker:?}, MQTT {version}"), async {
                let known = options(&broker.url(), version).username(USER).password(PASSWORD);
                Client::connect(known.clone()).await.unwrap().disconnect().await.unwrap();
                for unknown in [known.password("wrong"), options(&broker.url(), version)] {
                    let error = Client::connect(unknown).await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::NotAuthorized, "{error}");
                    assert!(error.reason_code().is_some());
                }
            })
            .await;
        }
    }
}

#[tokio::test]
async fn credentials_may_be_in_the_url() {
    let broker = Mosquitto::with_users();
    let url = format!("mqtt://{USER}:pass%2Fword@127.0.0.1:{}", broker.port());
    bounded("connect", Client::connect(url)).await.unwrap();
}

#[tokio::test]
async fn a_refusal_gives_the_servers_reason() {
    let v5: (Version, &[u8], _) = (Version::V5, &[0x20, 3, 0, 0x89, 0], ReasonCode::ServerBusy);
    let v311: (Version, &[u8], _) = (Version::V311, &[0x20, 2, 0, 3], ReasonCode::ServerUnavailable);
    for (version, connack, reason_code) in [v5, v311] {
        let server = ScriptedServer::start().await;
        let refusing = async {
            let mut peer = server.connected_by(connack).await;
            assert_eq!(peer.packet().await, None);
        };
        let connecting = Client::connect(options(&server.url(), version));
        let (outcome, ()) = bounded("a refused connect", async { tokio::join!(connecting, refusing) }).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.reason_code()), (ErrorKind::Refused, Some(reason_code)), "{error}");
        assert!(error.retry_may_help());
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist() {
    let error = bounded("connect", Client::connect("mqtt://nowhere.invalid")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NameResolution, "{error}");
}

#[tokio::test]
async fn a_name_that_exists() {
    let broker = Mosquitto::start("");
    let url = format!("mqtt://localhost:{}", broker.port());
    bounded("connect", Client::connect(url)).await.unwrap();
}

#[tokio::test]
async fn nothing_listens() {
    let mut broker = Mosquitto::start("");
    broker.kill();
    let error = bounded("connect", Client::connect(broker.url())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
    assert!(error.retry_may_help());
}

#[tokio::test]
async fn a_client_told_to_keep_trying_connects_once_the_broker_is_there() {
    let mut broker = Mosquitto::start("");
    broker.kill();
    for version in VERSIONS {
        let connecting = Client::connect(options(&broker.url(), version).keep_trying(true));
        let connecting = tokio::spawn(connecting.into_future());
        tokio::task::yield_now().await;
        broker.restart();
        bounded("connect", connecting).await.unwrap().unwrap();
        broker.kill();
    }
}

#[tokio::test]
async fn the_next_server_of_the_list_is_tried() {
    let (mut down, up) = (Mosquitto::start(""), Mosquitto::start(""));
    down.kill();
    let options = Options::new(&down.url()).unwrap().fallback(&up.url()).unwrap();
    let client = bounded("connect", Client::connect(options)).await.unwrap();
    assert!(client.connected().is_some());
}

#[tokio::test]
async fn a_server_that_closes_before_connack() {
    for version in VERSIONS {
        let server = ScriptedServer::start().await;
        let connecting = Client::connect(options(&server.url(), version));
        let closing = async { drop(server.accept().await) };
        let (outcome, ()) = bounded("connect", async { tokio::join!(connecting, closing) }).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Transport);
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let server = ScriptedServer::start().await;
    let brief = Duration::from_millis(50);
    let connecting = Client::connect(options(&server.url(), Version::V5).connect_timeout(brief));
    let error = bounded("connect", connecting).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[tokio::test]
async fn events_tell_of_each_connection() {
    let mut broker = Mosquitto::start("");
    let client = Client::connect(options(&broker.url(), Version::V5)).await.unwrap();
    let mut events = client.events();
    bounded("events", async {
        broker.kill();
        let lost = events.recv().await;
        assert!(matches!(lost, Some(Event::Disconnected { error: Some(_), retry_in: Some(_) })), "{lost:?}");
        broker.restart();
        let mut last_attempt = 0;
        loop {
            match events.recv().await.unwrap() {
                Event::Connecting { attempt, .. } => {
                    assert_eq!(attempt, last_attempt + 1);
                    last_attempt = attempt;
                }
                Event::Disconnected { error, retry_in } => assert!(error.is_some() && retry_in.is_some()),
                Event::Connected(grant) => break assert!(!grant.session_present),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(client.metrics().reconnects, 1);
        client.disconnect().await.unwrap();
        loop {
            match events.recv().await {
                Some(Event::Disconnected { error, retry_in }) => {
                    break assert!(error.is_none() && retry_in.is_none());
                }
                Some(Event::SessionLost) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(events.recv().await, None);
    })
    .await;
}

#[tokio::test]
async fn connecting_gives_a_first_round_trip() {
    each(async |case| {
        let client = Client::connect(case.options()).prepare().unwrap();
        assert_eq!(client.metrics().round_trip, None);
        client.start().await.unwrap();
        assert!(client.metrics().round_trip.unwrap() > Duration::ZERO);
    })
    .await;
}

#[tokio::test]
async fn what_the_server_sets_instead_is_granted() {
    let broker = Mosquitto::start("max_keepalive 30\nauto_id_prefix given-\nmax_inflight_messages 7");
    bounded("grant", async {
        let client = Client::connect(options(&broker.url(), Version::V5)).await.unwrap();
        let grant = client.connected().unwrap();
        assert_eq!((grant.keep_alive, grant.limits.receive_maximum), (30, 7));
        assert!(grant.client_id.as_str().starts_with("given-"), "{}", grant.client_id.as_str());
    })
    .await;
}
