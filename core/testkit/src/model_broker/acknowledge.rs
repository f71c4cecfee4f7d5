//! Acknowledgements of messages that were sent to clients.

use polymqtt_proto::codec::{Ack, Packet};
use polymqtt_proto::qos::{PacketId, QoS};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::time::Timestamp;

use super::link::LinkId;
use super::outgoing::{Copy, Stage};
use super::violation::Broken;
use super::{Delivered, ModelBroker};

impl ModelBroker {
    pub(super) fn puback(&mut self, id: LinkId, now: Timestamp, ack: &Ack) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let expected = link.expects_puback.front().copied();
        link.expects_puback.retain(|other| *other != ack.packet_id);
        self.check_order(now, id, expected, ack.packet_id, "PUBACK", "MQTT-4.6.0-2");
        if let Some(copy) = self.finish_delivery(id, ack.packet_id, Stage::Published, QoS::AtLeastOnce) {
            self.note_acknowledged(id, copy);
        } else {
            let what = format!("PUBACK {} for no PUBLISH", ack.packet_id);
            self.report(now, id, Broken::new("MQTT-2.2.1-5", what));
        }
    }

    pub(super) fn pubrec(&mut self, id: LinkId, now: Timestamp, ack: &Ack) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let expected = link.expects_pubrec.front().copied();
        link.expects_pubrec.retain(|other| *other != ack.packet_id);
        self.check_order(now, id, expected, ack.packet_id, "PUBREC", "MQTT-4.6.0-3");
        let Some(copy) = self.finish_delivery(id, ack.packet_id, Stage::Published, QoS::ExactlyOnce) else {
            let what = format!("PUBREC {} for no PUBLISH", ack.packet_id);
            self.report(now, id, Broken::new("MQTT-2.2.1-5", what));
            let unknown = Ack::with_reason(ack.packet_id, ReasonCode::PacketIdentifierNotFound);
            self.send(id, &Packet::PubRel(unknown));
            return;
        };
        if !ack.reason_code.is_error() {
            self.release(id, ack.packet_id, copy.clone());
        }
        self.note_acknowledged(id, copy);
    }

    pub(super) fn pubcomp(&mut self, id: LinkId, now: Timestamp, ack: &Ack) {
        if self.finish_delivery(id, ack.packet_id, Stage::Released, QoS::ExactlyOnce).is_none() {
            let what = format!("PUBCOMP {} for no PUBREL", ack.packet_id);
            self.report(now, id, Broken::new("MQTT-4.3.3-11", what));
        }
    }

    fn check_order(
        &mut self,
        now: Timestamp,
        id: LinkId,
        expected: Option<PacketId>,
        got: PacketId,
        packet: &str,
        statement: &'static str,
    ) {
        if expected != Some(got) {
            let expected = expected.map_or(0, PacketId::get);
            self.report(now, id, Broken::new(statement, format!("{packet} {got} where {expected} was next")));
        }
    }

    /// Takes a message out of flight when it is as the acknowledgement says.
    fn finish_delivery(&mut self, id: LinkId, packet_id: PacketId, stage: Stage, qos: QoS) -> Option<Copy> {
        let link = self.links.get(&id)?;
        let outgoing = &mut self.sessions.get_mut(&link.client_id)?.outgoing;
        let (index, sent) = outgoing.find(packet_id)?;
        if sent.stage != stage || sent.copy.qos != qos || sent.sent_on != id {
            return None;
        }
        Some(outgoing.in_flight.remove(index).copy)
    }

    /// PUBREC came: the message is the client's, and its PUBREL takes the last place in the order of sending.
    fn release(&mut self, id: LinkId, packet_id: PacketId, copy: Copy) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(&link.client_id) {
            let released =
                super::outgoing::InFlight { id: packet_id, copy, stage: Stage::Released, sent_on: id };
            session.outgoing.in_flight.push(released);
        }
        link.send(&Packet::PubRel(Ack::success(packet_id)));
    }

    fn note_acknowledged(&mut self, id: LinkId, copy: Copy) {
        if let Some(link) = self.links.get(&id) {
            let client_id = link.client_id.clone();
            let Copy { message, qos, .. } = copy;
            self.record.acknowledged.push(Delivered {
                client_id,
                topic: message.topic,
                payload: message.payload,
                qos,
            });
        }
    }
}
