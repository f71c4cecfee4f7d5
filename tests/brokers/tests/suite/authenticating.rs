//! Enhanced authentication against the embedded broker, which knows SCRAM-SHA-256.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use polymqtt::{
    Authentication, AuthenticationReply, AuthenticationStage, Client, Error, ErrorKind, Event, Options, QoS,
    ReasonCode, Scram, Version,
};
use polymqtt_broker_tests::{Embedded, Mosquitto, PASSWORD, Setup, USER, bounded, options};

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
        move |step: polymqtt::AuthenticationStep| {
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
async fn a_panic_of_the_authenticator_is_an_error() {
    let broker = broker().await;
    let connecting = Client::connect(options(&broker.url(), Version::V5))
        .authenticator("OWN", async |_step| panic!("the authenticator's own"));
    assert!(bounded("connect", connecting).await.unwrap_err().to_string().contains("panicked"));
}
