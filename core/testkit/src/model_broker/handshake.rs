//! Sessions and connections: who meets whom, and what remains when they part.

use std::time::Duration;

use polymqtt_proto::codec::{AuthProperties, ConnAck, ConnAckProperties, Connect, Packet, Version};
use polymqtt_proto::qos::QoS;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::time::Timestamp;

use super::link::{LinkId, Phase};
use super::message::BrokerMessage;
use super::session::Session;
use super::violation::Broken;
use super::{ModelBroker, OnConnect};

impl ModelBroker {
    pub(super) fn connect(&mut self, id: LinkId, now: Timestamp, connect: Connect) {
        let behaviour = self.on_connect.pop_front().unwrap_or(OnConnect::Accept);
        self.record.connects.push(connect.clone());
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.version = connect.version;
        match behaviour {
            OnConnect::Accept | OnConnect::Mute => {
                link.mutes = matches!(behaviour, OnConnect::Mute);
                if connect.properties.authentication_method.is_some() {
                    self.authenticate(id, now, connect);
                } else {
                    self.accept(id, now, connect, &AuthProperties::default());
                }
            }
            OnConnect::Refuse(connack) => self.refuse(id, *connack),
            OnConnect::Drop => link.finish(),
            OnConnect::Silent => link.phase = Phase::Over,
            OnConnect::Raw(bytes) => {
                link.output.extend_from_slice(&bytes);
                link.phase = Phase::Over;
            }
        }
    }

    fn refuse(&mut self, id: LinkId, connack: ConnAck) {
        self.send(id, &Packet::ConnAck(Box::new(connack)));
        if let Some(link) = self.links.get_mut(&id) {
            link.finish();
        }
    }

    pub(super) fn refuse_with(&mut self, id: LinkId, reason_code: ReasonCode) {
        self.refuse(id, ConnAck { reason_code, ..ConnAck::default() });
    }

    /// Accepts the client, with the last word of its authentication.
    pub(super) fn accept(
        &mut self,
        id: LinkId,
        now: Timestamp,
        mut connect: Connect,
        last_word: &AuthProperties,
    ) {
        if let Some(reason_code) = self.objection(now, id, &connect) {
            if reason_code == ReasonCode::UnsupportedProtocolVersion
                && let Some(link) = self.links.get_mut(&id)
            {
                link.version = Version::V311;
            }
            return self.refuse_with(id, reason_code);
        }
        let mut properties = self.offer(&connect);
        properties.authentication_method.clone_from(&last_word.authentication_method);
        properties.authentication_data.clone_from(&last_word.authentication_data);
        if connect.client_id.is_empty() {
            self.assigned += 1;
            connect.client_id =
                Utf8String::try_from(format!("assigned-{}", self.assigned)).unwrap_or_default();
            properties.assigned_client_identifier = Some(connect.client_id.clone());
        }
        self.take_over(now, &connect);
        let session_present = self.sessions.contains_key(&connect.client_id);
        let session = self.sessions.entry(connect.client_id.clone()).or_default();
        let forever = if connect.clean_start { 0 } else { u32::MAX };
        let requested = match connect.version {
            Version::V5 => connect.properties.session_expiry_interval.unwrap_or(0),
            Version::V311 => forever,
        };
        session.expiry = properties.session_expiry_interval.unwrap_or(requested);
        session.link = Some(id);
        session.ends_at = None;
        // Back before the delay passed [MQTT-3.1.3-9].
        session.will = None;
        let keep_alive = properties.server_keep_alive.unwrap_or(connect.keep_alive);
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.offered = self.config.clone();
        link.requested_expiry = requested;
        link.keep_alive = Duration::from_secs(keep_alive.into());
        link.session_present = session_present;
        link.connected_at = now;
        link.will = connect.will;
        link.client_id = connect.client_id;
        link.receive_maximum = connect.properties.receive_maximum.unwrap_or(u16::MAX).into();
        let maximum = connect.properties.maximum_packet_size;
        link.maximum_packet_size = maximum.map_or(usize::MAX, |maximum| maximum as usize);
        link.topic_alias_maximum = connect.properties.topic_alias_maximum.unwrap_or(0);
        let connack = ConnAck { session_present, reason_code: ReasonCode::Success, properties };
        link.send(&Packet::ConnAck(Box::new(connack)));
        link.phase = Phase::Connected;
        link.mute = link.mutes;
        self.record.connections += 1;
        self.record.resumed += usize::from(session_present);
    }

