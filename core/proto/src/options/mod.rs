//! Everything a user can set, with its default: one description for every language.
//!
//! [`Options`] holds what the user said, as said. [`Options::check`] turns it into [`Settings`], which are known to
//! be within the specification's bounds and free of contradictions; the engine takes nothing else.

mod authentication;
mod credentials;
mod header;
mod queue;
mod reconnect;
mod redirect;
mod responses;
mod server;
mod settings;
mod tls;
mod version;
mod will;

use std::time::Duration;

pub(crate) use authentication::AuthenticationSettings;
pub use authentication::{Authentication, Scram};
pub use credentials::Credentials;
pub use header::Header;
pub(crate) use responses::ResponseSettings;
use responses::Responses;

pub use queue::{QueueOptions, WhenFull};
pub use reconnect::ReconnectOptions;
pub use redirect::RedirectOptions;
pub use server::{Scheme, Server};
pub use settings::Settings;
pub use tls::{ClientCertificate, Pem, TlsOptions};
pub use version::ProtocolVersion;
pub use will::Will;

use crate::error::{Error, ErrorKind};

/// What a user asks of a client. Start from [`Options::new`] with the server's URL; each setter takes and gives back
/// the whole, so that they chain.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) servers: Vec<Server>,
    pub(crate) version: ProtocolVersion,
    pub(crate) client_id: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) credentials_from_host: bool,
    pub(crate) authentication: Option<Authentication>,
    pub(crate) clean_start: bool,
    pub(crate) session_expiry: Option<Duration>,
    pub(crate) on_session_lost: OnSessionLost,
    pub(crate) keep_alive: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) keep_trying: bool,
    pub(crate) subscribe_timeout: Duration,
    pub(crate) unclaimed_timeout: Duration,
    pub(crate) will: Option<Will>,
    pub(crate) receive_maximum: u16,
    pub(crate) maximum_packet_size: u32,
    pub(crate) verify_payload_format: bool,
    pub(crate) topic_alias_maximum: u16,
    pub(crate) outgoing_topic_aliases: u16,
    pub(crate) user_properties: Vec<(String, String)>,
    pub(crate) queue: QueueOptions,
    pub(crate) reconnect: Option<ReconnectOptions>,
    pub(crate) redirect: RedirectOptions,
    pub(crate) tls: TlsOptions,
    pub(crate) websocket_headers: Vec<Header>,
    pub(crate) responses: Responses,
}

/// What becomes of messages in flight when the server turns out to have lost the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnSessionLost {
    /// QoS 1 is sent again as a new message, so that the server may get it twice; QoS 2 ends indeterminate.
    ///
    /// One loss can't be seen: when the server loses the session and the CONNACK that would say so is lost too, the
    /// next one tells of the new session. QoS 2 messages in flight are then sent again, and the server may get them
    /// twice.
    #[default]
    Resend,
    /// Everything in flight ends: QoS 1 as session lost, since sending it again may help; QoS 2 indeterminate.
    Fail,
}

