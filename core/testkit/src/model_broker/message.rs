//! A message inside the broker.

use std::time::Duration;

use bytes::Bytes;
use polymqtt_proto::codec::{Publish, PublishProperties, Will};
use polymqtt_proto::qos::QoS;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::TopicName;

/// A message on its way through the broker.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerMessage {
    /// The topic name.
    pub topic: Utf8String,
    /// The payload.
    pub payload: Bytes,
    /// The quality of service it was published with.
    pub qos: QoS,
    /// Whether it was published to be retained.
    pub retain: bool,
    /// Its properties, without what belongs to one hop.
    pub properties: PublishProperties,
    /// When it expires, if ever.
    pub(super) expires_at: Option<Timestamp>,
    /// The client that published it; empty for the broker itself.
    pub(super) publisher: Utf8String,
}

impl BrokerMessage {
    /// A message that is not retained, has no properties and does not expire.
    #[must_use]
    pub fn new(topic: &TopicName, payload: impl Into<Bytes>, qos: QoS) -> Self {
        Self {
            topic: topic.clone().into_text(),
            payload: payload.into(),
            qos,
            retain: false,
            properties: PublishProperties::default(),
            expires_at: None,
            publisher: Utf8String::default(),
        }
    }

    pub(super) fn from_publish(
        now: Timestamp,
        publish: &Publish,
        topic: Utf8String,
        publisher: Utf8String,
    ) -> Self {
        let properties = publish.properties.as_deref().cloned().unwrap_or_default();
        Self {
            topic,
            payload: publish.payload.clone(),
            qos: publish.delivery.qos(),
            retain: publish.retain,
            properties,
            expires_at: None,
            publisher,
        }
        .starting(now)
    }

    pub(super) fn from_will(now: Timestamp, will: &Will, publisher: Utf8String) -> Self {
        let of_will = &will.properties;
        let properties = PublishProperties {
            payload_format_indicator: of_will.payload_format_indicator,
            message_expiry_interval: of_will.message_expiry_interval,
            response_topic: of_will.response_topic.clone(),
            correlation_data: of_will.correlation_data.clone(),
            content_type: of_will.content_type.clone(),
            user_properties: of_will.user_properties.clone(),
        };
        Self {
            topic: will.topic.clone().into_text(),
            payload: will.payload.clone(),
            qos: will.qos,
            retain: will.retain,
            properties,
            expires_at: None,
            publisher,
        }
        .starting(now)
    }

    /// The same message, its life beginning now.
    pub(super) fn starting(mut self, now: Timestamp) -> Self {
        let seconds = self.properties.message_expiry_interval;
        self.expires_at = seconds.map(|seconds| now + Duration::from_secs(seconds.into()));
        self
    }

    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// What is left of its expiry interval, in seconds, rounded up [MQTT-3.3.2-6].
    pub(super) fn expiry_left(&self, now: Timestamp) -> Option<u32> {
        let left = self.expires_at?.since(now);
        u32::try_from(left.as_millis().div_ceil(1000)).ok()
    }
}
