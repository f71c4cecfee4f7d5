//! What the server granted with CONNACK (section 3.2), and the checks against it.

use std::time::Duration;

use crate::codec::{
    ConnAck, Delivery, PublishHead, SubscriptionIdentifiers, SubscriptionOptions, UserProperties, Version,
};
use crate::error::{Error, ErrorKind};
use crate::message::Message;
use crate::qos::{PacketId, QoS};
use crate::reason::ReasonCode;
use crate::text::Utf8String;
use crate::topic::TopicFilter;

/// What the server granted for one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whether the server had a session to go on with [MQTT-3.2.2-3].
    pub session_present: bool,
    /// The client identifier in use, the server's where it assigned one [MQTT-3.2.2-16].
    pub client_id: Utf8String,
    /// How long the server keeps the session after the connection; `None` when it does not expire.
    pub session_expiry: Option<Duration>,
    /// The keep alive in use, in seconds, the server's where it set one [MQTT-3.2.2-21]; 0 is off.
    pub keep_alive: u16,
    /// What the server takes.
    pub limits: Limits,
    /// What response topics may be made from (section 3.2.2.3.15).
    pub response_information: Option<Utf8String>,
    /// The server's own words, for people only.
    pub reason_string: Option<Utf8String>,
    /// The user properties of CONNACK.
    pub user_properties: UserProperties,
}

/// What the server takes; honoured before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The protocol version in use.
    pub version: Version,
    /// How many QoS 1 and 2 messages may be on their way at once [MQTT-3.3.4-7].
    pub receive_maximum: u16,
    /// The highest quality of service [MQTT-3.2.2-11].
    pub maximum_qos: QoS,
    /// Whether messages may be retained [MQTT-3.2.2-14].
    pub retain_available: bool,
    /// The largest packet in bytes [MQTT-3.2.2-15]; `None` without a limit.
    pub maximum_packet_size: Option<u32>,
    /// Topic aliases that the server accepts (section 3.2.2.3.8).
    pub topic_alias_maximum: u16,
    /// Whether filters may hold wildcards (section 3.2.2.3.11).
    pub wildcard_subscriptions: bool,
    /// Whether subscriptions may have identifiers (section 3.2.2.3.12).
    pub subscription_identifiers: bool,
    /// Whether subscriptions may be shared (section 3.2.2.3.13).
    pub shared_subscriptions: bool,
}

impl Grant {
    /// Reads a successful CONNACK. `client_id`, `session_expiry` and `keep_alive` are those of CONNECT, in seconds.
    pub(crate) fn new(
        version: Version,
        connack: &ConnAck,
        client_id: &Utf8String,
        session_expiry: u32,
        keep_alive: u16,
    ) -> Self {
        let properties = &connack.properties;
        let v5 = version == Version::V5;
        let expiry = properties.session_expiry_interval.unwrap_or(session_expiry);
        Self {
            session_present: connack.session_present,
            client_id: properties.assigned_client_identifier.as_ref().unwrap_or(client_id).detach(),
            session_expiry: (expiry != u32::MAX).then(|| Duration::from_secs(expiry.into())),
            keep_alive: properties.server_keep_alive.unwrap_or(keep_alive),
            limits: Limits {
                version,
                receive_maximum: properties.receive_maximum.unwrap_or(u16::MAX),
                maximum_qos: properties.maximum_qos.unwrap_or(QoS::ExactlyOnce),
                retain_available: properties.retain_available.unwrap_or(true),
                maximum_packet_size: properties.maximum_packet_size,
                topic_alias_maximum: properties.topic_alias_maximum.unwrap_or(0),
                wildcard_subscriptions: properties.wildcard_subscription_available.unwrap_or(true),
                subscription_identifiers: v5 && properties.subscription_identifiers_available.unwrap_or(true),
                shared_subscriptions: properties.shared_subscription_available.unwrap_or(true),
            },
            response_information: properties.response_information.as_ref().map(Utf8String::detach),
            reason_string: properties.reason_string.as_ref().map(Utf8String::detach),
            user_properties: properties.user_properties.clone(),
        }
    }
}

impl Limits {
    /// Whether the server takes this message.
    #[inline]
    pub(crate) fn check_message(&self, message: &Message) -> Result<(), Error> {
        if message.properties.is_some() && self.version == Version::V311 {
            return Err(Error::new(ErrorKind::Unsupported, "a message's properties need MQTT 5"));
        }
        if message.qos > self.maximum_qos {
            return Err(self.above_maximum_qos(message.qos));
        }
        if message.retain && !self.retain_available {
            return Err(Error::new(ErrorKind::Unsupported, "the server does not keep retained messages")
                .with_reason_code(ReasonCode::RetainNotSupported));
        }
        match self.maximum_packet_size {
            Some(maximum) => self.check_size(message, maximum),
            None => Ok(()),
        }
    }

    /// Whether the server takes a subscription to this filter.
    pub(crate) fn check_filter(
        &self,
        filter: &TopicFilter,
        options: &SubscriptionOptions,
    ) -> Result<(), Error> {
        if self.version == Version::V311 {
            check_v311(options)?;
        }
        let unsupported = |what: &str, code| {
            Err(Error::new(ErrorKind::Unsupported, format!("{what}, as {filter:?} needs"))
                .with_reason_code(code))
        };
        if filter.is_shared() {
            if !self.shared_subscriptions {
                let code = ReasonCode::SharedSubscriptionsNotSupported;
                return unsupported("the server has no shared subscriptions", code);
            }
            if options.no_local {
                return Err(Error::new(
                    ErrorKind::InvalidOption,
                    "no_local is not allowed for a shared subscription [MQTT-3.8.3-4]",
                ));
            }
        }
        if filter.has_wildcards() && !self.wildcard_subscriptions {
            let code = ReasonCode::WildcardSubscriptionsNotSupported;
            return unsupported("the server has no wildcard subscriptions", code);
        }
        Ok(())
    }

    /// Counts the full topic even where an alias would shorten it, so that the answer does not depend on luck.
    fn check_size(&self, message: &Message, maximum: u32) -> Result<(), Error> {
        let delivery = match message.qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            _ => Delivery::AtLeastOnce { packet_id: PacketId::MAX, dup: false },
        };
        let size = PublishHead {
            delivery,
            retain: message.retain,
            topic: message.topic(),
            topic_alias: None,
            subscription_identifiers: &SubscriptionIdentifiers::NONE,
            properties: message.properties(),
            payload_len: message.payload.len(),
        }
        .encoded_len(self.version);
        if size <= maximum as usize {
            return Ok(());
        }
        let what = format!("the packet would have {size} bytes: the server takes at most {maximum}");
        Err(Error::new(ErrorKind::PacketTooLarge, what).with_reason_code(ReasonCode::PacketTooLarge))
    }

    fn above_maximum_qos(&self, qos: QoS) -> Error {
        let (qos, maximum) = (qos as u8, self.maximum_qos as u8);
        let what = format!("the message has QoS {qos}: the server takes at most QoS {maximum}");
        Error::new(ErrorKind::Unsupported, what).with_reason_code(ReasonCode::QoSNotSupported)
    }
}

/// Of the subscription options, version 3.1.1 has only the quality of service.
pub(crate) fn check_v311(options: &SubscriptionOptions) -> Result<(), Error> {
    if !options.needs_v5() {
        return Ok(());
    }
    let what = "no_local, retain_as_published and retain_handling need MQTT 5";
    Err(Error::new(ErrorKind::Unsupported, what))
}