/// Bytes that no log and no `Debug` shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Options {
    /// Options for the server at `url`, all else at its default.
    ///
    /// | form | connects by | port unless given |
    /// |---|---|---|
    /// | `mqtt://[user[:password]@]host[:port]` | TCP | 1883 |
    /// | `mqtts://[user[:password]@]host[:port]` | TLS | 8883 |
    /// | `ws://[user[:password]@]host[:port][/path][?query]` | WebSocket | 80 |
    /// | `wss://[user[:password]@]host[:port][/path][?query]` | WebSocket over TLS | 443 |
    /// | `unix:///path/of/socket` | Unix domain socket | |
    ///
    /// User name and password, percent-encoded, are taken as MQTT's credentials. The path of a WebSocket is `/mqtt`
    /// unless one is written, be it a mere `/`. No log shows the query.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] when the URL can't be read or its scheme is not one of these.
    pub fn new(url: &str) -> Result<Self, Error> {
        let (server, username, password) = Server::parse(url)?;
        Ok(Self {
            servers: vec![server],
            version: ProtocolVersion::V5,
            client_id: String::new(),
            username,
            password: password.map(|password| Secret(password.into_bytes())),
            credentials_from_host: false,
            authentication: None,
            clean_start: true,
            session_expiry: None,
            on_session_lost: OnSessionLost::default(),
            keep_alive: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(30),
            keep_trying: false,
            subscribe_timeout: Duration::from_secs(30),
            unclaimed_timeout: Duration::from_secs(30),
            will: None,
            receive_maximum: 1024,
            maximum_packet_size: 16 * 1024 * 1024,
            verify_payload_format: false,
            topic_alias_maximum: 32,
            outgoing_topic_aliases: 16,
            user_properties: Vec::new(),
            queue: QueueOptions::default(),
            reconnect: Some(ReconnectOptions::default()),
            redirect: RedirectOptions::default(),
            tls: TlsOptions::default(),
            websocket_headers: Vec::new(),
            responses: Responses::default(),
        })
    }

    /// One more server, tried in turn when the ones before can't be reached.
    ///
    /// # Errors
    /// As [`Options::new`]; credentials in this URL are an error, since one set serves all servers.
    pub fn fallback(mut self, url: &str) -> Result<Self, Error> {
        let (server, username, password) = Server::parse(url)?;
        if username.is_some() || password.is_some() {
            return Err(Error::new(
                ErrorKind::InvalidOption,
                "credentials belong to the first URL or the options, not to a fallback URL",
            ));
        }
        self.servers.push(server);
        Ok(self)
    }

    /// The client identifier [MQTT-3.1.3-2]; by default the server assigns one (v5) or one is generated (v3.1.1).
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// The user name [MQTT-3.1.3-12]; none by default.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// The password: any bytes (section 3.1.3.6); none by default. No log shows it.
    #[must_use]
    pub fn password(mut self, password: impl Into<Vec<u8>>) -> Self {
        self.password = Some(Secret(password.into()));
        self
    }

    /// Whether the engine asks its host for credentials before each attempt; not by default.
    #[must_use]
    pub fn credentials_from_host(mut self, asked: bool) -> Self {
        self.credentials_from_host = asked;
        self
    }

    /// Whether the first connect discards a session that the server may still have [MQTT-3.1.2-4]; it does by default.
    /// Reconnects always go on with the session.
    #[must_use]
    pub fn clean_start(mut self, clean_start: bool) -> Self {
        self.clean_start = clean_start;
        self
    }

    /// How long the server keeps the session after the connection ends, to the second (section 3.1.2.11.2).
    ///
    /// By default 5 minutes, so that reconnecting loses nothing, and an orderly disconnect ends it; a session
    /// expiry that is set here holds after an orderly disconnect too. [`Duration::MAX`] means that it does not expire.
    #[must_use]
    pub fn session_expiry(mut self, expiry: Duration) -> Self {
        self.session_expiry = Some(expiry);
        self
    }

    /// What becomes of messages in flight when the server has lost the session; by default QoS 1 is sent again.
    #[must_use]
    pub fn on_session_lost(mut self, choice: OnSessionLost) -> Self {
        self.on_session_lost = choice;
        self
    }

    /// The longest time without a packet either way before a PINGREQ [MQTT-3.1.2-20], to the second; the default is
    /// 60 seconds, zero switches it off.
    #[must_use]
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// How long one attempt to connect may take, CONNACK included, and how long authenticating again may; the default
    /// is 30 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Whether the first connect goes on trying after a failure, as reconnects do; by default a first failure is an
    /// error.
    #[must_use]
    pub fn keep_trying(mut self, keep_trying: bool) -> Self {
        self.keep_trying = keep_trying;
        self
    }

    /// How long SUBSCRIBE and UNSUBSCRIBE wait for the server's answer, time without a connection included; the
    /// default is 30 seconds.
    #[must_use]
    pub fn subscribe_timeout(mut self, timeout: Duration) -> Self {
        self.subscribe_timeout = timeout;
        self
    }

    /// How long a QoS 1 or 2 message of a session that lasts, or that was asked for by [`Options::clean_start`] being off,
    /// waits, unacknowledged, for a subscription of the program that its topic matches; then it goes to the stream of unclaimed messages, if that is open, or is acknowledged
    /// and counted as dropped. The default is 30 seconds; at most 1,024 messages and 8 MiB wait.
    #[must_use]
    pub fn unclaimed_timeout(mut self, timeout: Duration) -> Self {
        self.unclaimed_timeout = timeout;
        self
    }

    /// The message that the server publishes when this client is gone without a goodbye; none by default.
    #[must_use]
    pub fn will(mut self, will: Will) -> Self {
        self.will = Some(will);
        self
    }

    /// How many QoS 1 and 2 messages the server may send before the first of them is acknowledged (v5, section
    /// 3.1.2.11.3), from 1; the default is 1,024.
    #[must_use]
    pub fn receive_maximum(mut self, maximum: u16) -> Self {
        self.receive_maximum = maximum;
        self
    }

    /// The largest packet this client takes, in bytes (section 3.1.2.11.4); the default is 16 MiB. A larger one ends
    /// the connection.
    #[must_use]
    pub fn maximum_packet_size(mut self, bytes: u32) -> Self {
        self.maximum_packet_size = bytes;
        self
    }

    /// Whether a received message whose payload format indicator promises UTF-8 is looked at, and refused with reason
    /// code 0x99 (at QoS 0: dropped, and counted) if it is not (v5, section 3.3.2.3.2); not by default.
    #[must_use]
    pub fn verify_payload_format(mut self, verify: bool) -> Self {
        self.verify_payload_format = verify;
        self
    }

    /// How many topic aliases the server may assign (v5, section 3.1.2.11.5); the default is 32, 0 none.
    #[must_use]
    pub fn topic_alias_maximum(mut self, maximum: u16) -> Self {
        self.topic_alias_maximum = maximum;
        self
    }

    /// How many topic aliases this client assigns, if the server takes as many (v5, section 3.3.2.3.4); the default is
    /// 16, 0 none. The topics published to most recently have one: their messages go without the topic's name.
    #[must_use]
    pub fn outgoing_topic_aliases(mut self, most: u16) -> Self {
        self.outgoing_topic_aliases = most;
        self
    }

    /// A user property of the CONNECT packet (v5); may be given several times.
    #[must_use]
    pub fn user_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.user_properties.push((name.into(), value.into()));
        self
    }

    /// The bounds of the queue of messages that wait to be sent, and what happens when it is full.
    #[must_use]
    pub fn queue(mut self, queue: QueueOptions) -> Self {
        self.queue = queue;
        self
    }

    /// How reconnecting waits; `None` means that a lost connection is not opened again.
    #[must_use]
    pub fn reconnect(mut self, reconnect: impl Into<Option<ReconnectOptions>>) -> Self {
        self.reconnect = reconnect.into();
        self
    }

    /// How TLS connections are verified; see [`TlsOptions`].
    #[must_use]
    pub fn tls(mut self, tls: TlsOptions) -> Self {
        self.tls = tls;
        self
    }

    /// The largest packet this client takes, in bytes, as it stands.
    #[must_use]
    pub fn packet_size_limit(&self) -> u32 {
        self.maximum_packet_size
    }

    /// The queue's options as they stand.
    #[must_use]
    pub fn queue_options(&self) -> &QueueOptions {
        &self.queue
    }

    /// The TLS options as they stand.
    #[must_use]
    pub fn tls_options(&self) -> &TlsOptions {
        &self.tls
    }
}

impl TryFrom<&str> for Options {
    type Error = Error;

    fn try_from(url: &str) -> Result<Self, Error> {
        Self::new(url)
    }
}

impl TryFrom<String> for Options {
    type Error = Error;

    fn try_from(url: String) -> Result<Self, Error> {
        Self::new(&url)
    }
}

impl TryFrom<&String> for Options {
    type Error = Error;

    fn try_from(url: &String) -> Result<Self, Error> {
        Self::new(url)
    }
}
