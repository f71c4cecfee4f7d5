//! The broker of the crate `mqtt5`, in this process, its sessions in memory.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use mqtt5::broker::auth::PasswordAuthProvider;
use mqtt5::broker::auth_mechanisms::{ScramCredentialStore, ScramCredentials, ScramSha256AuthProvider};
use mqtt5::broker::config::{StorageBackend, StorageConfig, TlsConfig, WebSocketConfig};
use mqtt5::broker::{BrokerConfig, MqttBroker};
use tokio::task::JoinHandle;

use crate::mosquitto::free_port;
use crate::{Certificates, PASSWORD, USER};

/// How often a port that is taken is tried again.
const TRIES: u32 = 50;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// A broker that runs in a task, and ends when this is dropped.
#[derive(Debug)]
pub struct Embedded {
    port: u16,
    tls_port: Option<u16>,
    websocket_port: u16,
    task: JoinHandle<()>,
}

/// What differs from the broker's defaults.
#[derive(Debug, Default, Clone, Copy)]
pub struct Setup<'a> {
    /// Only [`USER`] with [`PASSWORD`] may connect.
    pub users: bool,
    /// Only [`USER`] with [`PASSWORD`] may connect, by SCRAM-SHA-256.
    pub scram: bool,
    /// The largest packet it takes, in bytes.
    pub maximum_packet_size: Option<usize>,
    /// Certificates for a TLS listener beside the plain one, and whether it asks clients for theirs.
    pub tls: Option<(&'a Certificates, bool)>,
}

impl Embedded {
    /// A broker with its defaults.
    pub async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// A broker with its defaults that can be [killed](Embedded::kill) and [restarted](Embedded::restart).
    pub async fn restartable() -> Self {
        Self::on(free_port(), Setup::default()).await
    }

    /// A broker that is set up like this, ready for clients.
    pub async fn with(setup: Setup<'_>) -> Self {
        Self::on(0, setup).await
    }

    async fn on(port: u16, setup: Setup<'_>) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let storage = StorageConfig::new()
            .with_backend(StorageBackend::Memory)
            .with_cleanup_interval(Duration::from_secs(60));
        let mut config = BrokerConfig::default().with_storage(storage);
        config = config.with_bind_address(SocketAddr::from(([127, 0, 0, 1], port)));
        config = config.with_websocket(WebSocketConfig::new().with_bind_address(any));
        config.auth_config.rate_limit.enabled = false;
        if let Some(bytes) = setup.maximum_packet_size {
            config = config.with_max_packet_size(bytes);
        }
        if let Some((certificates, require_client)) = setup.tls {
            let path = |name| certificates.path(name);
            let mut tls = TlsConfig::new(path("server.pem"), path("server.key")).with_bind_address(any);
            if require_client {
                tls = tls.with_ca_file(path("ca.pem")).with_require_client_cert(true);
            }
            config = config.with_tls(tls);
        }
        // A listener that has just ended, or looks for a free port, may still have this one.
        let mut tries = 0;
        let mut broker = loop {
            match MqttBroker::with_config(config.clone()).await {
                Ok(broker) => break broker,
                Err(error) if tries == TRIES => panic!("the broker does not start: {error}"),
                Err(_taken) => tries += 1,
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        };
        if setup.users {
            let provider = PasswordAuthProvider::new();
            provider.add_user(USER, PASSWORD).expect("a valid password");
            broker = broker.with_auth_provider(Arc::new(provider));
        }
        if setup.scram {
            let credentials = ScramCredentials::from_password_and_salt(PASSWORD, b"some salt", 4096);
            let store = Arc::new(OneUser(credentials));
            broker = broker.with_auth_provider(Arc::new(ScramSha256AuthProvider::new(store)));
        }
        let port = broker.local_addr().expect("an address").port();
        let tls_port = broker.tls_local_addr().map(|address| address.port());
        let websocket_port = broker.ws_local_addr().expect("an address").port();
        let mut ready = broker.ready_receiver();
        let task = tokio::spawn(async move { broker.run().await.expect("the broker runs") });
        ready.wait_for(|ready| *ready).await.expect("the broker becomes ready");
        Self { port, tls_port, websocket_port, task }
    }

    /// Ends it with its connections: it forgets everything.
    pub async fn kill(&mut self) {
        self.task.abort();
        let _aborted = (&mut self.task).await;
        // Its listener ends with a task of its own.
        while TcpListener::bind(("127.0.0.1", self.port)).is_err() {
            tokio::task::yield_now().await;
        }
    }

    /// Starts a [`Embedded::restartable`] broker again after [`Embedded::kill`], on the same port.
    pub async fn restart(&mut self) {
        *self = Self::on(self.port, Setup::default()).await;
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Its port, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of its WebSocket listener.
    #[must_use]
    pub fn websocket_port(&self) -> u16 {
        self.websocket_port
    }

    /// The port of its TLS listener.
    #[must_use]
    pub fn tls_port(&self) -> u16 {
        self.tls_port.expect("the broker was set up with TLS")
    }
}

/// What the broker knows of [`USER`].
struct OneUser(ScramCredentials);

impl ScramCredentialStore for OneUser {
    fn get_credentials(&self, username: &str) -> Option<ScramCredentials> {
        (username == USER).then(|| self.0.clone())
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.task.abort();
    }
}
