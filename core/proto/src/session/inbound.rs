//! Received messages that are not acknowledged yet, and the QoS 2 identifiers that must not be delivered twice.

use std::collections::{BTreeMap, VecDeque};

use crate::codec::PacketType;
use crate::message::Acknowledgement;
use crate::mutant::Mutant;
use crate::qos::PacketId;

/// Which acknowledgement a delivered message owes: the place of a QoS 1 message in its ledger, or a QoS 2 identifier
/// with the number of its delivery. One of an earlier connection (QoS 1) or delivery (QoS 2) finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AckRef {
    serial: u64,
    exactly_once: Option<PacketId>,
}

impl AckRef {
    /// Nothing is owed: QoS 0.
    pub(crate) const NONE: Self = Self { serial: 0, exactly_once: None };

    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self.serial == 0
    }
}

/// What a QoS 2 PUBLISH turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// To be delivered; to be acknowledged once each of its holders took it.
    New(AckRef),
    /// To be delivered, too; the identifier was known from a session that the server has lost.
    Reused(AckRef),
    /// Sent again by the server, delivered before [MQTT-4.3.3-10]: only its acknowledgement moves to this connection.
    Known,
}

/// The ledger of acknowledgements owed. PUBACKs leave in order of arrival, and so do PUBRECs [MQTT-4.6.0-2],
/// [MQTT-4.6.0-3], whatever the order in which the application takes the messages.
#[derive(Debug)]
pub(crate) struct Inbound {
    qos1: VecDeque<Owed>,
    /// The serial of the first entry of `qos1`.
    first_serial: u64,
    qos2: BTreeMap<PacketId, Exact>,
    next_delivery: u64,
    /// QoS 2 identifiers of this connection that wait for their PUBREC, in order of arrival.
    unrecorded: VecDeque<PacketId>,
    /// How many entries of `qos1` and of `unrecorded` were taken by the application.
    taken: usize,
    /// How many entries of `qos2` are counted.
    counted: usize,
}

/// An acknowledgement that may leave.
#[derive(Debug)]
pub(crate) struct Due {
    /// PUBACK or PUBREC.
    pub(crate) packet_type: PacketType,
    pub(crate) packet_id: PacketId,
    /// What the application wants it to say; `None` for plain success.
    pub(crate) answer: Option<Box<Acknowledgement>>,
}

#[derive(Debug)]
struct Owed {
    packet_id: PacketId,
    holders: u32,
    answer: Option<Box<Acknowledgement>>,
}

#[derive(Debug)]
struct Exact {
    delivery: u64,
    holders: u32,
    stage: Stage,
    answer: Option<Box<Acknowledgement>>,
    /// Whether it counts against the receive maximum of this connection.
    counted: bool,
    /// Whether it is in `unrecorded`.
    waits: bool,
    /// Whether the server may have lost the session that it belongs to.
    doubted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not acknowledged, in the hands of the application.
    Delivered,
    /// PUBREC was sent.
    Recorded,
}

impl Default for Inbound {
    fn default() -> Self {
        Self {
            qos1: VecDeque::new(),
            first_serial: 1,
            qos2: BTreeMap::new(),
            next_delivery: 1,
            unrecorded: VecDeque::new(),
            taken: 0,
            counted: 0,
        }
    }
}

impl Inbound {
    /// A QoS 1 PUBLISH arrived, for one holder unless [`Inbound::hold`] says more.
    #[inline]
    pub(crate) fn arrive_at_least_once(&mut self, packet_id: PacketId) -> AckRef {
        let serial = self.first_serial + self.qos1.len() as u64;
        self.qos1.push_back(Owed { packet_id, holders: 1, answer: None });
        AckRef { serial, exactly_once: None }
    }

    /// A QoS 2 PUBLISH arrived, for one holder unless [`Inbound::hold`] says more.
    ///
    /// An identifier that is known is that of a message delivered before. Only where the session is doubted, one that
    /// the server says to send for the first time [MQTT-3.3.1-1] is that of another message, in a new session.
    pub(crate) fn arrive_exactly_once(&mut self, packet_id: PacketId, dup: bool) -> Arrival {
        let reused = !dup && self.qos2.get(&packet_id).is_some_and(|known| known.doubted);
        if reused {
            self.release(packet_id);
        }
        if let Some(known) = self.qos2.get_mut(&packet_id) {
            self.counted += usize::from(!known.counted);
            known.counted = true;
            if !known.waits && !Mutant::PendingPubrecDropped.is_active() {
                known.waits = true;
                self.taken += usize::from(known.holders == 0);
                self.unrecorded.push_back(packet_id);
            }
            return Arrival::Known;
        }
        let delivery = self.next_delivery;
        self.next_delivery += 1;
        let (stage, answer) = (Stage::Delivered, None);
        let exact = Exact { delivery, holders: 1, stage, answer, counted: true, waits: true, doubted: false };
        self.qos2.insert(packet_id, exact);
        self.counted += 1;
        self.unrecorded.push_back(packet_id);
        let ack = AckRef { serial: delivery, exactly_once: Some(packet_id) };
        if reused { Arrival::Reused(ack) } else { Arrival::New(ack) }
    }

