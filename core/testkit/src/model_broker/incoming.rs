//! Packet identifiers that a client uses, watched strictly: what it may send next depends on what it sent before.

use std::collections::BTreeMap;

use bytes::Bytes;
use polymqtt_proto::codec::{Delivery, PacketType};
use polymqtt_proto::qos::{PacketId, QoS};
use polymqtt_proto::text::Utf8String;

use super::link::Link;
use super::violation::Broken;

/// The client's identifiers in use, and what each was last used for.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    in_use: BTreeMap<PacketId, Use>,
    history: BTreeMap<PacketId, Sent>,
    sequence: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// QoS 1, PUBACK not sent yet.
    AtLeastOnce,
    /// QoS 2, PUBREC not sent yet.
    Received,
    /// QoS 2, PUBREC sent as the one with this number.
    Recorded(u64),
    /// QoS 2, PUBREL came, PUBCOMP not sent yet.
    Released,
    /// SUBSCRIBE or UNSUBSCRIBE.
    Request,
}

/// The last PUBLISH with an identifier.
#[derive(Debug)]
struct Sent {
    sequence: u64,
    topic: Utf8String,
    payload: Bytes,
    /// Whether its PUBREL came.
    released: bool,
    /// Whether PUBACK, PUBCOMP or a refusal was sent.
    finished: bool,
}

/// What a PUBLISH is for the broker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// A message to take.
    New,
    /// A QoS 2 message that it has taken already [MQTT-4.3.3-10].
    Known,
}

/// What a PUBREL is for the broker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// The end of a known delivery.
    Known,
    /// Nothing known, as after a PUBCOMP that got lost.
    Unknown,
}

impl Incoming {
    /// A PUBLISH came. What is wrong with it is added to `broken`; it is then treated as well as it can be.
    pub(super) fn publish(
        &mut self,
        link: &mut Link,
        delivery: Delivery,
        topic: &Utf8String,
        payload: &Bytes,
        broken: &mut Vec<Broken>,
    ) -> Arrival {
        let Some(id) = delivery.packet_id() else {
            return Arrival::New;
        };
        if delivery.dup() {
            self.check_resent(link, id, topic, payload, broken);
        } else {
            self.check_new(link, id, topic, payload, broken);
        }
        link.published.insert(id);
        link.outstanding.insert(id);
        let known = matches!(self.in_use.get(&id), Some(Use::Received | Use::Recorded(_)));
        if delivery.qos() == QoS::ExactlyOnce && known {
            // The client did not get the PUBREC: it will get a new one, in a new place in their order.
            self.in_use.insert(id, Use::Received);
            return Arrival::Known;
        }
        let state = if delivery.qos() == QoS::ExactlyOnce { Use::Received } else { Use::AtLeastOnce };
        self.in_use.insert(id, state);
        self.sequence += 1;
        let sequence = match self.same(id, topic, payload) {
            Some(before) if delivery.dup() => before.sequence,
            _ => self.sequence,
        };
        let sent = Sent {
            sequence,
            topic: topic.clone(),
            payload: payload.clone(),
            released: false,
            finished: false,
        };
        self.history.insert(id, sent);
        Arrival::New
    }

    fn check_new(
        &self,
        link: &Link,
        id: PacketId,
        topic: &Utf8String,
        payload: &Bytes,
        broken: &mut Vec<Broken>,
    ) {
        let in_use = self.in_use.get(&id);
        if let Some(state) = in_use {
            broken.push(Broken::new(
                "MQTT-2.2.1-3",
                format!("a new PUBLISH with the identifier {id} in use ({state:?})"),
            ));
        }
        let unfinished = self.same(id, topic, payload).is_some_and(|before| !before.finished);
        if link.session_present && unfinished && !link.published.contains(&id) {
            broken.push(Broken::new(
                "MQTT-3.3.1-1",
                format!("PUBLISH {id} to {topic:?} sent again without DUP"),
            ));
        }
    }

