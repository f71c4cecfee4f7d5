//! What the broker took from publishers and brought to subscribers, for invariants to be checked against.

use std::collections::BTreeMap;

use bytes::Bytes;
use polymqtt_proto::codec::PublishProperties;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::time::Timestamp;

/// Everything that happened to messages since the broker was made. A loss of sessions does not touch it.
#[derive(Debug, Default)]
pub struct Record {
    /// Messages that it took ownership of, by topic, in order of arrival. A QoS 2 message stands here once however
    /// often it was sent; a QoS 1 message may stand here again after a reconnect.
    pub accepted: BTreeMap<Utf8String, Vec<Accepted>>,
    /// PUBLISHes that named their topic by its alias only.
    pub aliased: usize,
    /// Messages that left for a subscriber for the first time, in order.
    pub delivered: Vec<Delivered>,
    /// Messages of QoS 1 and 2 that a subscriber acknowledged by PUBACK or PUBREC, in order.
    pub acknowledged: Vec<Delivered>,
    /// Wills that were published, in order.
    pub wills: Vec<Utf8String>,
    /// Connections that got a successful CONNACK.
    pub connections: usize,
    /// Of those, the ones that went on with a session.
    pub resumed: usize,
    /// Connections that were closed because nothing came for one and a half keep alive intervals.
    pub keep_alive_timeouts: usize,
    /// PINGREQs that were answered, or would have been by a broker that is not mute.
    pub pings: usize,
    /// The CONNECTs that arrived, in order.
    pub connects: Vec<polymqtt_proto::codec::Connect>,
    /// Packets other than PUBLISH in which a client said something to people or programs, in order.
    pub remarks: Vec<polymqtt_proto::codec::Packet>,
    /// The AUTHs that arrived, in order.
    pub auths: Vec<polymqtt_proto::codec::Auth>,
    /// Re-authentications that succeeded.
    pub reauthentications: usize,
    /// Reason codes of DISCONNECTs from clients, in order.
    pub disconnects: Vec<polymqtt_proto::reason::ReasonCode>,
}

/// A message taken from a publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// When it arrived.
    pub at: Timestamp,
    /// When the connection that it came on was accepted.
    pub connected_at: Timestamp,
    /// Who sent it.
    pub client_id: Utf8String,
    /// Its payload.
    pub payload: Bytes,
    /// Its quality of service.
    pub qos: QoS,
    /// Whether it was marked as sent before.
    pub dup: bool,
    /// Whether it was to be retained.
    pub retain: bool,
    /// Its properties.
    pub properties: PublishProperties,
}

/// A message sent to a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// To whom.
    pub client_id: Utf8String,
    /// The topic.
    pub topic: Utf8String,
    /// The payload.
    pub payload: Bytes,
    /// The quality of service that it went with.
    pub qos: QoS,
}

impl Record {
    /// The payloads taken for this topic, in order.
    #[must_use]
    pub fn payloads(&self, topic: &str) -> Vec<Bytes> {
        let accepted = self.accepted.get(topic).map(Vec::as_slice).unwrap_or_default();
        accepted.iter().map(|message| message.payload.clone()).collect()
    }

    /// How many messages were taken for all topics.
    #[must_use]
    pub fn accepted_count(&self) -> usize {
        self.accepted.values().map(Vec::len).sum()
    }
}
