//! The session on its way to a store and back.

use std::collections::BTreeMap;

use super::queue::Queued;
use super::{Engine, Token};
use crate::message::Message;
use crate::qos::{PacketId, QoS};
use crate::reason::ReasonCode;
use crate::session::{Record, SlotState};
use crate::time::Timestamp;

/// Where a message of the records stands.
enum Stage {
    Waiting,
    Sent(PacketId),
}

impl Engine {
    /// Records every change of the session from now on, for a store that outlives the process: bytes that depend on
    /// a record wait until it is confirmed. To be called before [`Engine::connect`].
    pub fn enable_journal(&mut self) {
        self.journal.enable();
    }

    /// The store has every record up to this one safe.
    pub fn handle_journaled(&mut self, record: u64) {
        self.journal.confirm(record);
    }

    /// Takes up the session that the records of an earlier process describe, in their order. To be called before
    /// [`Engine::connect`], which then goes on with it.
    pub fn restore(&mut self, now: Timestamp, records: impl IntoIterator<Item = Record>) {
        let now = self.tick(now);
        let mut messages: BTreeMap<u64, (Message, Stage)> = BTreeMap::new();
        let mut ids: BTreeMap<PacketId, u64> = BTreeMap::new();
        let mut released: Vec<PacketId> = Vec::new();
        let mut retired: Vec<PacketId> = Vec::new();
        for record in records {
            match record {
                Record::ClientId(client_id) => self.client_id = client_id,
                Record::Accepted { number, message } => {
                    self.accepted = self.accepted.max(number);
                    messages.insert(number, (message, Stage::Waiting));
                }
                Record::Sent { number, packet_id } => {
                    ids.insert(packet_id, number);
                    if let Some((_, stage)) = messages.get_mut(&number) {
                        *stage = Stage::Sent(packet_id);
                    }
                }
                Record::Withdrawn { number } => drop(messages.remove(&number)),
                Record::Received(packet_id) => {
                    ids.remove(&packet_id).and_then(|number| messages.remove(&number));
                    released.push(packet_id);
                }
                Record::Retired(packet_id) => {
                    ids.remove(&packet_id).and_then(|number| messages.remove(&number));
                    retired.push(packet_id);
                }
                Record::Finished(packet_id) => {
                    ids.remove(&packet_id).and_then(|number| messages.remove(&number));
                    released.retain(|id| *id != packet_id);
                }
                Record::Taken(packet_id) => self.inbound.restore(packet_id),
                Record::Released(packet_id) => drop(self.inbound.release(packet_id)),
                Record::SessionLost => {
                    // QoS 1 is sent again as new; what ended instead was withdrawn.
                    ids.clear();
                    messages.retain(|_, (message, stage)| {
                        let was_sent = matches!(std::mem::replace(stage, Stage::Waiting), Stage::Sent(_));
                        !(was_sent && message.qos() == QoS::ExactlyOnce)
                    });
                    released.clear();
                    retired.clear();
                    self.inbound.session_lost();
                }
            }
            self.life.restored = true;
        }
        for packet_id in released {
            self.slots.restore(packet_id, SlotState::Released(ReasonCode::Success));
        }
        for packet_id in retired {
            self.slots.restore(packet_id, SlotState::Retired);
        }
        for (number, (message, stage)) in messages {
            match stage {
                Stage::Sent(packet_id) => {
                    self.slots.restore(packet_id, SlotState::Publish { message, number });
                }
                // Accepted is accepted: the queue's bounds are for new messages.
                Stage::Waiting => self.queue.push(Queued::new(message, Token::NONE, number, now)),
            }
        }
    }

    /// The records that describe the session as it stands: what a store may keep instead of all before.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Record> {
        let mut records = vec![Record::ClientId(self.client_id.clone())];
        records.extend(self.inbound.taken_ids().map(Record::Taken));
        let released = self.slots.in_order(|state| matches!(state, SlotState::Released(_)));
        records.extend(released.into_iter().map(Record::Received));
        let retired = self.slots.in_order(|state| matches!(state, SlotState::Retired));
        records.extend(retired.into_iter().map(Record::Retired));
        let mut number = 0;
        for packet_id in self.slots.in_order(|state| matches!(state, SlotState::Publish { .. })) {
            if let SlotState::Publish { message, .. } = self.slots.state(packet_id) {
                number += 1;
                records.push(Record::Accepted { number, message: message.clone() });
                records.push(Record::Sent { number, packet_id });
            }
        }
        for queued in self.queue.iter().filter(|queued| queued.number > 0) {
            records
                .push(Record::Accepted { number: number + queued.number, message: queued.message.clone() });
        }
        records
    }
}
