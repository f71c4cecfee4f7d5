//! `polymqtt broker`: a broker for development and tests, embedded from the crate `mqtt5`.

use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mqtt5::broker::config::{StorageBackend, StorageConfig, TlsConfig, WebSocketConfig};
use mqtt5::broker::{BrokerConfig, MqttBroker};

use crate::broker_log::BrokerLog;
use crate::exit::{self, Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::note;
use crate::users::{self, User};

/// What users of the broker should know besides its options.
const HELP: &str = "\
To each message of MQTT 5 the broker adds the user property x-mqtt-client-id,
and x-mqtt-sender where the publisher has a user name.";

/// The path at which WebSocket clients find the broker.
const WEBSOCKET_PATH: &str = "/mqtt";

/// How long connections may take to close once the broker is to end.
const LONGEST_GOODBYE: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
#[command(after_help = format!("{HELP}\n\n{}", exit::HELP))]
pub(crate) struct BrokerArgs {
    /// The address to listen on, or its name; 0.0.0.0 for all of IPv4, :: for all
    #[arg(short = 'h', long, value_name = "HOST", default_value = "127.0.0.1", help_heading = "Listeners")]
    host: String,

    /// The port for MQTT over TCP; 0 for any free one
    #[arg(short = 'p', long, value_name = "PORT", default_value = "1883", help_heading = "Listeners")]
    port: u16,

    /// The port for MQTT over TLS; 0 for any free one [default: no TLS]
    #[arg(long, value_name = "PORT", requires = "cert", help_heading = "Listeners")]
    tls_port: Option<u16>,

    /// The port for MQTT over WebSocket, at the path /mqtt; 0 for any free one [default: no WebSocket]
    #[arg(long, value_name = "PORT", help_heading = "Listeners")]
    ws_port: Option<u16>,

    /// A file with the broker's certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["key", "tls_port"], help_heading = "TLS")]
    cert: Option<PathBuf>,

    /// A file with the certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    key: Option<PathBuf>,

    /// Ask clients for a certificate that one of the authorities in this file (PEM) has signed
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    cafile: Option<PathBuf>,

    /// Somebody who may connect, repeatable [default: everybody may]
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = users::user, help_heading = "Users")]
    user: Vec<User>,

    /// A file of NAME:PASSWORD lines; a password may be an Argon2 hash
    #[arg(long, value_name = "FILE", help_heading = "Users")]
    users: Option<PathBuf>,

    /// Beside the users, let in whoever names no user
    #[arg(long, help_heading = "Users")]
    allow_anonymous: bool,

    /// The folder to keep sessions and retained messages in [default: memory only]
    #[arg(long, value_name = "FOLDER", help_heading = "Limits and storage")]
    store: Option<PathBuf>,

    /// The largest packet to take, in bytes
    #[arg(long, value_name = "BYTES", default_value = "16777216", value_parser = clap::value_parser!(u32).range(1024..=268_435_455), help_heading = "Limits and storage")]
    maximum_packet_size: u32,

    /// The highest quality of service to offer: 0, 1 or 2
    #[arg(long, value_name = "QOS", default_value = "2", value_parser = clap::value_parser!(u8).range(0..=2), help_heading = "Limits and storage")]
    maximum_qos: u8,

    /// Write the line `ready URL...` to standard output once clients can connect, for scripts to wait for
    #[arg(long, help_heading = "Output")]
    ready: bool,

    /// Write who connects, subscribes, publishes and leaves to standard error
    #[arg(short = 'd', long, help_heading = "Output")]
    debug: bool,
}

pub(crate) async fn run(arguments: BrokerArgs) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen();
    let mut broker = arguments.open().await?;
    let urls = arguments.urls(&broker)?;
    let mut ready = broker.ready_receiver();
    let stop = broker.shutdown_handle();
    let announce = async move {
        if ready.wait_for(|ready| *ready).await.is_ok() {
            arguments.announce(&urls);
        }
        std::future::pending::<()>().await;
    };
    let serve = broker.run();
    tokio::pin!(serve);
    tokio::select! {
        result = &mut serve => result.map_err(|error| Failure::new(Exit::NoConnection, error.to_string())),
        () = announce => Ok(()),
        // This is how a broker ends: not a failure.
        _ = interrupt.wait() => {
            stop.shutdown();
            let _ = tokio::time::timeout(LONGEST_GOODBYE, serve).await;
            Ok(())
        }
    }
}

