//! What the broker offers, and how it misbehaves.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use polymqtt_proto::codec::{AckProperties, ConnAck};
use polymqtt_proto::qos::QoS;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::topic::TopicFilter;

use super::authenticate::BrokerAuthentication;

/// The broker's limits and habits. The default offers everything, limits nothing and answers at once.
///
/// May be changed while the broker runs; what CONNACK says holds from the next connection on.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Whether version 5 is spoken. Where it is not, CONNECT is refused in the shape of version 3.1.1.
    pub v5: bool,
    /// How many QoS 1 and 2 messages it takes at a time (v5; default 65,535).
    pub receive_maximum: u16,
    /// The highest quality of service that it takes (v5; default 2).
    pub maximum_qos: QoS,
    /// Whether it keeps retained messages (default yes).
    pub retain_available: bool,
    /// The largest packet that it takes, in bytes (default no limit).
    pub maximum_packet_size: Option<u32>,
    /// The greatest topic alias that it takes (v5; default 0, none).
    pub topic_alias_maximum: u16,
    /// The keep alive in seconds that it wants instead of the client's (v5).
    pub server_keep_alive: Option<u16>,
    /// A session expiry in seconds that it uses instead of a longer one of the client's (v5).
    pub session_expiry_limit: Option<u32>,
    /// Whether filters may hold wildcards (default yes).
    pub wildcard_subscriptions: bool,
    /// Whether subscriptions may have identifiers (default yes).
    pub subscription_identifiers: bool,
    /// Whether subscriptions may be shared (default yes).
    pub shared_subscriptions: bool,
    /// What a client with several matching subscriptions gets (default one copy).
    pub overlapping: Overlapping,
    /// Whether messages to clients use topic aliases as far as the client takes them (default no).
    pub uses_topic_aliases: bool,
    /// Reason codes for messages to these topics instead of taking them (v5).
    pub refuse_publish: Vec<(TopicFilter, ReasonCode)>,
    /// Reason codes for subscriptions to exactly these filters instead of granting them.
    pub refuse_subscribe: Vec<(TopicFilter, ReasonCode)>,
    /// Whether an acknowledgement says 0x10 when nobody subscribes to the topic (v5; default no).
    pub tells_no_subscribers: bool,
    /// What each SUBACK and UNSUBACK says besides its reason codes (v5; default nothing).
    pub remark: Option<AckProperties>,
    /// What it gives a client that asks for response information (v5; default nothing).
    pub response_information: Option<Utf8String>,
    /// What it authenticates clients by that ask for it (v5; default nothing).
    pub authentication: Option<BrokerAuthentication>,
    /// When acknowledgements leave (default at once).
    pub acks: AckPolicy,
}

/// What a client with several matching subscriptions gets (section 3.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlapping {
    /// One copy that names all of them.
    OneCopy,
    /// One copy for each.
    CopyEach,
}

/// When acknowledgements, SUBACK and UNSUBACK leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AckPolicy {
    /// At once.
    Immediate,
    /// After a random time from this range each, in order.
    Delayed(RangeInclusive<Duration>),
    /// After a random time from this range each, in any order, as nothing forbids a server.
    Scattered(RangeInclusive<Duration>),
    /// Not before [`ModelBroker::release_acks`](super::ModelBroker::release_acks).
    Held,
}

/// What happens to one connection attempt, instead of what is usual.
#[derive(Debug, Clone)]
pub enum OnConnect {
    /// What is usual.
    Accept,
    /// This CONNACK, then close.
    Refuse(Box<ConnAck>),
    /// Close without an answer.
    Drop,
    /// No answer ever, no close.
    Silent,
    /// CONNACK, and from then on nothing: not even PINGRESP.
    Mute,
    /// These bytes as an answer, the connection stays open and nothing else is sent.
    Raw(Bytes),
}

impl OnConnect {
    /// CONNACK with this reason code, then close.
    #[must_use]
    pub fn refuse(reason_code: ReasonCode) -> Self {
        Self::Refuse(Box::new(ConnAck { reason_code, ..ConnAck::default() }))
    }
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            v5: true,
            receive_maximum: u16::MAX,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            server_keep_alive: None,
            session_expiry_limit: None,
            wildcard_subscriptions: true,
            subscription_identifiers: true,
            shared_subscriptions: true,
            overlapping: Overlapping::OneCopy,
            uses_topic_aliases: false,
            refuse_publish: Vec::new(),
            refuse_subscribe: Vec::new(),
            tells_no_subscribers: false,
            remark: None,
            response_information: None,
            authentication: None,
            acks: AckPolicy::Immediate,
        }
    }
}
