//! A small MQTT broker in virtual time, strict about what clients do.
//!
//! It has no socket and no clock: connections are byte streams that the caller moves, time is an argument. Whatever a
//! client does against the specification is kept as a [`Violation`], so that a test can assert that there was none.
//! It shares nothing with the client but the codec.

mod acknowledge;
mod authenticate;
mod config;
mod deliver;
mod handshake;
mod incoming;
mod link;
mod message;
mod outgoing;
mod publish;
mod record;
mod session;
mod subscribe;
mod violation;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::BytesMut;
use polymqtt_proto::codec::{
    AckProperties, Disconnect, DisconnectProperties, Packet, PacketType, Version, take_frames,
};
use polymqtt_proto::qos::PacketId;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::TopicFilter;

pub use authenticate::{AuthenticationFault, BrokerAuthentication, BrokerMethod};
pub use config::{AckPolicy, BrokerConfig, OnConnect, Overlapping};
pub use link::LinkId;
pub use message::BrokerMessage;
pub use record::{Accepted, Delivered, Record};
pub use violation::Violation;

use link::{Link, Phase};
use session::Session;
use violation::Broken;

/// The broker. Any number of clients may be connected.
#[derive(Debug)]
pub struct ModelBroker {
    /// What it offers and how it misbehaves.
    pub config: BrokerConfig,
    /// What happens to the next connection attempts, one entry each; when it is empty they are accepted.
    pub on_connect: VecDeque<OnConnect>,
    links: BTreeMap<LinkId, Link>,
    sessions: BTreeMap<Utf8String, Session>,
    retained: BTreeMap<Utf8String, BrokerMessage>,
    /// Whose turn it is in each shared subscription.
    turns: BTreeMap<Utf8String, usize>,
    record: Record,
    violations: Vec<Violation>,
    opened: u64,
    assigned: u64,
    rng: fastrand::Rng,
}

