//! Options that were checked: within the specification's bounds and free of contradictions.

use std::time::Duration;

use bytes::Bytes;

use super::{
    Authentication, AuthenticationSettings, Credentials, Header, OnSessionLost, Options, ProtocolVersion,
    QueueOptions, ReconnectOptions, RedirectOptions, ResponseSettings, Responses, Server, Will,
};
use crate::codec::{self, UserProperties, Version};
use crate::error::{Error, ErrorKind};
use crate::text::Utf8String;

/// Checked options: what an engine is made from. Made by [`Options::check`] only.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) servers: Vec<Server>,
    pub(crate) version: ProtocolVersion,
    /// The first option that only version 5 has, if the user set one.
    pub(crate) needs_v5: Option<Error>,
    pub(crate) client_id: Utf8String,
    pub(crate) credentials: Credentials,
    pub(crate) credentials_from_host: bool,
    pub(crate) authentication: Option<AuthenticationSettings>,
    pub(crate) clean_start: bool,
    /// As the user set it, in seconds; `u32::MAX` does not expire.
    pub(crate) session_expiry: Option<u32>,
    pub(crate) on_session_lost: OnSessionLost,
    /// Seconds; 0 is off.
    pub(crate) keep_alive: u16,
    pub(crate) connect_timeout: Duration,
    pub(crate) keep_trying: bool,
    pub(crate) subscribe_timeout: Duration,
    pub(crate) unclaimed_timeout: Duration,
    pub(crate) will: Option<codec::Will>,
    pub(crate) receive_maximum: u16,
    pub(crate) maximum_packet_size: u32,
    pub(crate) verify_payload_format: bool,
    pub(crate) topic_alias_maximum: u16,
    pub(crate) outgoing_topic_aliases: u16,
    pub(crate) user_properties: UserProperties,
    pub(crate) queue: QueueOptions,
    pub(crate) reconnect: Option<ReconnectOptions>,
    pub(crate) websocket_headers: Vec<Header>,
    pub(crate) redirect: RedirectOptions,
    pub(crate) responses: ResponseSettings,
}

impl Options {
    /// Checks every option.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] with the option's name and what is allowed; [`ErrorKind::Unsupported`] for one
    /// that the chosen protocol version does not have.
    pub fn check(&self) -> Result<Settings, Error> {
        let credentials = Credentials {
            username: self.username.as_deref().map(|name| text("username", name)).transpose()?,
            password: self.password.as_ref().map(|password| Bytes::copy_from_slice(&password.0)),
            headers: Vec::new(),
        };
        credentials.check()?;
        self.websocket_headers.iter().try_for_each(Header::check)?;
        let needs_v5 = self.check_v311().err();
        if let (ProtocolVersion::V311, Some(error)) = (self.version, &needs_v5) {
            return Err(error.clone());
        }
        if self.receive_maximum == 0 {
            return Err(invalid("receive_maximum is 0: it must be between 1 and 65,535"));
        }
        if self.maximum_packet_size < SMALLEST_PACKET_SIZE {
            return Err(invalid(format!(
                "maximum_packet_size is {}: it must be at least {SMALLEST_PACKET_SIZE} bytes",
                self.maximum_packet_size
            )));
        }
        if self.queue.max_messages == 0 || self.queue.max_bytes == 0 {
            return Err(invalid("the queue's bounds must be at least 1 message and 1 byte"));
        }
        if let Some(reconnect) = &self.reconnect
            && reconnect.longest < reconnect.shortest
        {
            return Err(invalid("reconnect: the longest wait is shorter than the shortest"));
        }
        if self.connect_timeout.is_zero() || self.subscribe_timeout.is_zero() {
            return Err(invalid("connect_timeout and subscribe_timeout must be longer than zero"));
        }
        if self.tls.alpn.iter().any(|protocol| protocol.is_empty() || protocol.len() > 255) {
            return Err(invalid("alpn: a protocol's name must have 1 to 255 bytes"));
        }
        Ok(Settings {
            servers: self.servers.clone(),
            version: self.version,
            needs_v5,
            client_id: text("client_id", &self.client_id)?,
            credentials,
            credentials_from_host: self.credentials_from_host,
            authentication: self.authentication.as_ref().map(Authentication::check).transpose()?,
            clean_start: self.clean_start,
            session_expiry: self.session_expiry.map(seconds),
            on_session_lost: self.on_session_lost,
            keep_alive: keep_alive(self.keep_alive)?,
            connect_timeout: self.connect_timeout,
            keep_trying: self.keep_trying,
            subscribe_timeout: self.subscribe_timeout,
            unclaimed_timeout: self.unclaimed_timeout,
            will: self.will.as_ref().map(Will::check).transpose()?,
            receive_maximum: self.receive_maximum,
            maximum_packet_size: self.maximum_packet_size,
            verify_payload_format: self.verify_payload_format,
            topic_alias_maximum: self.topic_alias_maximum,
            outgoing_topic_aliases: self.outgoing_topic_aliases,
            user_properties: self
                .user_properties
                .iter()
                .map(|(name, value)| Ok((text("user_property", name)?, text("user_property", value)?)))
                .collect::<Result<_, Error>>()?,
            queue: self.queue,
            reconnect: self.reconnect,
            websocket_headers: self.websocket_headers.clone(),
            redirect: self.redirect,
            responses: self.responses.check()?,
        })
    }

