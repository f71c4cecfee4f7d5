//! The orderly end: what was accepted is delivered, then DISCONNECT (section 3.14).

use std::time::Duration;

use super::life::Phase;
use super::timers::Timer;
use super::{Action, Completion, Engine, Token, Undelivered};
use crate::codec::{Disconnect, DisconnectProperties, UserProperties, Version};
use crate::error::{Error, ErrorKind};
use crate::reason::ReasonCode;
use crate::text::Utf8String;
use crate::time::Timestamp;

/// How an orderly disconnect goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisconnectOptions {
    /// How long to go on delivering what was accepted, and waiting for the answers to requests; the default is 10
    /// seconds, zero disconnects at once.
    pub timeout: Duration,
    /// Whether the server is to publish the will all the same (v5, reason code 0x04); the default is not.
    pub with_will: bool,
    /// How long the server keeps the session from now on (v5, section 3.14.2.2.2); by default as the options of the
    /// client say. Not for a session that was to end with its connection. Left out where the server would not take so
    /// large a packet.
    pub session_expiry: Option<Duration>,
    /// Words for people (v5). Left out where the server would not take so large a packet.
    pub reason_string: Option<Utf8String>,
    /// User properties (v5). Left out where the server would not take so large a packet.
    pub user_properties: UserProperties,
}

impl Default for DisconnectOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            with_will: false,
            session_expiry: None,
            reason_string: None,
            user_properties: UserProperties::new(),
        }
    }
}

/// An orderly disconnect under way.
#[derive(Debug)]
pub(super) struct Goodbye {
    pub(super) token: Token,
    options: DisconnectOptions,
    pub(super) sent: bool,
}

impl Engine {
    /// Disconnects in order: delivers what was accepted, within the timeout, then says goodbye. New operations are
    /// refused from now on. The outcome is a [`Completion::Disconnected`].
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for what version 3.1.1 can't say; [`ErrorKind::InvalidOption`] for a session expiry
    /// where the session ends with its connection (section 3.14.2.2.2). The client goes on then.
    pub fn disconnect(
        &mut self,
        now: Timestamp,
        options: DisconnectOptions,
        token: Token,
    ) -> Result<(), Error> {
        let now = self.tick(now);
        if self.life.is_ended() {
            self.complete(token, Completion::Disconnected(Undelivered::default()));
            return Ok(());
        }
        self.check_goodbye(&options)?;
        if let Some(earlier) = self.life.goodbye.take() {
            self.complete(earlier.token, Completion::Disconnected(self.undelivered()));
        }
        let timeout = options.timeout;
        self.life.goodbye = Some(Goodbye { token, options, sent: false });
        self.timers.set(Timer::Drain, Some(now + timeout));
        if timeout.is_zero() {
            self.say_goodbye();
        } else {
            self.settle_goodbye();
        }
        Ok(())
    }

    fn check_goodbye(&self, options: &DisconnectOptions) -> Result<(), Error> {
        let version = self.version();
        let plain = options.reason_string.is_none() && options.user_properties.is_empty();
        if version == Version::V311 && (options.with_will || options.session_expiry.is_some() || !plain) {
            let what =
                "a DISCONNECT with will, session expiry, reason string or user properties needs MQTT 5";
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        let lasts = options.session_expiry.is_some_and(|expiry| expiry.as_secs() > 0);
        if lasts && self.settings.session_expiry(version) == 0 {
            let what = "session_expiry: the session was to end with its connection, so it can't be kept now";
            return Err(Error::new(ErrorKind::InvalidOption, what));
        }
        Ok(())
    }

    /// Says goodbye once everything accepted is delivered.
    pub(super) fn settle_goodbye(&mut self) {
        let waits = self.life.goodbye.as_ref().is_some_and(|goodbye| !goodbye.sent);
        if !waits || !self.is_drained() {
            return;
        }
        self.stop_listening_for_responses();
        if self.is_drained() {
            self.say_goodbye();
        }
    }

    /// Whether everything accepted has been delivered, and every request answered.
    fn is_drained(&self) -> bool {
        self.queue.is_empty() && self.slots.is_empty() && self.requests.is_empty()
    }

    pub(super) fn say_goodbye(&mut self) {
        let Some(goodbye) = &mut self.life.goodbye else {
            return;
        };
        if std::mem::replace(&mut goodbye.sent, true) {
            return;
        }
        let options = goodbye.options.clone();
        self.timers.set(Timer::Drain, None);
        match self.life.phase {
            Phase::Connected => {
                self.put_disconnect(&options);
                self.close_transport(Action::Shutdown, None);
            }
            Phase::Opening | Phase::Handshaking | Phase::Verifying => {
                self.close_transport(Action::Abort, None);
            }
            Phase::Closing { established, .. } => {
                self.life.phase = Phase::Closing { reason: None, established };
            }
            Phase::Idle | Phase::Waiting | Phase::Asking(_) | Phase::Ended => self.end(None),
        }
    }

    fn put_disconnect(&mut self, options: &DisconnectOptions) {
        let version = self.version();
        let reason_code =
            if options.with_will { ReasonCode::DisconnectWithWill } else { ReasonCode::Success };
        let expiry = DisconnectProperties {
            session_expiry_interval: self.goodbye_expiry(options),
            ..DisconnectProperties::default()
        };
        let properties = DisconnectProperties {
            reason_string: options.reason_string.clone(),
            user_properties: options.user_properties.clone(),
            ..expiry.clone()
        };
        // What is only for people must not make the packet too large [MQTT-3.14.2-3], nor may anything else.
        for properties in [properties, expiry, DisconnectProperties::default()] {
            let any = properties != DisconnectProperties::default();
            let disconnect = Disconnect { reason_code, properties: any.then(|| Box::new(properties)) };
            let size = disconnect.encoded_len(version);
            if self.put_checked(size, |out| disconnect.encode(version, out)).is_none() {
                return;
            }
        }
    }

    /// Seconds, where they differ from what CONNECT said.
    fn goodbye_expiry(&self, options: &DisconnectOptions) -> Option<u32> {
        let version = self.version();
        if let Some(expiry) = options.session_expiry {
            return Some(u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX));
        }
        // The default expiry is for reconnecting only: an orderly goodbye ends the session.
        let outlives = self.settings.session_expiry(version) > 0 && !self.settings.lasting_session(version);
        (version == Version::V5 && outlives).then_some(0)
    }
}
