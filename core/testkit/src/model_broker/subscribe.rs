//! Subscriptions, and which messages are for whom.

use polymqtt_proto::codec::{
    Packet, PacketType, RetainHandling, SubAck, Subscribe, SubscriptionOptions, UnsubAck, Unsubscribe,
};
use polymqtt_proto::qos::QoS;
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::TopicFilter;

use super::link::LinkId;
use super::message::BrokerMessage;
use super::outgoing::Copy;
use super::session::{Session, Subscription};
use super::violation::Broken;
use super::{ModelBroker, Overlapping};

impl ModelBroker {
    pub(super) fn subscribe(&mut self, id: LinkId, now: Timestamp, subscribe: Subscribe) {
        if let Some((reason, broken)) = self.not_offered(id, &subscribe) {
            self.fail(now, id, reason, broken);
            return;
        }
        let packet_id = subscribe.packet_id;
        let identifier = subscribe.properties.subscription_identifier;
        self.request(id, now, PacketType::Subscribe, packet_id);
        let mut reason_codes = Vec::new();
        let mut granted = Vec::new();
        for (filter, options) in subscribe.filters {
            let refused = self.config.refuse_subscribe.iter().find(|(refused, _)| *refused == filter);
            if let Some((_, reason)) = refused {
                reason_codes.push(*reason);
                continue;
            }
            let qos = options.maximum_qos;
            reason_codes.push(match qos {
                QoS::AtMostOnce => ReasonCode::Success,
                QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
                QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
            });
            let subscription = Subscription { filter, options, identifier };
            let is_new = self.session_of(id).is_some_and(|session| session.subscribe(subscription.clone()));
            granted.push((subscription, is_new));
        }
        let properties = self.config.remark.clone().map(Box::new);
        self.reply(now, id, Packet::SubAck(SubAck { packet_id, reason_codes, properties }));
        for (subscription, is_new) in granted {
            self.send_retained(id, now, &subscription, is_new);
        }
    }

    /// What of the limits in CONNACK the request ignores.
    fn not_offered(&self, id: LinkId, subscribe: &Subscribe) -> Option<(ReasonCode, Broken)> {
        let config = &self.links.get(&id)?.offered;
        if subscribe.properties.subscription_identifier.is_some() && !config.subscription_identifiers {
            let broken = Broken::new("3.2.2.3.12", "a subscription identifier");
            return Some((ReasonCode::SubscriptionIdentifiersNotSupported, broken));
        }
        subscribe.filters.iter().find_map(|(filter, options)| {
            if filter.is_shared() && options.no_local {
                let broken = Broken::new("MQTT-3.8.3-4", format!("no local for the shared {filter}"));
                return Some((ReasonCode::ProtocolError, broken));
            }
            if filter.has_wildcards() && !config.wildcard_subscriptions {
                let broken = Broken::new("3.2.2.3.11", format!("a wildcard subscription to {filter}"));
                return Some((ReasonCode::WildcardSubscriptionsNotSupported, broken));
            }
            if filter.is_shared() && !config.shared_subscriptions {
                let broken = Broken::new("3.2.2.3.13", format!("a shared subscription to {filter}"));
                return Some((ReasonCode::SharedSubscriptionsNotSupported, broken));
            }
            None
        })
    }

    pub(super) fn unsubscribe(&mut self, id: LinkId, now: Timestamp, unsubscribe: &Unsubscribe) {
        let packet_id = unsubscribe.packet_id;
        self.request(id, now, PacketType::Unsubscribe, packet_id);
        let mut reason_codes = Vec::new();
        for filter in &unsubscribe.filters {
            let existed = self.session_of(id).is_some_and(|session| session.unsubscribe(filter));
            reason_codes.push(if existed { ReasonCode::Success } else { ReasonCode::NoSubscriptionExisted });
        }
        let properties = self.config.remark.clone().map(Box::new);
        self.reply(now, id, Packet::UnsubAck(UnsubAck { packet_id, reason_codes, properties }));
    }

    fn request(
        &mut self,
        id: LinkId,
        now: Timestamp,
        what: PacketType,
        packet_id: polymqtt_proto::qos::PacketId,
    ) {
        let mut broken = Vec::new();
        if let Some(session) = self.session_of(id) {
            session.incoming.request(packet_id, what, &mut broken);
        }
        for broken in broken {
            self.report(now, id, broken);
        }
    }

    fn session_of(&mut self, id: LinkId) -> Option<&mut Session> {
        let link = self.links.get(&id)?;
        self.sessions.get_mut(&link.client_id)
    }