impl ModelBroker {
    /// A broker without clients; `seed` decides random delays.
    #[must_use]
    pub fn new(config: BrokerConfig, seed: u64) -> Self {
        Self {
            config,
            on_connect: VecDeque::new(),
            links: BTreeMap::new(),
            sessions: BTreeMap::new(),
            retained: BTreeMap::new(),
            turns: BTreeMap::new(),
            record: Record::default(),
            violations: Vec::new(),
            opened: 0,
            assigned: 0,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// A client opened a connection.
    pub fn open(&mut self, now: Timestamp) -> LinkId {
        self.opened += 1;
        let id = LinkId(self.opened);
        self.links.insert(id, Link::new(now, self.config.clone()));
        id
    }

    /// Takes the bytes that a client sent, in any portions.
    pub fn bytes(&mut self, id: LinkId, now: Timestamp, received: &mut BytesMut) {
        let Some(link) = self.links.get_mut(&id) else {
            received.clear();
            return;
        };
        if link.phase == Phase::Over {
            if link.said_goodbye && !received.is_empty() {
                self.report(now, id, Broken::new("MQTT-3.14.4-1", "bytes after DISCONNECT"));
            }
            received.clear();
            return;
        }
        link.tail.extend_from_slice(received);
        received.clear();
        link.last_heard = now;
        self.take_packets(id, now);
        self.deliver_all(now);
    }

    fn take_packets(&mut self, id: LinkId, now: Timestamp) {
        loop {
            let Some(link) = self.links.get_mut(&id) else {
                return;
            };
            // Version 3.1.1 can't be told.
            let maximum = link.offered.maximum_packet_size.filter(|_| link.version == Version::V5);
            let maximum = maximum.unwrap_or(u32::MAX);
            let mut frames = match take_frames(&mut link.tail, maximum) {
                Ok(frames) if frames.is_empty() => return,
                Ok(frames) => frames,
                Err(error) => {
                    let statement = if error.reason_code() == ReasonCode::PacketTooLarge {
                        "MQTT-3.2.2-15"
                    } else {
                        "MQTT-4.13.1-1"
                    };
                    self.fail(now, id, error.reason_code(), Broken::new(statement, error.to_string()));
                    return;
                }
            };
            while let Some(frame) = frames.next() {
                let Some(link) = self.links.get(&id) else {
                    return;
                };
                let goodbye = link.said_goodbye;
                let packet = match link.phase {
                    Phase::Over if goodbye => {
                        self.report(now, id, Broken::new("MQTT-3.14.4-1", "a packet after DISCONNECT"));
                        return;
                    }
                    Phase::Over => return,
                    _ => Packet::decode(link.version, &frame),
                };
                match packet {
                    Ok(packet) => self.packet(id, now, packet),
                    Err(error) => {
                        self.fail(
                            now,
                            id,
                            error.reason_code(),
                            Broken::new("MQTT-4.13.1-1", error.to_string()),
                        );
                    }
                }
            }
        }
    }

    fn packet(&mut self, id: LinkId, now: Timestamp, packet: Packet) {
        if has_remark(&packet) {
            self.record.remarks.push(packet.clone());
        }
        let phase = self.links.get(&id).map(|link| link.phase);
        match (phase, packet) {
            (Some(Phase::Opened), Packet::Connect(connect)) => self.connect(id, now, *connect),
            (Some(Phase::Opened), other) => {
                let what = format!("{} as the first packet", other.packet_type());
                self.fail(now, id, ReasonCode::ProtocolError, Broken::new("MQTT-3.1.0-1", what));
            }
            (Some(Phase::Authenticating), other)
                if !matches!(other, Packet::Auth(_) | Packet::Disconnect(_)) =>
            {
                let what = format!("{} before CONNACK", other.packet_type());
                self.fail(now, id, ReasonCode::ProtocolError, Broken::new("MQTT-3.1.2-30", what));
            }
            (_, Packet::Connect(_)) => {
                let broken = Broken::new("MQTT-3.1.0-2", "a second CONNECT");
                self.fail(now, id, ReasonCode::ProtocolError, broken);
            }
            (_, Packet::Publish(publish)) => self.publish_from(id, now, &publish),
            (_, Packet::PubRel(ack)) => self.pubrel(id, now, &ack),
            (_, Packet::PubAck(ack)) => self.puback(id, now, &ack),
            (_, Packet::PubRec(ack)) => self.pubrec(id, now, &ack),
            (_, Packet::PubComp(ack)) => self.pubcomp(id, now, &ack),
            (_, Packet::Subscribe(subscribe)) => self.subscribe(id, now, subscribe),
            (_, Packet::Unsubscribe(unsubscribe)) => self.unsubscribe(id, now, &unsubscribe),
            (_, Packet::PingReq) => {
                self.record.pings += 1;
                self.send(id, &Packet::PingResp);
            }
            (_, Packet::Disconnect(disconnect)) => self.goodbye(id, now, &disconnect),
            (_, Packet::Auth(auth)) => self.auth(id, now, &auth),
            (_, other) => {
                let what = format!("{} from a client", other.packet_type());
                self.fail(now, id, ReasonCode::ProtocolError, Broken::new("MQTT-4.13.1-1", what));
            }
        }
    }

    fn goodbye(&mut self, id: LinkId, now: Timestamp, disconnect: &Disconnect) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let expiry = disconnect.properties.as_ref().and_then(|properties| properties.session_expiry_interval);
        let raised = link.requested_expiry == 0 && expiry.is_some_and(|expiry| expiry > 0);
        link.said_goodbye = true;
        if disconnect.reason_code == ReasonCode::Success {
            link.will = None;
        }
        let client_id = link.client_id.clone();
        link.finish();
        self.record.disconnects.push(disconnect.reason_code);
        if raised {
            self.report(now, id, Broken::new("3.14.2.2.2", "DISCONNECT raises a session expiry of zero"));
        }
        if let (Some(session), Some(expiry)) = (self.sessions.get_mut(&client_id), expiry) {
            session.expiry = expiry;
        }
        self.detach(id, now);
    }

    /// What is to be sent to the client; the caller takes it away.
    ///
    /// `None` for a connection that is closed.
    pub fn output(&mut self, id: LinkId) -> Option<&mut BytesMut> {
        self.links.get_mut(&id).map(|link| &mut link.output)
    }

    /// Whether the broker has ended the connection: once [`ModelBroker::output`] is empty, close it.
    #[must_use]
    pub fn wants_close(&self, id: LinkId) -> bool {
        self.links.get(&id).is_none_or(|link| link.wants_close)
    }

    /// The connection is gone.
    pub fn closed(&mut self, id: LinkId, now: Timestamp) {
        self.detach(id, now);
        self.links.remove(&id);
        self.deliver_all(now);
    }

    /// When [`ModelBroker::advance`] is to be called at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let links = self.links.values().flat_map(|link| [link.keep_alive_deadline(), link.reply_deadline()]);
        let sessions = self
            .sessions
            .values()
            .flat_map(|session| [session.ends_at, session.will.as_ref().map(|(_, at)| *at)]);
        links.chain(sessions).flatten().min()
    }

