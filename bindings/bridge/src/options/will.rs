//! The will by name (section 3.1.2.5).

use std::time::Duration;

use bytes::Bytes;
use polymqtt::{Error, ErrorKind, QoS, Will, WillProperties};

use super::error::OptionError;
use super::table::{Entry, Set, entry};

pub(super) const TABLE: &[Entry<WillParts>] = &[
    entry(
        "will.topic",
        Set::Text(|will, topic| WillParts { topic: Some(topic), ..will }),
        "The topic of the message that the server publishes when this client is gone without a goodbye; by default there \
         is no such message.",
    ),
    entry(
        "will.payload",
        Set::Bytes(|will, payload| WillParts { payload, ..will }),
        "The will's payload, of at most 65,535 bytes; by default it is empty.",
    ),
    entry(
        "will.qos",
        Set::QoS(|will, qos| WillParts { qos, ..will }),
        "The will's quality of service; by default 0.",
    ),
    entry(
        "will.retain",
        Set::Flag(|will, retain| WillParts { retain, ..will }),
        "Whether the server keeps the will for later subscribers; by default it does not.",
    ),
    entry(
        "will.delay",
        Set::Duration(|will, delay| WillParts { delay, ..will }),
        "How many whole seconds the server waits before publishing the will, so that a quick reconnect prevents it; by \
         default 0.",
    ),
    entry(
        "will.message_expiry",
        Set::Duration(|will, expiry| {
            let seconds = u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX);
            will.with(|properties| properties.message_expiry_interval = Some(seconds))
        }),
        "How many whole seconds the will lives once it is published; by default it does not expire.",
    ),
    entry(
        "will.content_type",
        Set::Utf8(|will, text| will.with(|properties| properties.content_type = Some(text))),
        "What the will's payload is, such as `application/json`; by default it is not told.",
    ),
    entry(
        "will.response_topic",
        Set::Utf8(|will, topic| will.with(|properties| properties.response_topic = Some(topic))),
        "Where an answer to the will is expected; by default none is.",
    ),
    entry(
        "will.correlation_data",
        Set::Bytes(|will, data| will.with(|properties| properties.correlation_data = Some(data))),
        "What an answer to the will is recognised by; by default there is none.",
    ),
    entry(
        "will.payload_is_utf8",
        Set::Flag(|will, is_utf8| {
            will.with(|properties| properties.payload_format_indicator = Some(is_utf8))
        }),
        "Whether the will's payload is declared to be UTF-8; by default it is not told.",
    ),
    entry(
        "will.user_properties",
        Set::UserProperties(|will, pairs| will.with(|properties| properties.user_properties = pairs)),
        "The will's user properties; by default there are none.",
    ),
];

/// As given.
#[derive(Default)]
pub(super) struct WillParts {
    topic: Option<String>,
    payload: Bytes,
    qos: QoS,
    retain: bool,
    delay: Duration,
    properties: WillProperties,
}

impl WillParts {
    fn with(mut self, set: impl FnOnce(&mut WillProperties)) -> Self {
        set(&mut self.properties);
        self
    }

    pub(super) fn together(self) -> Result<Will, OptionError> {
        let Some(topic) = self.topic else {
            return Err(OptionError::invalid("a will needs will.topic"));
        };
        let will = Will::new(topic, self.payload)
            .map_err(|error| Error::new(ErrorKind::InvalidTopic, format!("will.topic: {error}")))?;
        Ok(will.qos(self.qos).retain(self.retain).delay(self.delay).properties(self.properties))
    }
}
