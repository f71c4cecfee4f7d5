//! Servers that send the client to another one (section 4.11).

use std::future::IntoFuture;

use polymqtt::{Client, ErrorKind, Event, Events, Options, QoS, ReasonCode, RedirectOptions, Version};
use polymqtt_broker_tests::{Mosquitto, PASSWORD, ScriptedServer, USER, bounded, options};

const USE_ANOTHER_SERVER: u8 = 0x9C;
const SERVER_MOVED: u8 = 0x9D;

/// A Server Reference (section 3.2.2.3.16), its length before it.
fn reference(to: &str) -> Vec<u8> {
    let mut property = vec![u8::try_from(to.len() + 3).unwrap(), 0x1C, 0, u8::try_from(to.len()).unwrap()];
    property.extend_from_slice(to.as_bytes());
    property
}

fn connack(code: u8, to: &str) -> Vec<u8> {
    let properties = reference(to);
    [&[0x20, u8::try_from(properties.len() + 2).unwrap(), 0, code], properties.as_slice()].concat()
}

fn disconnect(code: u8, to: &str) -> Vec<u8> {
    let properties = reference(to);
    [&[0xE0, u8::try_from(properties.len() + 1).unwrap(), code], properties.as_slice()].concat()
}

/// Where the client was sent, and whether for good.
async fn redirected(events: &mut Events) -> (u16, bool) {
    loop {
        if let Event::Redirected { to, moved } = events.recv().await.unwrap() {
            return (to.port(), moved);
        }
    }
}

/// Connects to a server that answers by `code`, sending the client to `to`.
async fn sent(
    server: &ScriptedServer,
    options: Options,
    code: u8,
    to: &str,
) -> (Client, Events, Result<(), polymqtt::Error>) {
    let client = Client::connect(options).prepare().unwrap();
    let events = client.events();
    let answer = connack(code, to);
    let (started, _peer) = tokio::join!(client.start(), server.connected_by(&answer));
    (client, events, started.map(drop))
}

#[tokio::test]
async fn a_connack_may_send_the_client_to_another_server() {
    for (code, for_good) in [(USE_ANOTHER_SERVER, false), (SERVER_MOVED, true)] {
        bounded(&format!("{code:#x}"), async {
            let (server, broker) = (ScriptedServer::start().await, Mosquitto::start(""));
            let to = format!("127.0.0.1:{}", broker.port());
            let options = options(&server.url(), Version::V5);
            let (client, mut events, started) = sent(&server, options, code, &to).await;
            started.unwrap();
            assert_eq!(redirected(&mut events).await, (broker.port(), for_good));
            let mut stream = client.subscribe("r").qos(QoS::AtLeastOnce).await.unwrap();
            client.publish("r", "there").qos(QoS::AtLeastOnce).await.unwrap();
            assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok("there"));
        })
        .await;
    }
}

#[tokio::test]
async fn a_disconnect_may_send_it_too_and_subscriptions_go_along() {
    bounded("DISCONNECT", async {
        let (server, broker) = (ScriptedServer::start().await, Mosquitto::start(""));
        let client = Client::connect(options(&server.url(), Version::V5)).prepare().unwrap();
        let mut events = client.events();
        let mut stream = client.subscribe("r").qos(QoS::AtLeastOnce).declare().unwrap();
        let (started, mut peer) = tokio::join!(client.start(), server.connected(Version::V5));
        started.unwrap();
        let to = format!("127.0.0.1:{}", broker.port());
        peer.send(&disconnect(USE_ANOTHER_SERVER, &to)).await;
        assert_eq!(redirected(&mut events).await, (broker.port(), false));
        while !matches!(events.recv().await.unwrap(), Event::Connected(_)) {}
        client.publish("r", "there").qos(QoS::AtLeastOnce).await.unwrap();
        assert_eq!(stream.recv().await.unwrap().unwrap().text(), Ok("there"));
    })
    .await;
}

#[tokio::test]
async fn credentials_are_for_the_hosts_of_the_options() {
    bounded("credentials", async {
        let broker = Mosquitto::with_users();
        for (host, trust_other_hosts, accepted) in
            [("127.0.0.1", false, true), ("localhost", false, false), ("localhost", true, true)]
        {
            let server = ScriptedServer::start().await;
            let redirect = RedirectOptions { trust_other_hosts, ..RedirectOptions::default() };
            let options = options(&server.url(), Version::V5).username(USER).password(PASSWORD);
            let to = format!("{host}:{}", broker.port());
            let (_client, _events, started) =
                sent(&server, options.redirect(redirect), USE_ANOTHER_SERVER, &to).await;
            match started {
                Ok(()) => assert!(accepted, "{host}"),
                Err(error) => {
                    assert_eq!((accepted, error.reason_code()), (false, Some(ReasonCode::NotAuthorized)));
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn redirects_are_followed_only_so_far() {
    bounded("hops", async {
        let server = ScriptedServer::start().await;
        let url = server.url();
        let own = url.trim_start_matches("mqtt://");
        let redirect = RedirectOptions { most_hops: 2, ..RedirectOptions::default() };
        let options = options(&url, Version::V5).redirect(redirect);
        let answer = connack(USE_ANOTHER_SERVER, own);
        let served = async {
            for _ in 0..3 {
                server.connected_by(&answer).await;
            }
        };
        let (started, ()) = tokio::join!(Client::connect(options).into_future(), served);
        let error = started.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains("more than 2 times"), "{error}");
    })
    .await;
}