    /// Does what is due by now.
    pub fn advance(&mut self, now: Timestamp) {
        let late =
            self.links.iter().filter(|(_, link)| link.keep_alive_deadline().is_some_and(|at| at <= now));
        for id in late.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.record.keep_alive_timeouts += 1;
            self.end(now, id, ReasonCode::KeepAliveTimeout);
        }
        self.send_replies(now);
        self.advance_sessions(now);
        self.deliver_all(now);
    }

    /// Sends all acknowledgements that [`AckPolicy::Held`] held back.
    pub fn release_acks(&mut self, now: Timestamp) {
        for link in self.links.values_mut() {
            for (due, _) in &mut link.replies {
                due.get_or_insert(now);
            }
        }
        self.advance(now);
    }

    /// Publishes a message as another client would.
    pub fn publish(&mut self, now: Timestamp, message: BrokerMessage) {
        self.route(now, &message.starting(now));
        self.deliver_all(now);
    }

    /// Ends every connection of this client, with a DISCONNECT where the version has it.
    pub fn disconnect(&mut self, now: Timestamp, client_id: &str, reason: ReasonCode) {
        for id in self.links_of(client_id) {
            self.end(now, id, reason);
        }
    }

    /// Ends every connection of this client with this DISCONNECT (v5).
    pub fn disconnect_with(
        &mut self,
        now: Timestamp,
        client_id: &str,
        properties: &DisconnectProperties,
        reason: ReasonCode,
    ) {
        for id in self.links_of(client_id) {
            let packet = Disconnect { reason_code: reason, properties: Some(Box::new(properties.clone())) };
            self.send(id, &Packet::Disconnect(packet));
            self.finish(now, id);
        }
    }

    /// Sends these bytes to the client as they are.
    pub fn send_raw(&mut self, client_id: &str, bytes: &[u8]) {
        for id in self.links_of(client_id) {
            if let Some(link) = self.links.get_mut(&id) {
                link.output.extend_from_slice(bytes);
            }
        }
    }

    /// Sends nothing any more on this client's connections.
    pub fn mute(&mut self, client_id: &str) {
        for id in self.links_of(client_id) {
            if let Some(link) = self.links.get_mut(&id) {
                link.mute = true;
            }
        }
    }

    /// Forgets all sessions, as a broker does that is killed; their connections close without a word. Retained messages
    /// stay.
    pub fn lose_sessions(&mut self) {
        self.sessions.clear();
        for link in self.links.values_mut() {
            link.output.clear();
            link.finish();
        }
    }

    /// What happened to messages.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What clients did against the specification, in order.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Whether there is a session with this client identifier.
    #[must_use]
    pub fn has_session(&self, client_id: &str) -> bool {
        self.sessions.contains_key(client_id)
    }

    /// The filters that this client subscribes to, in order of subscribing.
    #[must_use]
    pub fn filters(&self, client_id: &str) -> Vec<TopicFilter> {
        let subscriptions = self.sessions.get(client_id).map(|session| &session.subscriptions);
        subscriptions.into_iter().flatten().map(|subscription| subscription.filter.clone()).collect()
    }

    /// Messages of QoS 1 and 2 for this client that are not acknowledged yet, sent or not.
    #[must_use]
    pub fn pending(&self, client_id: &str) -> usize {
        let outgoing = self.sessions.get(client_id).map(|session| &session.outgoing);
        outgoing.map_or(0, |outgoing| outgoing.waiting.len() + outgoing.in_flight.len())
    }

    /// Messages of QoS 1 and 2 that were sent to this client on its present connection and are not acknowledged yet.
    #[must_use]
    pub fn unacknowledged(&self, client_id: &str) -> usize {
        let Some(session) = self.sessions.get(client_id) else {
            return 0;
        };
        session.link.map_or(0, |link| session.outgoing.outstanding(link))
    }

    fn links_of(&self, client_id: &str) -> Vec<LinkId> {
        let is_theirs = |link: &Link| link.phase == Phase::Connected && link.client_id == client_id;
        self.links.iter().filter(|(_, link)| is_theirs(link)).map(|(id, _)| *id).collect()
    }

    fn send(&mut self, id: LinkId, packet: &Packet) {
        if let Some(link) = self.links.get_mut(&id) {
            link.send(packet);
        }
    }

    fn report(&mut self, at: Timestamp, link: LinkId, broken: Broken) {
        self.violations.push(Violation { at, link, statement: broken.statement, what: broken.what });
    }

    /// Reports a broken rule and ends the connection for it.
    fn fail(&mut self, now: Timestamp, id: LinkId, reason: ReasonCode, broken: Broken) {
        self.report(now, id, broken);
        self.end(now, id, reason);
    }

    /// Ends a connection, with DISCONNECT where the version and the moment allow it.
    fn end(&mut self, now: Timestamp, id: LinkId, reason: ReasonCode) {
        let connected = |link: &Link| link.phase == Phase::Connected && link.version == Version::V5;
        if self.links.get(&id).is_some_and(connected) && reason.is_allowed_in(PacketType::Disconnect) {
            self.send(id, &Packet::Disconnect(Disconnect::with_reason(reason)));
        }
        self.finish(now, id);
    }

    fn finish(&mut self, now: Timestamp, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.finish();
        }
        self.detach(id, now);
    }

    /// Queues an answer, to leave when the configuration says.
    fn reply(&mut self, now: Timestamp, id: LinkId, packet: Packet) {
        let due = match &self.config.acks {
            AckPolicy::Immediate => Some(now),
            AckPolicy::Held => None,
            AckPolicy::Delayed(range) | AckPolicy::Scattered(range) => {
                let micros = |duration: &Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
                let wait = self.rng.u64(micros(range.start())..=micros(range.end()));
                Some(now + Duration::from_micros(wait))
            }
        };
        let scattered = matches!(self.config.acks, AckPolicy::Scattered(_));
        if let Some(link) = self.links.get_mut(&id) {
            let later =
                |(other, _): &(Option<Timestamp>, Packet)| other.is_none_or(|other| Some(other) > due);
            let place =
                link.replies.iter().position(later).filter(|_| scattered).unwrap_or(link.replies.len());
            link.replies.insert(place, (due, packet));
        }
        self.send_replies(now);
    }

    fn send_replies(&mut self, now: Timestamp) {
        for link in self.links.values_mut() {
            while let Some((Some(due), _)) = link.replies.front() {
                if *due > now {
                    break;
                }
                let Some((_, packet)) = link.replies.pop_front() else {
                    break;
                };
                if let Some(session) = self.sessions.get_mut(&link.client_id)
                    && let Some((id, is_error)) = answers(&packet)
                {
                    session.incoming.answered(link, packet.packet_type(), id, is_error);
                }
                link.send(&packet);
            }
        }
    }
}

fn answers(packet: &Packet) -> Option<(PacketId, bool)> {
    match packet {
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) => {
            Some((ack.packet_id, ack.reason_code.is_error()))
        }
        Packet::SubAck(ack) => Some((ack.packet_id, false)),
        Packet::UnsubAck(ack) => Some((ack.packet_id, false)),
        _ => None,
    }
}

/// Whether a packet other than PUBLISH carries a reason string, user properties, or a reason code that is not success.
fn has_remark(packet: &Packet) -> bool {
    let said = |properties: &Option<Box<AckProperties>>| properties.is_some();
    match packet {
        Packet::PubAck(ack) | Packet::PubRec(ack) => {
            ack.reason_code != ReasonCode::Success || said(&ack.properties)
        }
        Packet::Subscribe(subscribe) => !subscribe.properties.user_properties.is_empty(),
        Packet::Unsubscribe(unsubscribe) => !unsubscribe.user_properties.is_empty(),
        Packet::Disconnect(disconnect) => disconnect.properties.is_some(),
        _ => false,
    }
}
