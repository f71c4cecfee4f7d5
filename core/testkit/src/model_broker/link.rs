//! One network connection, from the broker's end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::BytesMut;
use polymqtt_proto::codec::{Packet, Version, Will};
use polymqtt_proto::qos::PacketId;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::time::Timestamp;

use super::authenticate::{BrokerAuthentication, Exchange};
use super::config::BrokerConfig;

/// Names a connection; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub(super) u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// No CONNECT yet.
    Opened,
    /// CONNECT came, its authentication is under way.
    Authenticating,
    /// CONNACK was sent.
    Connected,
    /// Nothing that arrives is looked at any more.
    Over,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) phase: Phase,
    pub(super) version: Version,
    pub(super) client_id: Utf8String,
    pub(super) session_present: bool,
    /// When it was accepted.
    pub(super) connected_at: Timestamp,
    /// Received bytes that are no whole packet yet.
    pub(super) tail: BytesMut,
    pub(super) output: BytesMut,
    pub(super) wants_close: bool,
    pub(super) mute: bool,
    /// Whether it is mute after its CONNACK.
    pub(super) mutes: bool,
    /// The configuration as CONNACK told it.
    pub(super) offered: BrokerConfig,
    /// Whether the client said goodbye.
    pub(super) said_goodbye: bool,
    /// The method that CONNECT named, and where the exchange stands.
    pub(super) authenticates_by: Option<BrokerAuthentication>,
    pub(super) exchange: Option<Exchange>,
    pub(super) keep_alive: Duration,
    pub(super) last_heard: Timestamp,
    pub(super) will: Option<Will>,
    /// The expiry of CONNECT in seconds, which DISCONNECT may not raise from zero.
    pub(super) requested_expiry: u32,
    /// What the client takes.
    pub(super) receive_maximum: usize,
    pub(super) maximum_packet_size: usize,
    pub(super) topic_alias_maximum: u16,
    /// Topics by the aliases that the client assigned.
    pub(super) aliases_in: BTreeMap<u16, Utf8String>,
    /// Aliases that the broker assigned.
    pub(super) aliases_out: BTreeMap<Utf8String, u16>,
    /// Acknowledgements that wait to leave, in order; `None` is never by itself.
    pub(super) replies: VecDeque<(Option<Timestamp>, Packet)>,
    /// Identifiers of PUBLISHes that came on this connection.
    pub(super) published: BTreeSet<PacketId>,
    /// Of those, the ones that still count against the broker's receive maximum.
    pub(super) outstanding: BTreeSet<PacketId>,
    /// The sequence of the last PUBLISH that was sent again here, and of the last PUBREL.
    pub(super) last_resent: u64,
    pub(super) last_released: u64,
    /// Identifiers of PUBLISHes sent here, in the order in which PUBACK and PUBREC must come.
    pub(super) expects_puback: VecDeque<PacketId>,
    pub(super) expects_pubrec: VecDeque<PacketId>,
}

impl Link {
    pub(super) fn new(now: Timestamp, offered: BrokerConfig) -> Self {
        Self {
            phase: Phase::Opened,
            version: Version::V5,
            client_id: Utf8String::default(),
            session_present: false,
            connected_at: now,
            tail: BytesMut::new(),
            output: BytesMut::new(),
            wants_close: false,
            mute: false,
            mutes: false,
            offered,
            said_goodbye: false,
            authenticates_by: None,
            exchange: None,
            keep_alive: Duration::ZERO,
            last_heard: now,
            will: None,
            requested_expiry: 0,
            receive_maximum: usize::from(u16::MAX),
            maximum_packet_size: usize::MAX,
            topic_alias_maximum: 0,
            aliases_in: BTreeMap::new(),
            aliases_out: BTreeMap::new(),
            replies: VecDeque::new(),
            published: BTreeSet::new(),
            outstanding: BTreeSet::new(),
            last_resent: 0,
            last_released: 0,
            expects_puback: VecDeque::new(),
            expects_pubrec: VecDeque::new(),
        }
    }

    /// Appends the packet to what is sent, unless the connection is over, mute, or the packet larger than the client
    /// takes [MQTT-3.1.2-24].
    pub(super) fn send(&mut self, packet: &Packet) {
        let fits = packet.encoded_len(self.version) <= self.maximum_packet_size;
        if self.phase == Phase::Over || self.mute || !fits {
            return;
        }
        if let Err(error) = packet.encode(self.version, &mut self.output) {
            debug_assert!(false, "the broker can't write {packet:?}: {error}");
        }
    }

    /// The end: what was written still leaves, nothing else happens.
    pub(super) fn finish(&mut self) {
        self.phase = Phase::Over;
        self.wants_close = true;
        self.replies.clear();
    }

    /// When the client has been silent for too long [MQTT-3.1.2-22].
    pub(super) fn keep_alive_deadline(&self) -> Option<Timestamp> {
        let watched = self.phase == Phase::Connected && !self.keep_alive.is_zero();
        watched.then(|| self.last_heard + self.keep_alive * 3 / 2)
    }

    /// When the next acknowledgement leaves.
    pub(super) fn reply_deadline(&self) -> Option<Timestamp> {
        self.replies.front().and_then(|(due, _)| *due)
    }
}
