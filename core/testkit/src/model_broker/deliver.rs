//! Messages to clients: as many as they take, the rest waits.

use std::num::NonZeroU16;

use polymqtt_proto::codec::{Ack, Delivery, Packet, Publish, SubscriptionIdentifier, Version};
use polymqtt_proto::qos::QoS;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::time::Timestamp;

use super::link::{Link, LinkId, Phase};
use super::outgoing::{Copy, InFlight, Outgoing, Stage};
use super::{Delivered, ModelBroker, Record};

impl ModelBroker {
    /// Sends every connected client what it may get now.
    pub(super) fn deliver_all(&mut self, now: Timestamp) {
        for session in self.sessions.values_mut() {
            let Some(id) = session.link else {
                continue;
            };
            let Some(link) = self.links.get_mut(&id).filter(|link| link.phase == Phase::Connected) else {
                continue;
            };
            let uses_aliases = self.config.uses_topic_aliases;
            send_again(link, id, &mut session.outgoing);
            send_waiting(now, link, id, &mut session.outgoing, uses_aliases, &mut self.record);
        }
    }
}

/// What an earlier connection left unacknowledged, in order [MQTT-4.4.0-1].
fn send_again(link: &mut Link, id: LinkId, outgoing: &mut Outgoing) {
    let mut room = link.receive_maximum.saturating_sub(outgoing.outstanding(id));
    for sent in outgoing.in_flight.iter_mut().filter(|sent| sent.sent_on != id) {
        match sent.stage {
            Stage::Released => link.send(&Packet::PubRel(Ack::success(sent.id))),
            Stage::Published if room == 0 => break,
            Stage::Published => {
                let publish = publish(&sent.copy, delivery(sent, true), None, None);
                expect_ack(link, sent);
                link.send(&Packet::Publish(publish));
            }
        }
        sent.sent_on = id;
        room = room.saturating_sub(1);
    }
}

fn send_waiting(
    now: Timestamp,
    link: &mut Link,
    id: LinkId,
    outgoing: &mut Outgoing,
    uses_aliases: bool,
    record: &mut Record,
) {
    let mut room = link.receive_maximum.saturating_sub(outgoing.outstanding(id));
    if outgoing.in_flight.iter().any(|sent| sent.sent_on != id) {
        room = 0;
    }
    let mut kept = std::collections::VecDeque::new();
    for copy in std::mem::take(&mut outgoing.waiting) {
        if copy.message.has_expired(now) {
            continue;
        }
        let at_most_once = copy.qos == QoS::AtMostOnce;
        if !at_most_once && room == 0 {
            kept.push_back(copy);
            continue;
        }
        let expiry = copy.message.expiry_left(now);
        let largest = publish(&copy, Delivery::AtMostOnce, None, expiry).encoded_len(link.version) + 2;
        if largest > link.maximum_packet_size {
            continue;
        }
        let alias = if uses_aliases { alias_for(link, &copy.message.topic) } else { None };
        record.delivered.push(Delivered {
            client_id: link.client_id.clone(),
            topic: copy.message.topic.clone(),
            payload: copy.message.payload.clone(),
            qos: copy.qos,
        });
        if at_most_once {
            link.send(&Packet::Publish(publish(&copy, Delivery::AtMostOnce, alias, expiry)));
            continue;
        }
        let Some(packet_id) = outgoing.free_id() else {
            kept.push_back(copy);
            room = 0;
            continue;
        };
        room -= 1;
        let sent = InFlight { id: packet_id, copy, stage: Stage::Published, sent_on: id };
        expect_ack(link, &sent);
        link.send(&Packet::Publish(publish(&sent.copy, delivery(&sent, false), alias, expiry)));
        outgoing.in_flight.push(sent);
    }
    outgoing.waiting = kept;
}

fn delivery(sent: &InFlight, dup: bool) -> Delivery {
    match sent.copy.qos {
        QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id: sent.id, dup },
        QoS::AtLeastOnce | QoS::AtMostOnce => Delivery::AtLeastOnce { packet_id: sent.id, dup },
    }
}

fn expect_ack(link: &mut Link, sent: &InFlight) {
    match sent.copy.qos {
        QoS::ExactlyOnce => link.expects_pubrec.push_back(sent.id),
        QoS::AtLeastOnce | QoS::AtMostOnce => link.expects_puback.push_back(sent.id),
    }
}

/// The alias for the topic, and whether it is known to the client already.
fn alias_for(link: &mut Link, topic: &Utf8String) -> Option<(NonZeroU16, bool)> {
    if link.version == Version::V311 {
        return None;
    }
    if let Some(alias) = link.aliases_out.get(topic) {
        return NonZeroU16::new(*alias).map(|alias| (alias, true));
    }
    let next =
        u16::try_from(link.aliases_out.len() + 1).ok().filter(|next| *next <= link.topic_alias_maximum)?;
    link.aliases_out.insert(topic.clone(), next);
    NonZeroU16::new(next).map(|alias| (alias, false))
}

fn publish(
    copy: &Copy,
    delivery: Delivery,
    alias: Option<(NonZeroU16, bool)>,
    expiry: Option<u32>,
) -> Publish {
    let mut properties = copy.message.properties.clone();
    properties.message_expiry_interval = expiry.or(properties.message_expiry_interval);
    let known = alias.is_some_and(|(_, known)| known);
    Publish {
        delivery,
        retain: copy.retain,
        topic: if known { Utf8String::default() } else { copy.message.topic.clone() },
        topic_alias: alias.map(|(alias, _)| alias),
        subscription_identifiers: copy
            .identifiers
            .iter()
            .copied()
            .filter_map(SubscriptionIdentifier::new)
            .collect(),
        properties: Some(Box::new(properties)),
        payload: copy.message.payload.clone(),
    }
}
