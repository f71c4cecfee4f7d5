//! An application message: what a program publishes and what it receives.

use bytes::Bytes;

use crate::codec::PublishProperties;
use crate::qos::QoS;
use crate::session::AckRef;
use crate::text::Utf8String;
use crate::topic::{TopicError, TopicName};

/// A payload of at most this many bytes is copied when it is kept, so that it does not pin the read buffer it came in.
const COPY_LIMIT: usize = 4096;

/// An application message (section 3.3), the same type for publishing and for receiving.
///
/// Cloning is cheap: topic and payload are shared. A received message borrows from the buffer it was read into;
/// to keep one for long, take [`Message::detach`] of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub(crate) topic: TopicName,
    pub(crate) payload: Bytes,
    pub(crate) properties: Option<Box<PublishProperties>>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) ack: AckRef,
}

impl Message {
    /// A message of QoS 0, not retained, without properties.
    ///
    /// # Errors
    /// [`TopicError`] when the topic name is empty, too long, or holds a wildcard or U+0000.
    pub fn new<T>(topic: T, payload: impl Into<Bytes>) -> Result<Self, TopicError>
    where
        T: TryInto<TopicName>,
        TopicError: From<T::Error>,
    {
        Ok(Self::to(topic.try_into()?, payload))
    }

    /// A message to a topic name that was checked before: QoS 0, not retained, without properties.
    pub fn to(topic: TopicName, payload: impl Into<Bytes>) -> Self {
        Self {
            topic,
            payload: payload.into(),
            properties: None,
            qos: QoS::AtMostOnce,
            retain: false,
            dup: false,
            ack: AckRef::NONE,
        }
    }

    /// The same message at another quality of service; the default is 0.
    #[must_use]
    pub fn with_qos(mut self, qos: QoS) -> Self {
        self.qos = qos;
        self
    }

    /// The same message, to be kept by the server for later subscribers [MQTT-3.3.1-5]; the default is not.
    #[must_use]
    pub fn with_retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }

    /// The same message with these properties (v5 only).
    #[must_use]
    pub fn with_properties(mut self, properties: PublishProperties) -> Self {
        self.properties = Some(Box::new(properties));
        self
    }

    /// The topic name.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.topic.as_str()
    }

    /// The topic name as a checked value, for publishing to it again.
    #[must_use]
    pub fn topic_name(&self) -> &TopicName {
        &self.topic
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload as text, when it is UTF-8.
    ///
    /// # Errors
    /// When the payload is not UTF-8, with the place of the first bad byte.
    pub fn text(&self) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(&self.payload)
    }

    /// The payload as bytes to keep: small ones are a copy, large ones share the buffer that was read.
    #[must_use]
    pub fn into_payload(self) -> Bytes {
        detached(self.payload)
    }

    /// The quality of service: for a received message, the one it was delivered with.
    #[must_use]
    pub fn qos(&self) -> QoS {
        self.qos
    }

    /// Publishing: whether the server is to keep it. Receiving: whether it is one that the server had kept
    /// (or, with *retain as published*, was published so).
    #[must_use]
    pub fn retain(&self) -> bool {
        self.retain
    }

    /// Whether the server marked it as sent before [MQTT-3.3.1-1]. Never set for QoS 0.
    #[must_use]
    pub fn dup(&self) -> bool {
        self.dup
    }

    /// The properties (v5 only).
    #[must_use]
    pub fn properties(&self) -> Option<&PublishProperties> {
        self.properties.as_deref()
    }

    /// The properties, to be changed; made empty where there are none.
    pub fn properties_mut(&mut self) -> &mut PublishProperties {
        self.properties.get_or_insert_with(Box::default)
    }

    /// The content type property.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.properties()?.content_type.as_ref().map(Utf8String::as_str)
    }

    /// The same message without a share in the buffer that it was read into (payloads above 4 KiB stay shared:
    /// the buffer is then mostly theirs).
    #[must_use]
    pub fn detach(self) -> Self {
        Self { topic: self.topic.detach(), payload: detached(self.payload), ..self }
    }

    /// Bytes of memory that the message holds while it waits, as the queues' bounds count them.
    pub(crate) fn size(&self) -> usize {
        self.topic.as_str().len() + self.payload.len() + size_of::<Self>()
    }
}

fn detached(payload: Bytes) -> Bytes {
    if payload.len() <= COPY_LIMIT { Bytes::copy_from_slice(&payload) } else { payload }
}
