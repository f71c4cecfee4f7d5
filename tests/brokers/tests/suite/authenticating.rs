//! Enhanced authentication against the embedded broker, which knows SCRAM-SHA-256.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use polymqtt::{
    Authentication, AuthenticationReply, AuthenticationStage, AuthenticationStep, Client, Error, ErrorKind,
    Event, Options, QoS, ReasonCode, Scram, Version,
};
use polymqtt_broker_tests::{Embedded, Mosquitto, PASSWORD, ScriptedServer, Setup, USER, bounded, options};
use tokio::sync::{Semaphore, mpsc};

async fn broker() -> Embedded {
    Embedded::with(Setup { scram: true, ..Setup::default() }).await
}

fn scram(url: &str, password: &str) -> Options {
    let scram = Authentication::ScramSha256(Scram::new(USER, password));
    options(url, Version::V5).client_id("scram").authentication(scram)
}

#[tokio::test]
async fn scram_against_another_implementation() {
    let broker = broker().await;
    let client = bounded("connect", Client::connect(scram(&broker.url(), PASSWORD))).await.unwrap();
    let mut events = client.events();
    let mut messages = client.subscribe("a").qos(QoS::AtLeastOnce).await.unwrap();
    for _ in 0..2 {
        bounded("reauthenticate", client.reauthenticate()).await.unwrap();
        assert_eq!(bounded("event", events.recv()).await.unwrap(), Event::Reauthenticated);
    }
    client.publish("a", "b").qos(QoS::AtLeastOnce).await.unwrap();
    assert_eq!(bounded("receive", messages.recv()).await.unwrap().unwrap().payload(), b"b");
    client.disconnect().await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_not_authorized() {
    let broker = broker().await;
    let refused = bounded("connect", Client::connect(scram(&broker.url(), "wrong"))).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotAuthorized);
    let without = bounded("connect", Client::connect(options(&broker.url(), Version::V5))).await;
    assert!(without.is_err());
}

#[tokio::test]
async fn a_broker_without_the_method_refuses_it() {
    let broker = Mosquitto::start("");
    let refused = bounded("connect", Client::connect(scram(&broker.url(), PASSWORD))).await.unwrap_err();
    assert_eq!(refused.reason_code(), Some(ReasonCode::BadAuthenticationMethod));
    let client = bounded("connect", Client::connect(options(&broker.url(), Version::V5))).await.unwrap();
    let refused = bounded("reauthenticate", client.reauthenticate()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn an_authenticator_is_asked_for_the_first_step() {
    let broker = broker().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let connecting = Client::connect(options(&broker.url(), Version::V5).client_id("own")).authenticator(
        "SCRAM-SHA-256",
        move |step: AuthenticationStep| {
            counter.fetch_add(1, Ordering::Relaxed);
            async move {
                match step.stage {
                    AuthenticationStage::Start => Ok(AuthenticationReply::new(format!("n,,n={USER},r=once"))),
                    _ => Err(Error::new(ErrorKind::NotAuthorized, "seen enough")),
                }
            }
        },
    );
    let error = bounded("connect", connecting).await.unwrap_err();
    assert!(error.to_string().contains("seen enough"), "{error}");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn messages_after_connack_wait_for_the_authenticators_verdict() {
    let server = ScriptedServer::start().await;
    let (asked, mut is_asked) = mpsc::unbounded_channel();
    let verdict = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&verdict);
    let authenticator = move |step: AuthenticationStep| {
        let (asked, waits) = (asked.clone(), Arc::clone(&waits));
        async move {
            if step.stage == AuthenticationStage::Complete {
                asked.send(step.data).unwrap();
                waits.acquire().await.unwrap().forget();
            }
            Ok(AuthenticationReply::default())
        }
    };
    let options = options(&server.url(), Version::V5);
    let client = Client::connect(options).authenticator("M", authenticator).prepare().unwrap();
    let mut messages = client.subscribe("a").declare().unwrap();
    let starting = tokio::spawn({
        let client = client.clone();
        async move { client.start().await }
    });
    let connack = b"\x20\x0b\0\0\x08\x15\0\x01M\x16\0\x01d";
    let mut peer =
        bounded("connect", server.connected_by(&[&connack[..], b"\x30\x05\0\x01a\0x"].concat())).await;
    assert_eq!(bounded("the question", is_asked.recv()).await.unwrap().unwrap(), "d");
    assert!(client.connected().is_none());
    verdict.add_permits(1);
    bounded("start", starting).await.unwrap().unwrap();
    assert_eq!(bounded("receive", messages.recv()).await.unwrap().unwrap().payload(), b"x");
    assert_eq!(peer.packet().await.unwrap()[0], 0x82);
    // The server asks for another authentication.
    peer.send(b"\xf0\x06\x19\x04\x15\0\x01M").await;
    assert_eq!(peer.packet().await.unwrap(), b"\xf0\x06\x19\x04\x15\0\x01M");
    let mut events = client.events();
    verdict.add_permits(1);
    peer.send(b"\xf0\0").await;
    assert_eq!(bounded("the event", events.recv()).await.unwrap(), Event::Reauthenticated);
}

#[tokio::test]
async fn a_panic_of_the_authenticator_is_an_error() {
    let broker = broker().await;
    let connecting = Client::connect(options(&broker.url(), Version::V5))
        .authenticator("OWN", async |_step| panic!("the authenticator's own"));
    assert!(bounded("connect", connecting).await.unwrap_err().to_string().contains("panicked"));
}