impl BrokerArgs {
    /// A broker whose ports are open and that serves nobody yet.
    async fn open(&self) -> Result<MqttBroker, Failure> {
        let users = match &self.users {
            Some(path) => [users::read(path)?, self.user.clone()].concat(),
            None => self.user.clone(),
        };
        let broker = MqttBroker::with_config(self.config()?)
            .await
            .map_err(|error| Failure::new(Exit::NoConnection, first_line(&error.to_string())))?;
        // Users without a name are checked by nobody: then everybody may connect.
        if users.is_empty() && self.users.is_none() {
            return Ok(broker);
        }
        Ok(broker.with_auth_provider(users::provider(&users, self.allow_anonymous)?))
    }

    fn config(&self) -> Result<BrokerConfig, Failure> {
        let host = self.address()?;
        let mut config = BrokerConfig::default()
            .with_bind_address(free(host, self.port, "--port")?)
            .with_max_packet_size(usize::try_from(self.maximum_packet_size).unwrap_or(usize::MAX))
            .with_maximum_qos(self.maximum_qos)
            .with_storage(self.storage());
        config.auth_config.rate_limit.enabled = false;
        if let (Some(port), Some(cert), Some(key)) = (self.tls_port, &self.cert, &self.key) {
            let mut tls =
                TlsConfig::new(cert.clone(), key.clone()).with_bind_address(free(host, port, "--tls-port")?);
            if let Some(cafile) = &self.cafile {
                tls = tls.with_ca_file(cafile.clone()).with_require_client_cert(true);
            }
            config = config.with_tls(tls);
        }
        if let Some(port) = self.ws_port {
            let address = free(host, port, "--ws-port")?;
            config = config
                .with_websocket(WebSocketConfig::new().with_bind_address(address).with_path(WEBSOCKET_PATH));
        }
        if self.debug {
            config = config.with_event_handler(BrokerLog::shared());
        }
        Ok(config)
    }

    fn address(&self) -> Result<IpAddr, Failure> {
        let failure = |rule: String| Failure::usage(format!("--host {}: {rule}", self.host));
        let mut addresses =
            (self.host.as_str(), 0).to_socket_addrs().map_err(|error| failure(error.to_string()))?;
        addresses
            .next()
            .map(|address| address.ip())
            .ok_or_else(|| failure("the name has no address".to_owned()))
    }

    fn storage(&self) -> StorageConfig {
        match &self.store {
            Some(folder) => {
                StorageConfig::new().with_backend(StorageBackend::File).with_base_dir(folder.clone())
            }
            None => StorageConfig::new().with_backend(StorageBackend::Memory),
        }
        .with_cleanup_interval(Duration::from_secs(60))
    }

    /// Where each listener is to be found.
    fn urls(&self, broker: &MqttBroker) -> Result<Vec<String>, Failure> {
        let not_open =
            |argument| Failure::new(Exit::NoConnection, format!("{argument}: the port can't be opened"));
        let mut urls = vec![format!("mqtt://{}", broker.local_addr().ok_or_else(|| not_open("--port"))?)];
        if self.tls_port.is_some() {
            urls.push(format!("mqtts://{}", broker.tls_local_addr().ok_or_else(|| not_open("--tls-port"))?));
        }
        if self.ws_port.is_some() {
            let address = broker.ws_local_addr().ok_or_else(|| not_open("--ws-port"))?;
            urls.push(format!("ws://{address}{WEBSOCKET_PATH}"));
        }
        Ok(urls)
    }

    /// A broker goes on when nobody reads what it says.
    fn announce(&self, urls: &[String]) {
        use std::io::Write;

        if self.ready {
            let _ = writeln!(std::io::stdout(), "ready {}", urls.join(" "));
        } else {
            note(format_args!("polymqtt broker: listening on {}; Ctrl-C ends it", urls.join(" ")));
        }
    }
}

/// The address, once it is known that it can be listened on. The broker's own message about a port that is taken has
/// many lines and does not name the argument.
fn free(host: IpAddr, port: u16, argument: &str) -> Result<SocketAddr, Failure> {
    let address = SocketAddr::new(host, port);
    match TcpListener::bind(address) {
        Ok(_) => Ok(address),
        Err(error) => {
            Err(Failure::new(Exit::NoConnection, format!("{argument}: can't listen on {address}: {error}")))
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
