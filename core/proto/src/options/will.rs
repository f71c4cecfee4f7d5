//! The message that the server publishes when a client is gone without a goodbye.

use std::time::Duration;

use bytes::Bytes;

use crate::codec;
use crate::codec::WillProperties;
use crate::error::{Error, ErrorKind};
use crate::qos::QoS;
use crate::topic::{TopicError, TopicName};

/// The will message (section 3.1.2.5).
#[derive(Debug, Clone, PartialEq)]
pub struct Will {
    topic: TopicName,
    payload: Bytes,
    qos: QoS,
    retain: bool,
    delay: Duration,
    properties: WillProperties,
}

impl Will {
    /// A will of QoS 0, not retained, published at once when the connection is lost.
    ///
    /// # Errors
    /// [`TopicError`] when the topic name breaks a rule of section 4.7.
    pub fn new<T>(topic: T, payload: impl Into<Bytes>) -> Result<Self, TopicError>
    where
        T: TryInto<TopicName>,
        TopicError: From<T::Error>,
    {
        Ok(Self {
            topic: topic.try_into()?,
            payload: payload.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            delay: Duration::ZERO,
            properties: WillProperties::default(),
        })
    }

    /// The quality of service; the default is 0.
    #[must_use]
    pub fn qos(mut self, qos: QoS) -> Self {
        self.qos = qos;
        self
    }

    /// Whether the server keeps it for later subscribers; not by default.
    #[must_use]
    pub fn retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }

    /// How long the server waits before publishing it, so that a quick reconnect prevents it (v5, to the second;
    /// section 3.1.3.2.2); the default is not at all.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Its properties (v5); [`Will::delay`] overrides their delay interval.
    #[must_use]
    pub fn properties(mut self, properties: WillProperties) -> Self {
        self.properties = properties;
        self
    }

    /// Whether it has what version 3.1.1 has not.
    pub(super) fn needs_v5(&self) -> bool {
        !self.delay.is_zero() || self.properties != WillProperties::default()
    }

    pub(super) fn check(&self) -> Result<codec::Will, Error> {
        if self.payload.len() > usize::from(u16::MAX) {
            return Err(Error::new(
                ErrorKind::InvalidOption,
                format!("the will's payload has {} bytes: at most 65,535 are allowed", self.payload.len()),
            ));
        }
        let mut properties = self.properties.clone();
        if !self.delay.is_zero() {
            properties.delay_interval = Some(u32::try_from(self.delay.as_secs()).unwrap_or(u32::MAX));
        }
        let is_utf8 = || std::str::from_utf8(&self.payload).is_ok();
        if properties.payload_format_indicator == Some(true) && !is_utf8() {
            return Err(Error::new(
                ErrorKind::InvalidOption,
                "the will's payload is not UTF-8 as its format says",
            ));
        }
        if properties.response_topic.as_ref().is_some_and(|topic| topic.contains(['+', '#'])) {
            return Err(Error::new(ErrorKind::InvalidTopic, "the will's response topic holds a wildcard"));
        }
        Ok(codec::Will {
            topic: self.topic.clone(),
            payload: self.payload.clone(),
            qos: self.qos,
            retain: self.retain,
            properties,
        })
    }
}
