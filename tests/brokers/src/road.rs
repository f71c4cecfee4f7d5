//! One test over every way to a broker: TLS, WebSocket, Unix socket.

use polymqtt::{Client, Options, Pem, Scheme, TlsOptions, Version};

use crate::{Broker, Certificates, Embedded, Mosquitto, VERSIONS, bounded, options};

/// A way to a broker of its own, and a protocol version.
#[derive(Debug)]
pub struct Road {
    /// The broker, used by nobody else.
    pub broker: Broker,
    /// How it is reached.
    pub scheme: Scheme,
    /// The version that [`Road::options`] are for.
    pub version: Version,
    certificates: Certificates,
}

impl Road {
    /// Options for a client that takes this road, reconnecting quickly.
    #[must_use]
    pub fn options(&self) -> Options {
        let url = match &self.broker {
            Broker::Mosquitto(broker) => broker.url_by(self.scheme),
            Broker::Embedded(broker) => format!("ws://127.0.0.1:{}", broker.websocket_port()),
        };
        self.options_at(&url)
    }

    /// As [`Road::options`], through a [`Relay`](crate::Relay) on this port.
    #[must_use]
    pub fn options_by(&self, port: u16) -> Options {
        self.options_at(&format!("{}://127.0.0.1:{port}", self.scheme.name()))
    }

    /// A client with [`Road::options`].
    pub async fn connect(&self) -> Client {
        Client::connect(self.options()).await.expect("connects")
    }

    /// Where the road ends, if that is a port.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match (&self.broker, self.scheme) {
            (_, Scheme::Unix) => None,
            (Broker::Mosquitto(broker), scheme) => Some(broker.port_by(scheme)),
            (Broker::Embedded(broker), _) => Some(broker.websocket_port()),
        }
    }

    fn options_at(&self, url: &str) -> Options {
        let tls = TlsOptions {
            ca: Some(Pem::File(self.certificates.path("ca.pem"))),
            server_name: Some("localhost".to_owned()),
            ..TlsOptions::default()
        };
        options(url, self.version).tls(tls)
    }
}

/// Runs a test over each road in each version, a fresh broker each time.
pub async fn each_road(test: impl AsyncFn(Road)) {
    for version in VERSIONS {
        for scheme in [Scheme::Mqtts, Scheme::Ws, Scheme::Wss, Scheme::Unix] {
            let certificates = Certificates::default();
            let broker = Broker::Mosquitto(Mosquitto::everywhere(&certificates));
            let name = format!("mosquitto by {}, MQTT {version}", scheme.name());
            bounded(&name, test(Road { broker, scheme, version, certificates })).await;
        }
        let certificates = Certificates::default();
        let broker = Broker::Embedded(Embedded::start().await);
        let road = Road { broker, scheme: Scheme::Ws, version, certificates };
        bounded(&format!("embedded by ws, MQTT {version}"), test(road)).await;
    }
}
