//! Messages from clients.

use polymqtt_proto::codec::{Ack, Packet, Publish, Version};
use polymqtt_proto::qos::QoS;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::TopicName;

use super::incoming::{Arrival, Release};
use super::link::LinkId;
use super::message::BrokerMessage;
use super::violation::Broken;
use super::{Accepted, ModelBroker};

impl ModelBroker {
    pub(super) fn publish_from(&mut self, id: LinkId, now: Timestamp, publish: &Publish) {
        if let Some((reason, broken)) = self.beyond_limits(id, publish) {
            self.fail(now, id, reason, broken);
            return;
        }
        let Some(topic) = self.resolve_alias(id, now, publish) else {
            return;
        };
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let (version, client_id, connected_at) = (link.version, link.client_id.clone(), link.connected_at);
        let Some(session) = self.sessions.get_mut(&client_id) else {
            return;
        };
        let mut broken = Vec::new();
        let arrival = session.incoming.publish(link, publish.delivery, &topic, &publish.payload, &mut broken);
        for broken in broken {
            self.report(now, id, broken);
        }
        let refused = self.config.refuse_publish.iter().find(|(filter, _)| filter.matches(&topic));
        let refused = refused.map(|(_, reason)| *reason).filter(|_| version == Version::V5);
        if refused.is_some() && publish.delivery.qos() > QoS::AtMostOnce {
            self.acknowledge(id, now, publish, refused.unwrap_or_default());
            return;
        }
        let mut reason = ReasonCode::Success;
        if arrival == Arrival::New && refused.is_none() {
            let message = BrokerMessage::from_publish(now, publish, topic.clone(), client_id.clone());
            self.record.accepted.entry(topic.clone()).or_default().push(Accepted {
                at: now,
                connected_at,
                client_id,
                payload: publish.payload.clone(),
                qos: publish.delivery.qos(),
                dup: publish.delivery.dup(),
                retain: publish.retain,
                properties: publish.properties.as_deref().cloned().unwrap_or_default(),
            });
            let subscribers = self.route(now, &message);
            if subscribers == 0 && self.config.tells_no_subscribers && version == Version::V5 {
                reason = ReasonCode::NoMatchingSubscribers;
            }
        }
        self.acknowledge(id, now, publish, reason);
    }

    fn acknowledge(&mut self, id: LinkId, now: Timestamp, publish: &Publish, reason: ReasonCode) {
        let Some(packet_id) = publish.delivery.packet_id() else {
            return;
        };
        let ack = Ack::with_reason(packet_id, reason);
        let packet = match publish.delivery.qos() {
            QoS::ExactlyOnce => Packet::PubRec(ack),
            QoS::AtLeastOnce | QoS::AtMostOnce => Packet::PubAck(ack),
        };
        self.reply(now, id, packet);
    }

    /// What of the limits in CONNACK the message ignores.
    fn beyond_limits(&self, id: LinkId, publish: &Publish) -> Option<(ReasonCode, Broken)> {
        let link = self.links.get(&id)?;
        let config = &link.offered;
        let qos = publish.delivery.qos();
        if link.version == Version::V311 {
            return None;
        }
        if !publish.subscription_identifiers.is_empty() {
            let broken = Broken::new("MQTT-3.3.4-6", "PUBLISH with a subscription identifier");
            return Some((ReasonCode::ProtocolError, broken));
        }
        if qos > config.maximum_qos {
            let broken = Broken::new("MQTT-3.2.2-11", format!("PUBLISH at QoS {qos}"));
            return Some((ReasonCode::QoSNotSupported, broken));
        }
        if publish.retain && !config.retain_available {
            return Some((
                ReasonCode::RetainNotSupported,
                Broken::new("MQTT-3.2.2-14", "PUBLISH with RETAIN"),
            ));
        }
        // One that is sent again does not count twice.
        let counted = publish.delivery.packet_id().is_some_and(|id| !link.outstanding.contains(&id));
        if counted && link.outstanding.len() >= usize::from(config.receive_maximum) {
            let what = format!("{} messages in flight", link.outstanding.len() + 1);
            return Some((ReasonCode::ReceiveMaximumExceeded, Broken::new("MQTT-3.3.4-7", what)));
        }
        let alias = publish.topic_alias?.get();
        if alias > config.topic_alias_maximum {
            let broken = Broken::new("MQTT-3.2.2-17", format!("topic alias {alias}"));
            return Some((ReasonCode::TopicAliasInvalid, broken));
        }
        None
    }

    /// The topic that is meant; `None` when the connection ends for it.
    fn resolve_alias(&mut self, id: LinkId, now: Timestamp, publish: &Publish) -> Option<Utf8String> {
        let link = self.links.get_mut(&id)?;
        let alias = publish.topic_alias;
        let known = match alias {
            None => Some(publish.topic.clone()),
            Some(alias) if publish.topic.is_empty() => {
                self.record.aliased += 1;
                link.aliases_in.get(&alias.get()).cloned()
            }
            Some(alias) => {
                link.aliases_in.insert(alias.get(), publish.topic.clone());
                Some(publish.topic.clone())
            }
        };
        let Some(topic) = known.and_then(|topic| TopicName::try_from(topic).ok()) else {
            let broken = Broken::new("3.3.2.3.4", "a topic alias that stands for nothing");
            self.fail(now, id, ReasonCode::ProtocolError, broken);
            return None;
        };
        Some(topic.into_text())
    }

    pub(super) fn pubrel(&mut self, id: LinkId, now: Timestamp, ack: &Ack) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&link.client_id) else {
            return;
        };
        let mut broken = Vec::new();
        let release = session.incoming.pubrel(link, ack.packet_id, &mut broken);
        for broken in broken {
            self.report(now, id, broken);
        }
        let reason = match release {
            Release::Known => ReasonCode::Success,
            Release::Unknown => ReasonCode::PacketIdentifierNotFound,
        };
        self.reply(now, id, Packet::PubComp(Ack::with_reason(ack.packet_id, reason)));
    }
}
