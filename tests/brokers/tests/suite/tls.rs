//! TLS, with certificates made for the test.

use polymqtt::{Client, Error, ErrorKind, Options, Pem, QoS, TlsOptions, Version};
use polymqtt_broker_tests::{Certificates, Embedded, Mosquitto, Setup, VERSIONS, bounded};

async fn connect(host: &str, port: u16, tls: TlsOptions) -> Result<Client, Error> {
    connect_in(Version::V5, host, port, tls).await
}

async fn connect_in(version: Version, host: &str, port: u16, tls: TlsOptions) -> Result<Client, Error> {
    let options = Options::new(&format!("mqtts://{host}:{port}")).unwrap().version(version).tls(tls);
    bounded("connect", Client::connect(options)).await
}

fn trusting(certificates: &Certificates) -> TlsOptions {
    TlsOptions { ca: Some(Pem::File(certificates.path("ca.pem"))), ..TlsOptions::default() }
}

#[tokio::test]
async fn a_private_authority_by_file_and_by_bytes() {
    let certificates = Certificates::default();
    let broker = Mosquitto::start(&certificates.mosquitto(false));
    let setup = Setup { tls: Some((&certificates, false)), ..Setup::default() };
    let embedded = Embedded::with(setup).await;
    let bytes = Pem::Bytes(certificates.bytes("ca.pem"));
    for version in VERSIONS {
        for port in [broker.port(), embedded.tls_port()] {
            for ca in [Pem::File(certificates.path("ca.pem")), bytes.clone()] {
                let tls = TlsOptions { ca: Some(ca), ..TlsOptions::default() };
                let client = connect_in(version, "localhost", port, tls).await.unwrap();
                bounded("a message there and back", async {
                    let mut stream = client.subscribe("tls").await.unwrap();
                    let payload = vec![7; 100_000];
                    client.publish("tls", payload.clone()).qos(QoS::AtLeastOnce).await.unwrap();
                    assert_eq!(stream.recv().await.unwrap().unwrap().payload(), payload);
                    client.disconnect().await.unwrap();
                })
                .await;
            }
        }
    }
}

#[tokio::test]
async fn another_authority_is_not_trusted() {
    let (certificates, others) = (Certificates::default(), Certificates::default());
    let broker = Mosquitto::start(&certificates.mosquitto(false));
    for tls in [trusting(&others), TlsOptions::default()] {
        let error = connect("localhost", broker.port(), tls).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        assert!(!error.retry_may_help());
    }
}

#[tokio::test]
async fn the_name_in_the_certificate_counts() {
    let certificates = Certificates::new("broker.example");
    let broker = Mosquitto::start(&certificates.mosquitto(false));
    let error = connect("localhost", broker.port(), trusting(&certificates)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    let named = TlsOptions { server_name: Some("broker.example".to_owned()), ..trusting(&certificates) };
    connect("localhost", broker.port(), named).await.unwrap();
}

#[tokio::test]
async fn verification_can_be_skipped() {
    let broker = Mosquitto::start(&Certificates::new("broker.example").mosquitto(false));
    let tls = TlsOptions { dangerously_skip_verification: true, ..TlsOptions::default() };
    connect("127.0.0.1", broker.port(), tls).await.unwrap();
}

#[tokio::test]
async fn a_server_may_ask_who_the_client_is() {
    let certificates = Certificates::default();
    let broker = Mosquitto::start(&certificates.mosquitto(true));
    let setup = Setup { tls: Some((&certificates, true)), ..Setup::default() };
    let embedded = Embedded::with(setup).await;
    for port in [broker.port(), embedded.tls_port()] {
        let shown = TlsOptions { client_certificate: Some(certificates.client()), ..trusting(&certificates) };
        connect("localhost", port, shown).await.unwrap();
        // With TLS 1.3 the refusal arrives after the handshake, as the first thing that is read.
        let error = connect("localhost", port, trusting(&certificates)).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Tls | ErrorKind::Transport), "{error}");
    }
}

#[tokio::test]
async fn plain_mqtt_to_a_tls_port_and_the_other_way_round() {
    let certificates = Certificates::default();
    let (secure, plain) = (Mosquitto::start(&certificates.mosquitto(false)), Mosquitto::start(""));
    let error = bounded("connect", Client::connect(secure.url())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
    let error = connect("localhost", plain.port(), trusting(&certificates)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let tls = TlsOptions { ca: Some(Pem::File("/nowhere/ca.pem".into())), ..TlsOptions::default() };
    let broker = Mosquitto::start("");
    let error = connect("localhost", broker.port(), tls).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
    assert!(error.to_string().contains("/nowhere/ca.pem"), "{error}");
}