    /// Why this CONNECT is refused.
    fn objection(&mut self, now: Timestamp, id: LinkId, connect: &Connect) -> Option<ReasonCode> {
        let v5 = connect.version == Version::V5;
        if v5 && !self.config.v5 {
            return Some(ReasonCode::UnsupportedProtocolVersion);
        }
        if !v5 && connect.client_id.is_empty() && !connect.clean_start {
            self.report(
                now,
                id,
                Broken::new("MQTT-3.1.3-7 (3.1.1)", "no client identifier and no clean session"),
            );
            return Some(ReasonCode::ClientIdentifierNotValid);
        }
        let will = connect.will.as_ref()?;
        if v5 && will.qos > self.config.maximum_qos {
            return Some(ReasonCode::QoSNotSupported);
        }
        (will.retain && !self.config.retain_available).then_some(ReasonCode::RetainNotSupported)
    }

    /// What CONNACK says about this broker, where it is not the default.
    fn offer(&self, connect: &Connect) -> ConnAckProperties {
        let config = &self.config;
        if connect.version == Version::V311 {
            return ConnAckProperties::default();
        }
        let requested = connect.properties.session_expiry_interval.unwrap_or(0);
        let unavailable = |available: bool| (!available).then_some(false);
        ConnAckProperties {
            session_expiry_interval: config.session_expiry_limit.filter(|limit| *limit < requested),
            receive_maximum: Some(config.receive_maximum).filter(|maximum| *maximum < u16::MAX),
            maximum_qos: Some(config.maximum_qos).filter(|qos| *qos < QoS::ExactlyOnce),
            retain_available: unavailable(config.retain_available),
            maximum_packet_size: config.maximum_packet_size,
            topic_alias_maximum: Some(config.topic_alias_maximum).filter(|maximum| *maximum > 0),
            wildcard_subscription_available: unavailable(config.wildcard_subscriptions),
            subscription_identifiers_available: unavailable(config.subscription_identifiers),
            shared_subscription_available: unavailable(config.shared_subscriptions),
            server_keep_alive: config.server_keep_alive,
            response_information: config
                .response_information
                .clone()
                .filter(|_| connect.properties.request_response_information == Some(true)),
            ..ConnAckProperties::default()
        }
    }

    /// Ends another connection with this client identifier [MQTT-3.1.4-3], and its session if a clean one is wanted.
    fn take_over(&mut self, now: Timestamp, connect: &Connect) {
        if let Some(other) = self.sessions.get(&connect.client_id).and_then(|session| session.link) {
            self.end(now, other, ReasonCode::SessionTakenOver);
        }
        if connect.clean_start {
            self.end_session(now, &connect.client_id);
        }
    }

    /// Parts a session from its connection.
    pub(super) fn detach(&mut self, id: LinkId, now: Timestamp) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        link.phase = Phase::Over;
        link.replies.clear();
        let will = link.will.take();
        let client_id = link.client_id.clone();
        let Some(session) = self.sessions.get_mut(&client_id).filter(|session| session.link == Some(id))
        else {
            return;
        };
        session.link = None;
        session.incoming.closed();
        session.outgoing.waiting.retain(|copy| copy.qos > QoS::AtMostOnce);
        if session.expiry < u32::MAX {
            session.ends_at = Some(now + Duration::from_secs(session.expiry.into()));
        }
        if let Some(will) = will {
            let delay = Duration::from_secs(will.properties.delay_interval.unwrap_or(0).into());
            session.will = Some((will, now + delay));
        }
        self.advance_sessions(now);
    }

    /// Publishes wills and ends sessions whose time has come.
    pub(super) fn advance_sessions(&mut self, now: Timestamp) {
        let due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let will_due = |session: &Session| due(session.will.as_ref().map(|(_, at)| *at));
        let wills = self.sessions.iter().filter(|(_, session)| will_due(session));
        for client_id in wills.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.publish_will(now, &client_id);
        }
        let ended = self.sessions.iter().filter(|(_, session)| due(session.ends_at));
        for client_id in ended.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.end_session(now, &client_id);
        }
    }

    fn end_session(&mut self, now: Timestamp, client_id: &Utf8String) {
        // A will that waits does so until its session ends at the latest [MQTT-3.1.2-8].
        self.publish_will(now, client_id);
        self.sessions.remove(client_id);
    }

    fn publish_will(&mut self, now: Timestamp, client_id: &Utf8String) {
        let Some((will, _)) = self.sessions.get_mut(client_id).and_then(|session| session.will.take()) else {
            return;
        };
        self.record.wills.push(will.topic.clone().into_text());
        let message = BrokerMessage::from_will(now, &will, client_id.clone());
        self.route(now, &message);
    }
}
