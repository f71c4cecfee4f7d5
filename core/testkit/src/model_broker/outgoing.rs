//! Messages on their way to one client.

use std::collections::VecDeque;

use polymqtt_proto::qos::{PacketId, QoS};

use super::link::LinkId;
use super::message::BrokerMessage;

/// A message with what one client's subscriptions make of it.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) message: BrokerMessage,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) identifiers: Vec<u32>,
}

#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// Not sent yet, in order.
    pub(super) waiting: VecDeque<Copy>,
    /// Sent and not finished, in the order in which they are to be sent again.
    pub(super) in_flight: Vec<InFlight>,
    last_id: u16,
}

#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) id: PacketId,
    pub(super) copy: Copy,
    pub(super) stage: Stage,
    /// The connection on which it was sent last.
    pub(super) sent_on: LinkId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// PUBLISH was sent.
    Published,
    /// PUBREC came, PUBREL was sent.
    Released,
}

impl Outgoing {
    /// How many count against the client's receive maximum on this connection.
    pub(super) fn outstanding(&self, link: LinkId) -> usize {
        self.in_flight.iter().filter(|sent| sent.sent_on == link).count()
    }

    pub(super) fn find(&mut self, id: PacketId) -> Option<(usize, &mut InFlight)> {
        self.in_flight.iter_mut().enumerate().find(|(_, sent)| sent.id == id)
    }

    /// A free identifier [MQTT-2.2.1-4]; `None` when all are in use.
    pub(super) fn free_id(&mut self) -> Option<PacketId> {
        for _ in 0..=u16::MAX {
            self.last_id = self.last_id.wrapping_add(1);
            let id = PacketId::new(self.last_id);
            if let Some(id) = id.filter(|id| !self.in_flight.iter().any(|sent| sent.id == *id)) {
                return Some(id);
            }
        }
        None
    }
}