    /// Whether version 3.1.1 has all that is asked for.
    fn check_v311(&self) -> Result<(), Error> {
        let unsupported =
            |what: &str| Err(Error::new(ErrorKind::Unsupported, format!("{what} needs MQTT 5")));
        if !self.user_properties.is_empty() {
            return unsupported("user_property");
        }
        if self.authentication.is_some() {
            return unsupported("authentication");
        }
        if self.session_expiry.is_some() {
            return unsupported("session_expiry (with 3.1.1, clean_start decides whether the session lasts)");
        }
        if self.password.is_some() && self.username.is_none() {
            return unsupported("a password without a user name");
        }
        if self.will.as_ref().is_some_and(Will::needs_v5) {
            return unsupported("a will's delay and properties");
        }
        if self.responses != Responses::default() {
            return unsupported("response_topic_prefix and ask_response_information");
        }
        if !self.clean_start && self.client_id.is_empty() {
            return Err(invalid(
                "client_id is empty: with MQTT 3.1.1, going on with a session (clean_start = false) needs one [MQTT-3.1.3-7]",
            ));
        }
        Ok(())
    }
}

impl Settings {
    /// Seconds that the server is to keep the session. With version 3.1.1 it ends with its connection, or never.
    pub(crate) fn session_expiry(&self, version: Version) -> u32 {
        match version {
            Version::V5 => self.session_expiry.unwrap_or(DEFAULT_SESSION_EXPIRY),
            Version::V311 if self.clean_start => 0,
            Version::V311 => u32::MAX,
        }
    }

    /// Whether the user asked for a session that outlives an orderly disconnect.
    pub(crate) fn lasting_session(&self, version: Version) -> bool {
        match version {
            Version::V5 => self.session_expiry.is_some_and(|expiry| expiry > 0),
            Version::V311 => !self.clean_start,
        }
    }
}

/// A CONNACK with a reason string and a server reference must fit.
const SMALLEST_PACKET_SIZE: u32 = 128;

/// Five minutes: long enough for a reconnect to find its session.
const DEFAULT_SESSION_EXPIRY: u32 = 300;

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOption, message)
}

pub(super) fn text(option: &str, value: &str) -> Result<Utf8String, Error> {
    Utf8String::try_from(value).map_err(|error| invalid(format!("{option}: {error}")))
}

pub(super) fn check_password(password: &[u8]) -> Result<(), Error> {
    if password.len() > usize::from(u16::MAX) {
        return Err(invalid(format!(
            "the password has {} bytes: at most 65,535 are allowed",
            password.len()
        )));
    }
    Ok(())
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

fn keep_alive(duration: Duration) -> Result<u16, Error> {
    let too_long =
        |_| invalid(format!("keep_alive is {} s: at most 65,535 s are allowed", duration.as_secs()));
    let seconds = u16::try_from(duration.as_secs()).map_err(too_long)?;
    if seconds == 0 && !duration.is_zero() {
        return Err(invalid(
            "keep_alive is below one second: it must be 0 (off) or from 1 to 65,535 seconds",
        ));
    }
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options::new("mqtt://localhost").unwrap()
    }

    fn refused(options: &Options) -> (ErrorKind, String) {
        let error = options.check().unwrap_err();
        (error.kind(), error.to_string())
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let settings = options().check().unwrap();
        assert_eq!(settings.keep_alive, 60);
        assert_eq!(settings.session_expiry(Version::V5), 300);
        assert!(!settings.lasting_session(Version::V5) && settings.clean_start && !settings.keep_trying);
        assert_eq!((settings.receive_maximum, settings.maximum_packet_size), (1024, 16 * 1024 * 1024));
        assert_eq!((settings.queue.max_messages, settings.queue.max_bytes), (10_000, 64 * 1024 * 1024));
    }

    #[test]
    fn each_refusal_names_its_option() {
        for (options, word) in [
            (options().client_id("a\0"), "client_id"),
            (options().username("\0"), "username"),
            (options().receive_maximum(0), "receive_maximum"),
            (options().maximum_packet_size(1), "maximum_packet_size"),
            (options().keep_alive(Duration::from_secs(65_536)), "keep_alive"),
            (options().keep_alive(Duration::from_millis(5)), "keep_alive"),
            (options().password(vec![0; 65_536]), "password"),
            (options().user_property("k", "\0"), "user_property"),
        ] {
            let (kind, message) = refused(&options);
            assert_eq!(kind, ErrorKind::InvalidOption);
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn what_only_v5_has_is_unsupported_in_v311() {
        let v311 = || options().version(Version::V311);
        assert_eq!(refused(&v311().user_property("a", "b")).0, ErrorKind::Unsupported);
        assert_eq!(refused(&v311().session_expiry(Duration::from_secs(1))).0, ErrorKind::Unsupported);
        assert_eq!(refused(&v311().password("x")).0, ErrorKind::Unsupported);
        assert_eq!(refused(&v311().clean_start(false)).0, ErrorKind::InvalidOption);
        assert!(v311().clean_start(false).client_id("a").check().unwrap().lasting_session(Version::V311));
    }

    #[test]
    fn auto_takes_what_only_v5_has_and_remembers_it() {
        let auto = options().version(ProtocolVersion::Auto);
        assert!(auto.clone().check().unwrap().needs_v5.is_none());
        let settings = auto.user_property("a", "b").check().unwrap();
        assert_eq!(settings.needs_v5.unwrap().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn secrets_are_not_shown() {
        let options = Options::new("mqtt://u:hunter2@localhost").unwrap();
        let settings = options.check().unwrap();
        assert!(!format!("{options:?} {settings:?}").contains("hunter2"));
    }
}
