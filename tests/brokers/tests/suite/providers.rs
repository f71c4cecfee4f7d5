//! Credentials that the program is asked for before each attempt.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use polymqtt::{Attempt, Client, Credentials, Error, ErrorKind, Event, Version};
use polymqtt_broker_tests::{Mosquitto, PASSWORD, USER, VERSIONS, bounded, options};

#[tokio::test]
async fn a_provider_is_asked_before_each_attempt() {
    for version in VERSIONS {
        let mut broker = Mosquitto::with_users();
        let asked = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&asked);
        let connecting =
            Client::connect(options(&broker.url(), version)).credentials(move |attempt: Attempt| {
                assert!(attempt.server.port() > 0 && attempt.number > 0);
                counter.fetch_add(1, Ordering::Relaxed);
                async { Credentials::new(USER, PASSWORD) }
            });
        let client = bounded("connect", connecting).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let mut events = client.events();
        broker.kill();
        broker.restart();
        bounded("reconnect", async { while !matches!(events.recv().await.unwrap(), Event::Connected(_)) {} })
            .await;
        assert!(asked.load(Ordering::Relaxed) >= 2);
    }
}

#[tokio::test]
async fn refused_credentials_are_asked_for_again_and_three_refusals_end_the_client() {
    for version in VERSIONS {
        let broker = Mosquitto::with_users();
        for (wrong, expected) in [(2, Ok(3)), (3, Err(ErrorKind::NotAuthorized))] {
            let asked = Arc::new(AtomicU32::new(0));
            let counter = Arc::clone(&asked);
            let provider = move |_| {
                let right = counter.fetch_add(1, Ordering::Relaxed) >= wrong;
                async move { Credentials::new(USER, if right { PASSWORD } else { "wrong" }) }
            };
            let connecting =
                Client::connect(options(&broker.url(), version).keep_trying(true)).credentials(provider);
            let outcome = bounded("connect", connecting).await;
            let outcome = outcome.map(|_client| asked.load(Ordering::Relaxed)).map_err(|error| error.kind());
            assert_eq!(outcome, expected);
            assert_eq!(asked.load(Ordering::Relaxed), 3);
        }
    }
}

#[tokio::test]
async fn credentials_that_expire_while_connected_are_renewed_on_the_way_back() {
    let mut broker = Mosquitto::with_users();
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    // The second is refused, the third is good.
    let provider = move |_| {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        async move { Credentials::new(USER, if number == 1 { "expired" } else { PASSWORD }) }
    };
    let connecting = Client::connect(options(&broker.url(), Version::V5)).credentials(provider);
    let client = bounded("connect", connecting).await.unwrap();
    let mut events = client.events();
    broker.kill();
    broker.restart();
    bounded("reconnect", async {
        let mut refused = 0;
        loop {
            match events.recv().await.unwrap() {
                Event::Connected(_) => break,
                Event::Disconnected { error: Some(error), retry_in: Some(_) } => {
                    refused += u32::from(error.kind() == ErrorKind::NotAuthorized);
                }
                _ => {}
            }
        }
        assert_eq!((refused, asked.load(Ordering::Relaxed)), (1, 3));
    })
    .await;
}

#[tokio::test]
async fn what_a_provider_fails_with_is_the_attempts_error() {
    let broker = Mosquitto::start("");
    let url = broker.url();
    let failing = async |_: Attempt| Err(Error::new(ErrorKind::Refused, "the token service is down"));
    let error = bounded("error", Client::connect(&url).credentials(failing)).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Refused, "the token service is down"));

    let panicking = |_| async { panic!("as a test") };
    let error = bounded("panic", Client::connect(&url).credentials(panicking)).await.unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");

    let bad = async |_: Attempt| Ok(Credentials::default().header("a b", "c"));
    let error = bounded("bad", Client::connect(&url).credentials(bad)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidOption, "{error}");
}

#[tokio::test]
async fn a_provider_that_hangs_is_ended_by_the_connect_timeout() {
    struct Noted(tokio::sync::mpsc::UnboundedSender<()>);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    let broker = Mosquitto::start("");
    let brief = options(&broker.url(), Version::V5).connect_timeout(Duration::from_millis(50));
    let (ended, mut endings) = tokio::sync::mpsc::unbounded_channel();
    let hanging = move |_| {
        let noted = Noted(ended.clone());
        async move {
            let _noted = noted;
            pending().await
        }
    };
    let error = bounded("timeout", Client::connect(brief).credentials(hanging)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    bounded("its end", endings.recv()).await.unwrap();
}

#[test]
fn blocking_clients_have_providers_too() {
    let broker = Mosquitto::with_users();
    let provider = |_| async { Credentials::new(USER, PASSWORD) };
    let set = |connect: polymqtt::Connect| connect.credentials(provider);
    let client = polymqtt::blocking::Client::connect_with(broker.url(), set).unwrap();
    client.disconnect().unwrap();
}