    fn send_retained(&mut self, id: LinkId, now: Timestamp, subscription: &Subscription, is_new: bool) {
        // Shared subscriptions get no retained messages (section 4.8.2).
        let wanted = match subscription.options.retain_handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        };
        if !wanted || subscription.filter.is_shared() {
            return;
        }
        self.retained.retain(|_, message| !message.has_expired(now));
        let matching = self.retained.values().filter(|message| subscription.filter.matches(&message.topic));
        let copies: Vec<_> = matching
            .map(|message| Copy {
                message: message.clone(),
                qos: message.qos.min(subscription.options.maximum_qos),
                retain: true,
                identifiers: subscription.identifier.iter().map(|identifier| identifier.get()).collect(),
            })
            .collect();
        if let Some(session) = self.session_of(id) {
            session.outgoing.waiting.extend(copies);
        }
    }

    /// Keeps the message where it is to be retained and queues it for everybody it is for; gives their number.
    pub(super) fn route(&mut self, now: Timestamp, message: &BrokerMessage) -> usize {
        if message.retain && self.config.retain_available {
            if message.payload.is_empty() {
                self.retained.remove(&message.topic);
            } else {
                self.retained.insert(message.topic.clone(), message.clone());
            }
        }
        if message.has_expired(now) {
            return 0;
        }
        let mut receivers = 0;
        for (client_id, session) in &mut self.sessions {
            let copies = copies(session, client_id, message, self.config.overlapping);
            receivers += usize::from(!copies.is_empty());
            session.queue(copies);
        }
        receivers + self.route_shared(message)
    }

    /// Each group of a shared subscription gets one copy, in turns, members with a connection first.
    fn route_shared(&mut self, message: &BrokerMessage) -> usize {
        let mut groups: Vec<TopicFilter> = Vec::new();
        for subscription in self.sessions.values().flat_map(|session| &session.subscriptions) {
            let filter = &subscription.filter;
            if filter.is_shared() && filter.matches(&message.topic) && !groups.contains(filter) {
                groups.push(filter.clone());
            }
        }
        for group in &groups {
            let in_group =
                |session: &Session| session.subscriptions.iter().any(|member| member.filter == *group);
            let members = self.sessions.iter().filter(|(_, session)| in_group(session));
            let (online, offline): (Vec<_>, Vec<_>) =
                members.partition(|(_, session)| session.link.is_some());
            let members = if online.is_empty() { offline } else { online };
            let members: Vec<Utf8String> = members.into_iter().map(|(id, _)| id.clone()).collect();
            let turn = self.turns.entry(group.clone().into_text()).or_default();
            *turn += 1;
            let chosen = members.get(*turn % members.len().max(1));
            if let Some(session) = chosen.and_then(|id| self.sessions.get_mut(id)) {
                let member = session.subscriptions.iter().find(|member| member.filter == *group);
                let copies = member.map(|member| copy_for(member, message)).into_iter().collect();
                session.queue(copies);
            }
        }
        groups.len()
    }
}

impl Session {
    fn queue(&mut self, copies: Vec<Copy>) {
        let online = self.link.is_some();
        let wanted = copies.into_iter().filter(|copy| online || copy.qos > QoS::AtMostOnce);
        self.outgoing.waiting.extend(wanted);
    }
}

/// What one client's subscriptions make of a message, shared subscriptions aside.
fn copies(
    session: &Session,
    client_id: &Utf8String,
    message: &BrokerMessage,
    overlapping: Overlapping,
) -> Vec<Copy> {
    let is_own = message.publisher == *client_id;
    let matching = session.subscriptions.iter().filter(|subscription| {
        let wanted = !(is_own && subscription.options.no_local);
        wanted && !subscription.filter.is_shared() && subscription.filter.matches(&message.topic)
    });
    let copies = matching.map(|subscription| copy_for(subscription, message));
    match overlapping {
        Overlapping::CopyEach => copies.collect(),
        Overlapping::OneCopy => copies
            .reduce(|mut one, other| {
                one.qos = one.qos.max(other.qos);
                one.retain |= other.retain;
                one.identifiers.extend(other.identifiers);
                one
            })
            .into_iter()
            .collect(),
    }
}

fn copy_for(subscription: &Subscription, message: &BrokerMessage) -> Copy {
    let SubscriptionOptions { maximum_qos, retain_as_published, .. } = subscription.options;
    Copy {
        message: message.clone(),
        qos: message.qos.min(maximum_qos),
        retain: message.retain && retain_as_published,
        identifiers: subscription.identifier.iter().map(|identifier| identifier.get()).collect(),
    }
}