    /// The message that arrived last went to several streams: the last of them to take it acknowledges it.
    pub(crate) fn hold(&mut self, ack: AckRef, holders: u32) {
        if let Some(id) = ack.exactly_once {
            if let Some(entry) = self.qos2.get_mut(&id) {
                entry.holders = holders;
            }
        } else if !ack.is_none()
            && let Some(owed) = self.qos1.back_mut()
        {
            owed.holders = holders;
        }
    }

    /// One holder took the message.
    #[inline]
    pub(crate) fn take(&mut self, ack: AckRef) {
        if let Some(id) = ack.exactly_once {
            if let Some(entry) = self.qos2.get_mut(&id)
                && entry.delivery == ack.serial
                && entry.holders > 0
            {
                entry.holders -= 1;
                self.taken += usize::from(entry.holders == 0 && entry.waits);
            }
            return;
        }
        let Some(index) = ack.serial.checked_sub(self.first_serial) else {
            return;
        };
        if let Some(owed) = usize::try_from(index).ok().and_then(|index| self.qos1.get_mut(index))
            && owed.holders > 0
        {
            owed.holders -= 1;
            self.taken += usize::from(owed.holders == 0);
        }
    }

    /// What the acknowledgement of this message is to say, once it leaves; what was said first holds.
    pub(crate) fn answer(&mut self, ack: AckRef, answer: Acknowledgement) {
        let place = match ack.exactly_once {
            Some(id) => self
                .qos2
                .get_mut(&id)
                .filter(|entry| entry.delivery == ack.serial && entry.stage == Stage::Delivered)
                .map(|entry| &mut entry.answer),
            None => ack
                .serial
                .checked_sub(self.first_serial)
                .and_then(|index| self.qos1.get_mut(usize::try_from(index).ok()?))
                .map(|owed| &mut owed.answer),
        };
        if let Some(place) = place.filter(|place| place.is_none()) {
            *place = Some(Box::new(answer));
        }
    }

    /// The next acknowledgement that may leave now. A PUBREC that refuses the message frees its identifier.
    #[inline]
    pub(crate) fn next_due(&mut self) -> Option<Due> {
        if Mutant::AcksSwapped.is_active() && self.qos1.get(1).is_some_and(|owed| owed.holders == 0) {
            self.qos1.swap(0, 1);
        }
        if self.qos1.front().is_some_and(|owed| owed.holders == 0)
            && let Some(owed) = self.qos1.pop_front()
        {
            self.first_serial += 1;
            self.taken -= 1;
            let Owed { packet_id, answer, .. } = owed;
            return Some(Due { packet_type: PacketType::PubAck, packet_id, answer });
        }
        let id = *self.unrecorded.front()?;
        let Some(entry) = self.qos2.get_mut(&id) else {
            self.unrecorded.pop_front();
            return None;
        };
        if entry.holders > 0 {
            return None;
        }
        entry.stage = Stage::Recorded;
        entry.waits = false;
        let answer = entry.answer.take();
        self.unrecorded.pop_front();
        self.taken -= 1;
        if answer.as_ref().is_some_and(|answer| answer.reason_code.is_error()) {
            self.release(id);
        }
        Some(Due { packet_type: PacketType::PubRec, packet_id: id, answer })
    }

