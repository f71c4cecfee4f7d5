//! One test in every combination of broker and protocol version, bounded in time.

use std::time::Duration;

use polymqtt::{Client, Options, ReconnectOptions, Version};

use crate::{Embedded, Mosquitto};

/// Both protocol versions.
pub const VERSIONS: [Version; 2] = [Version::V311, Version::V5];

/// What no step of a test may take: only a hang does.
const BOUND: Duration = Duration::from_secs(25);

/// A broker that runs.
#[derive(Debug)]
pub enum Broker {
    /// Debian's mosquitto, a process of its own.
    Mosquitto(Mosquitto),
    /// The broker of the crate `mqtt5`, in this process.
    Embedded(Embedded),
}

impl Broker {
    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Mosquitto(broker) => broker.url(),
            Self::Embedded(broker) => broker.url(),
        }
    }

    /// Its port, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Mosquitto(broker) => broker.port(),
            Self::Embedded(broker) => broker.port(),
        }
    }

    /// Ends it at once: it forgets everything.
    pub async fn kill(&mut self) {
        match self {
            Self::Mosquitto(broker) => broker.kill(),
            Self::Embedded(broker) => broker.kill().await,
        }
    }

    /// Starts it again after [`Broker::kill`], on the same port; the embedded one if it is
    /// [restartable](Embedded::restartable).
    pub async fn restart(&mut self) {
        match self {
            Self::Mosquitto(broker) => broker.restart(),
            Self::Embedded(broker) => broker.restart().await,
        }
    }
}

/// One broker and one protocol version.
#[derive(Debug)]
pub struct Case {
    /// The broker, used by nobody else.
    pub broker: Broker,
    /// The version that [`Case::options`] are for.
    pub version: Version,
}

impl Case {
    /// Options for a client of this broker in this version, reconnecting quickly.
    #[must_use]
    pub fn options(&self) -> Options {
        options(&self.broker.url(), self.version)
    }

    /// A client with [`Case::options`].
    pub async fn connect(&self) -> Client {
        Client::connect(self.options()).await.expect("connects")
    }

    /// Whether properties, reason codes and the like are there.
    #[must_use]
    pub fn is_v5(&self) -> bool {
        self.version == Version::V5
    }
}

/// Runs a test with each broker in each version, a fresh broker each time.
pub async fn each(test: impl AsyncFn(Case)) {
    for version in VERSIONS {
        let broker = Broker::Mosquitto(Mosquitto::start(""));
        bounded(&format!("mosquitto, MQTT {version}"), test(Case { broker, version })).await;
        let broker = Broker::Embedded(Embedded::start().await);
        bounded(&format!("embedded, MQTT {version}"), test(Case { broker, version })).await;
    }
}

/// Awaits `future`; where it hangs, the test fails by this name. The name is printed too, so that a failure tells
/// which combination it was.
pub async fn bounded<T>(name: &str, future: impl IntoFuture<Output = T>) -> T {
    println!("{name}");
    match tokio::time::timeout(BOUND, future).await {
        Ok(value) => value,
        Err(_) => panic!("{name}: hangs"),
    }
}

/// Options for a client of the server at `url`, reconnecting quickly.
#[must_use]
pub fn options(url: &str, version: Version) -> Options {
    Options::new(url).expect("a valid URL").version(version).reconnect(quick())
}

/// A client whose session lives on over lost connections, whatever the version.
#[must_use]
pub fn lasting(url: &str, version: Version, client_id: &str) -> Options {
    // mosquitto 2.0.11 writes down only sessions that began without a clean start.
    let options = options(url, version).client_id(client_id).clean_start(false);
    if version == Version::V5 { options.session_expiry(Duration::from_secs(300)) } else { options }
}

/// Reconnects at once and keeps on trying.
#[must_use]
pub fn quick() -> ReconnectOptions {
    ReconnectOptions {
        shortest: Duration::from_millis(5),
        longest: Duration::from_millis(50),
        ..ReconnectOptions::default()
    }
}
