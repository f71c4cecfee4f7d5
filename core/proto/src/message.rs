//! An application message: what a program publishes and what it receives.

use bytes::Bytes;

use crate::codec::{PacketType, PublishProperties, UserProperties, Version};
use crate::error::{Error, ErrorKind};
use crate::qos::QoS;
use crate::reason::ReasonCode;
use crate::session::AckRef;
use crate::text::Utf8String;
use crate::topic::{TopicError, TopicName};

/// A payload of at most this many bytes is copied when it is kept, so that it does not pin the read buffer it came in.
const COPY_LIMIT: usize = 4096;

/// Stands where a topic was.
const TAKEN: Utf8String = Utf8String::from_static("-");

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

    /// Changes the quality of service.
    #[inline]
    pub fn set_qos(&mut self, qos: QoS) {
        self.qos = qos;
    }

    /// Changes whether the server is to keep it for later subscribers [MQTT-3.3.1-5].
    pub fn set_retain(&mut self, retain: bool) {
        self.retain = retain;
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

    /// The answer to this message, when that is a request (v5, section 4.10): to its response topic, with its correlation
    /// data, at its quality of service.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidMessage`] when the message has no response topic, and so expects no answer;
    /// [`ErrorKind::InvalidTopic`] when that is no topic name [MQTT-3.3.2-14].
    pub fn response(&self, payload: impl Into<Bytes>) -> Result<Self, Error> {
        let properties = self.properties();
        let Some(topic) = properties.and_then(|properties| properties.response_topic.as_ref()) else {
            let what = format!("the message to {:?} is no request: it has no response topic", self.topic());
            return Err(Error::new(ErrorKind::InvalidMessage, what));
        };
        let mut response = Self::to(TopicName::try_from(topic.detach())?, payload).with_qos(self.qos);
        if let Some(data) = properties.and_then(|properties| properties.correlation_data.as_ref()) {
            response.properties_mut().correlation_data = Some(Bytes::copy_from_slice(data));
        }
        Ok(response)
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

    /// Whether the server waits for an acknowledgement of this received message (QoS 1 and 2).
    #[must_use]
    #[inline]
    pub fn owes_acknowledgement(&self) -> bool {
        !self.ack.is_none()
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
        let properties = self.properties.map(|properties| Box::new(properties.detach()));
        Self { topic: self.topic.detach(), payload: detached(self.payload), properties, ..self }
    }

    /// What is left of a received message once a host has copied its topic and payload for itself: its properties, and
    /// what it is acknowledged by, to the topic `-`. It shares no buffer.
    #[must_use]
    pub fn without_content(self) -> Self {
        let properties = self.properties.map(|properties| Box::new(properties.detach()));
        Self { topic: TopicName::of_publish(TAKEN), payload: Bytes::new(), properties, ..self }
    }

    /// Bytes of memory that the message holds while it waits, as the queues' bounds count them.
    pub(crate) fn size(&self) -> usize {
        self.topic.as_str().len() + self.payload.len() + size_of::<Self>()
    }
}

/// What a program answers to a received message of QoS 1 or 2 (sections 3.4 and 3.5), where it is more than that the
/// message was taken (v5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Success by default; a failure, such as [`ReasonCode::NotAuthorized`], tells the server that the message is
    /// refused: it does not send it again.
    pub reason_code: ReasonCode,
    /// Words for people (section 3.4.2.2.2). Left out where the server would not take so large a packet.
    pub reason_string: Option<Utf8String>,
    /// User properties (section 3.4.2.2.3). Left out where the server would not take so large a packet.
    pub user_properties: UserProperties,
}

impl Acknowledgement {
    /// An answer with a reason code alone.
    #[must_use]
    pub fn with_reason(reason_code: ReasonCode) -> Self {
        Self { reason_code, ..Self::default() }
    }

    /// Whether a client may say this in a PUBACK or PUBREC.
    pub(crate) fn check(&self, version: Version) -> Result<(), Error> {
        if version == Version::V311 && *self != Self::default() {
            return Err(Error::new(ErrorKind::Unsupported, "what an acknowledgement says needs MQTT 5"));
        }
        let code = self.reason_code;
        if !code.is_allowed_in(PacketType::PubAck) || code == ReasonCode::NoMatchingSubscribers {
            let what = format!("a received message can't be acknowledged by {code} (section 3.4.2.1)");
            return Err(Error::new(ErrorKind::InvalidOption, what));
        }
        Ok(())
    }
}

fn detached(payload: Bytes) -> Bytes {
    if payload.len() <= COPY_LIMIT { Bytes::copy_from_slice(&payload) } else { payload }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(properties: PublishProperties) -> Message {
        Message::new("rows/7", "").unwrap().with_qos(QoS::AtLeastOnce).with_properties(properties)
    }

    #[test]
    fn an_answer_goes_to_the_response_topic_with_the_correlation_data() {
        let properties = PublishProperties {
            response_topic: Some(Utf8String::from_static("answers/me")),
            correlation_data: Some(Bytes::from_static(b"\0seven")),
            content_type: Some(Utf8String::from_static("text/plain")),
            ..PublishProperties::default()
        };
        let response = request(properties).response("42").unwrap();
        assert_eq!(
            (response.topic(), response.payload(), response.qos()),
            ("answers/me", &b"42"[..], QoS::AtLeastOnce)
        );
        let correlation_data = Some(Bytes::from_static(b"\0seven"));
        let expected = PublishProperties { correlation_data, ..PublishProperties::default() };
        assert_eq!(response.properties(), Some(&expected));
    }

    #[test]
    fn a_message_that_expects_no_answer_has_none() {
        let kind = |message: Message| message.response("").unwrap_err().kind();
        assert_eq!(kind(Message::new("a", "").unwrap()), ErrorKind::InvalidMessage);
        assert_eq!(kind(request(PublishProperties::default())), ErrorKind::InvalidMessage);
        let response_topic = Some(Utf8String::from_static("answers/#"));
        assert_eq!(
            kind(request(PublishProperties { response_topic, ..PublishProperties::default() })),
            ErrorKind::InvalidTopic
        );
    }
}