    /// How many acknowledgements that could leave wait for one of an earlier message; to be asked when
    /// [`Inbound::next_due`] gives none.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        self.taken
    }

    /// A message was not taken in after all: the server is to send it again.
    pub(crate) fn forget(&mut self, ack: AckRef) {
        if let Some(packet_id) = ack.exactly_once {
            self.release(packet_id);
        }
    }

    /// PUBREL arrived: the identifier is free again. Whether it was known.
    pub(crate) fn release(&mut self, packet_id: PacketId) -> bool {
        let Some(entry) = self.qos2.remove(&packet_id) else {
            return false;
        };
        self.counted -= usize::from(entry.counted);
        if entry.waits {
            self.taken -= usize::from(entry.holders == 0);
            self.unrecorded.retain(|id| *id != packet_id);
        }
        true
    }

    /// Messages of this connection that the server may not have had acknowledged, as its receive maximum counts them.
    #[inline]
    pub(crate) fn outstanding(&self) -> usize {
        self.qos1.len() + self.counted
    }

    /// The connection is gone: what QoS 1 owes is void; QoS 2 identifiers stay, their acknowledgements wait for the
    /// server to send the message again.
    pub(crate) fn connection_lost(&mut self) {
        self.first_serial += self.qos1.len() as u64;
        self.qos1.clear();
        self.unrecorded.clear();
        (self.taken, self.counted) = (0, 0);
        for entry in self.qos2.values_mut() {
            (entry.counted, entry.waits) = (false, false);
        }
        if Mutant::ReceivedIdForgottenOnReconnect.is_active() {
            self.qos2.clear();
        }
    }

    /// The session that the server goes on with may be a new one.
    pub(crate) fn session_doubted(&mut self) {
        self.qos2.values_mut().for_each(|entry| entry.doubted = true);
    }

    /// The session is gone, and with it every identifier.
    pub(crate) fn session_lost(&mut self) {
        self.connection_lost();
        self.qos2.clear();
    }

    /// Puts an identifier of an earlier process back: delivered then, so never again.
    pub(crate) fn restore(&mut self, packet_id: PacketId) {
        let delivery = self.next_delivery;
        self.next_delivery += 1;
        let (stage, answer) = (Stage::Recorded, None);
        let exact =
            Exact { delivery, holders: 0, stage, answer, counted: false, waits: false, doubted: true };
        self.qos2.insert(packet_id, exact);
    }

    /// The QoS 2 identifiers of messages that were taken.
    pub(crate) fn taken_ids(&self) -> impl Iterator<Item = PacketId> + '_ {
        self.qos2.iter().filter(|(_, entry)| entry.stage == Stage::Recorded).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    fn due(inbound: &mut Inbound) -> Vec<(PacketType, u16)> {
        std::iter::from_fn(|| inbound.next_due()).map(|due| (due.packet_type, due.packet_id.get())).collect()
    }

    fn new(inbound: &mut Inbound, packet_id: u16) -> AckRef {
        match inbound.arrive_exactly_once(id(packet_id), false) {
            Arrival::New(ack) => ack,
            Arrival::Known | Arrival::Reused(_) => unreachable!(),
        }
    }

    #[test]
    fn acks_leave_in_order_of_arrival() {
        let mut inbound = Inbound::default();
        let first = inbound.arrive_at_least_once(id(5));
        let second = inbound.arrive_at_least_once(id(3));
        inbound.take(second);
        assert_eq!(due(&mut inbound), []);
        inbound.take(first);
        assert_eq!(due(&mut inbound), [(PacketType::PubAck, 5), (PacketType::PubAck, 3)]);
    }

    #[test]
    fn the_last_of_several_holders_acks() {
        let mut inbound = Inbound::default();
        let ack = inbound.arrive_at_least_once(id(1));
        inbound.hold(ack, 2);
        inbound.take(ack);
        assert_eq!(due(&mut inbound), []);
        inbound.take(ack);
        assert_eq!(due(&mut inbound), [(PacketType::PubAck, 1)]);
    }

    #[test]
    fn an_ack_of_an_earlier_connection_is_void() {
        let mut inbound = Inbound::default();
        let old = inbound.arrive_at_least_once(id(1));
        inbound.connection_lost();
        inbound.arrive_at_least_once(id(1));
        inbound.take(old);
        assert_eq!(due(&mut inbound), []);
    }

    #[test]
    fn a_held_exactly_once_ack_moves_to_the_next_connection() {
        let mut inbound = Inbound::default();
        let ack = new(&mut inbound, 9);
        inbound.connection_lost();
        assert_eq!(inbound.arrive_exactly_once(id(9), true), Arrival::Known);
        assert_eq!(due(&mut inbound), []);
        inbound.take(ack);
        assert_eq!(due(&mut inbound), [(PacketType::PubRec, 9)]);
        assert!(inbound.release(id(9)));
        assert!(!inbound.release(id(9)));
    }

    #[test]
    fn in_a_doubted_session_a_first_attempt_is_another_message() {
        let mut inbound = Inbound::default();
        new(&mut inbound, 9);
        inbound.connection_lost();
        inbound.session_doubted();
        assert_eq!(inbound.arrive_exactly_once(id(9), true), Arrival::Known);
        assert!(matches!(inbound.arrive_exactly_once(id(9), false), Arrival::Reused(_)));
        assert_eq!(inbound.arrive_exactly_once(id(9), false), Arrival::Known);
    }

    #[test]
    fn a_lost_pubrec_is_sent_again_without_delivery() {
        let mut inbound = Inbound::default();
        let ack = new(&mut inbound, 9);
        inbound.take(ack);
        assert_eq!(due(&mut inbound), [(PacketType::PubRec, 9)]);
        inbound.connection_lost();
        assert_eq!(inbound.arrive_exactly_once(id(9), true), Arrival::Known);
        assert_eq!(due(&mut inbound), [(PacketType::PubRec, 9)]);
    }
}
