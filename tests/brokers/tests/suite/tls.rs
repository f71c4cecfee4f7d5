//! TLS, with certificates made for the test.

use polymqtt::{Client, ClientCertificate, Error, ErrorKind, Options, Pem, QoS, TlsOptions, Version};
use polymqtt_broker_tests::{Certificates, Embedded, Mosquitto, Setup, VERSIONS, bounded};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

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

#[tokio::test]
async fn who_the_client_is_may_be_said_by_bytes() {
    let certificates = Certificates::default();
    let broker = Mosquitto::start(&certificates.mosquitto(true));
    let bytes = |name| Pem::Bytes(certificates.bytes(name));
    let shown = ClientCertificate { certificates: bytes("client.pem"), key: bytes("client.key") };
    let tls = TlsOptions { client_certificate: Some(shown), ..trusting(&certificates) };
    for version in VERSIONS {
        connect_in(version, "localhost", broker.port(), tls.clone()).await.unwrap();
    }
}

#[tokio::test]
async fn a_client_key_that_can_not_be_used_is_told_apart() {
    let certificates = Certificates::default();
    let broker = Mosquitto::start(&certificates.mosquitto(true));
    let key = String::from_utf8(certificates.bytes("client.key")).unwrap();
    let old_form = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n\
                    -----END RSA PRIVATE KEY-----\n";
    for (key, word) in [
        (
            key.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE").replace("END ", "END ENCRYPTED "),
            "encrypted",
        ),
        (old_form.to_owned(), "encrypted"),
        ("no key".to_owned(), "not a private key"),
        (String::from_utf8(certificates.bytes("server.key")).unwrap(), "do not fit"),
    ] {
        let certificates_shown = Pem::File(certificates.path("client.pem"));
        let shown = ClientCertificate { certificates: certificates_shown, key: Pem::Bytes(key.into_bytes()) };
        let tls = TlsOptions { client_certificate: Some(shown), ..trusting(&certificates) };
        let error = connect("localhost", broker.port(), tls).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn protocols_are_offered_by_alpn() {
    let certificates = Certificates::default();
    let broker = Mosquitto::start(&certificates.mosquitto(false));
    let alpn = vec!["mqtt".to_owned(), "x-amzn-mqtt-ca".to_owned()];
    let tls = TlsOptions { alpn, ..trusting(&certificates) };
    connect("localhost", broker.port(), tls.clone()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listening = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = vec![0; 4096];
        let length = stream.read(&mut hello).await.unwrap();
        // The list of the extension (RFC 7301, section 3.1).
        let offered = b"\x04mqtt\x0ex-amzn-mqtt-ca";
        assert!(hello[..length].windows(offered.len()).any(|window| window == offered));
    };
    let port = listener.local_addr().unwrap().port();
    let (outcome, ()) = tokio::join!(connect("localhost", port, tls), listening);
    assert!(outcome.is_err());
}