    fn check_resent(
        &self,
        link: &mut Link,
        id: PacketId,
        topic: &Utf8String,
        payload: &Bytes,
        broken: &mut Vec<Broken>,
    ) {
        if !link.session_present {
            broken.push(Broken::new(
                "MQTT-3.3.1-1",
                format!("DUP in PUBLISH {id} without a session to go on with"),
            ));
        }
        if link.published.contains(&id) {
            broken.push(Broken::new("MQTT-4.4.0-1", format!("PUBLISH {id} sent again on a live connection")));
        }
        if self.in_use.get(&id) == Some(&Use::Request) {
            broken
                .push(Broken::new("MQTT-2.2.1-3", format!("PUBLISH with the identifier {id} of a request")));
        }
        let Some(before) = self.same(id, topic, payload) else {
            if matches!(self.in_use.get(&id), Some(Use::Received | Use::Recorded(_))) {
                let what = format!("PUBLISH {id} sent again with another content");
                broken.push(Broken::new("MQTT-2.2.1-3", what));
            }
            return;
        };
        if before.released {
            broken.push(Broken::new("MQTT-4.3.3-6", format!("PUBLISH {id} sent again after its PUBREL")));
        }
        if before.sequence < link.last_resent {
            broken.push(Broken::new("MQTT-4.6.0-1", format!("PUBLISH {id} sent again out of order")));
        }
        link.last_resent = link.last_resent.max(before.sequence);
    }

    fn same(&self, id: PacketId, topic: &Utf8String, payload: &Bytes) -> Option<&Sent> {
        self.history.get(&id).filter(|sent| sent.topic == *topic && sent.payload == *payload)
    }

    pub(super) fn pubrel(&mut self, link: &mut Link, id: PacketId, broken: &mut Vec<Broken>) -> Release {
        let state = self.in_use.get(&id).copied();
        let Some(Use::Recorded(number)) = state else {
            // A PUBREL may come again only on a connection that goes on with the session.
            let lost = state.is_none() && link.session_present && !link.published.contains(&id);
            if !lost {
                broken.push(Broken::new("MQTT-4.3.3-4", format!("PUBREL {id} without PUBREC ({state:?})")));
            }
            return Release::Unknown;
        };
        if number < link.last_released {
            broken.push(Broken::new("MQTT-4.6.0-4", format!("PUBREL {id} not in the order of PUBRECs")));
        }
        link.last_released = link.last_released.max(number);
        // One of an earlier connection counts on this one until its PUBCOMP.
        link.outstanding.insert(id);
        self.in_use.insert(id, Use::Released);
        if let Some(sent) = self.history.get_mut(&id) {
            sent.released = true;
        }
        Release::Known
    }

    /// A SUBSCRIBE or UNSUBSCRIBE came.
    pub(super) fn request(&mut self, id: PacketId, what: PacketType, broken: &mut Vec<Broken>) {
        if let Some(state) = self.in_use.insert(id, Use::Request) {
            broken.push(Broken::new(
                "MQTT-2.2.1-3",
                format!("{what} with the identifier {id} in use ({state:?})"),
            ));
        }
    }

    /// An answer leaves for the client.
    pub(super) fn answered(&mut self, link: &mut Link, packet: PacketType, id: PacketId, is_error: bool) {
        if packet == PacketType::PubRec && !is_error {
            self.sequence += 1;
            self.in_use.insert(id, Use::Recorded(self.sequence));
            return;
        }
        self.in_use.remove(&id);
        link.outstanding.remove(&id);
        if let Some(sent) = self.history.get_mut(&id) {
            sent.finished = true;
        }
    }

    /// The connection is gone, with the answers that had not left.
    pub(super) fn closed(&mut self) {
        self.in_use.retain(|_, state| matches!(state, Use::Received | Use::Recorded(_)));
    }
}
