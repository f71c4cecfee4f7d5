//! A message from what a language's caller gave.

use std::time::Duration;

use bytes::Bytes;
use polymqtt::{Error, ErrorKind, Message, PublishProperties, QoS, UserProperties, Utf8String};

use crate::topic;

/// The arguments of a publish, unchecked; named as in every language.
#[derive(Debug, Default)]
pub struct Parts<'a> {
    /// The topic name.
    pub topic: &'a str,
    /// The payload.
    pub payload: Bytes,
    /// The quality of service: 0, 1 or 2.
    pub qos: u8,
    /// Whether the server keeps it for later subscribers.
    pub retain: bool,
    /// What belongs to version 5, if anything.
    pub properties: Option<Properties<'a>>,
}

/// The properties of a publish (v5), unchecked.
#[derive(Debug, Default)]
pub struct Properties<'a> {
    /// What the payload is, such as `application/json`.
    pub content_type: Option<&'a str>,
    /// Where an answer is expected.
    pub response_topic: Option<&'a str>,
    /// What an answer is recognised by.
    pub correlation_data: Option<Bytes>,
    /// How long the message lives, to the second.
    pub message_expiry: Option<Duration>,
    /// Whether the payload is declared to be UTF-8.
    pub payload_is_utf8: Option<bool>,
    /// User properties.
    pub user_properties: &'a [(String, String)],
}

impl Parts<'_> {
    /// The message.
    ///
    /// # Errors
    /// The first argument that breaks a rule, by its name.
    #[inline]
    pub fn message(self) -> Result<Message, Error> {
        let Self { topic, payload, qos, retain, properties } = self;
        let topic = topic::name(topic)?;
        let qos = quality(qos)?;
        let message = Message::to(topic, payload).with_qos(qos).with_retain(retain);
        match properties {
            None => Ok(message),
            Some(properties) => Ok(message.with_properties(properties.checked()?)),
        }
    }
}

impl Properties<'_> {
    fn checked(self) -> Result<PublishProperties, Error> {
        let optional = |name, value: Option<&str>| value.map(|value| text(name, value)).transpose();
        Ok(PublishProperties {
            payload_format_indicator: self.payload_is_utf8,
            message_expiry_interval: self
                .message_expiry
                .map(|expiry| u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX)),
            response_topic: optional("response_topic", self.response_topic)?,
            correlation_data: self.correlation_data,
            content_type: optional("content_type", self.content_type)?,
            user_properties: user_properties(self.user_properties)?,
        })
    }
}

/// User properties, checked.
///
/// # Errors
/// The first that MQTT can't carry.
pub fn user_properties(pairs: &[(String, String)]) -> Result<UserProperties, Error> {
    let mut checked = UserProperties::new();
    for (name, value) in pairs {
        checked.push((text("user_properties", name)?, text("user_properties", value)?));
    }
    Ok(checked)
}

/// Text that MQTT can carry, as the argument of this name.
///
/// # Errors
/// [`ErrorKind::InvalidMessage`] with the rule that it breaks.
pub fn text(name: &str, value: &str) -> Result<Utf8String, Error> {
    Utf8String::try_from(value)
        .map_err(|error| Error::new(ErrorKind::InvalidMessage, format!("{name}: {error}")))
}

/// A quality of service by its number.
///
/// # Errors
/// [`ErrorKind::InvalidMessage`] for a number that is none.
#[inline]
pub fn quality(qos: u8) -> Result<QoS, Error> {
    QoS::try_from(qos).map_err(|error| Error::new(ErrorKind::InvalidMessage, format!("qos: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |parts: Parts<'_>| parts.message().unwrap_err().to_string();
        assert!(wrong(Parts { topic: "a/#", ..Parts::default() }).starts_with("topic: "));
        assert!(wrong(Parts { topic: "a", qos: 3, ..Parts::default() }).starts_with("qos: "));
        let properties = Some(Properties { content_type: Some("a\0"), ..Properties::default() });
        assert!(wrong(Parts { topic: "a", properties, ..Parts::default() }).starts_with("content_type: "));
    }
}
