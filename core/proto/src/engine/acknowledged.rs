//! What the server says of messages that were sent: PUBACK, PUBREC, PUBCOMP.

use super::round_trip::Probed;
use super::{Completion, Engine, PublishAck};
use crate::codec::{Ack, AckProperties, PacketType};
use crate::error::{Error, ErrorKind};
use crate::mutant::Mutant;
use crate::qos::{PacketId, QoS};
use crate::reason::ReasonCode;
use crate::session::{Record, SlotState};

impl Engine {
    /// PUBACK [MQTT-4.3.2-3].
    #[inline]
    pub(super) fn handle_puback(&mut self, ack: Ack) -> Result<(), Error> {
        match self.slots.state(ack.packet_id) {
            SlotState::Publish { message, .. } if message.qos == QoS::AtLeastOnce => {
                self.round_trip.answered(Probed::Publish(ack.packet_id), self.now);
                self.finish(ack.packet_id, outcome(ack.reason_code, ack.properties));
                Ok(())
            }
            SlotState::Free => Ok(()),
            _ => Err(misplaced("PUBACK", ack.packet_id)),
        }
    }

    /// PUBREC: the server has the message; PUBREL is next [MQTT-4.3.3-4].
    pub(super) fn handle_pubrec(&mut self, ack: Ack) -> Result<(), Error> {
        let id = ack.packet_id;
        let refused = ack.reason_code.is_error();
        match self.slots.state(id) {
            SlotState::Publish { message, .. } if message.qos == QoS::ExactlyOnce && refused => {
                self.finish(id, outcome(ack.reason_code, ack.properties));
                return Ok(());
            }
            SlotState::Publish { message, .. } if message.qos == QoS::ExactlyOnce => {
                self.slots.release(id, ack.reason_code);
                if Mutant::QuotaReturnedOnPubrec.is_active()
                    && let Some(connection) = &mut self.connection
                {
                    connection.send_quota += 1;
                }
                self.journal.append(|| Record::Received(id));
                if ack.reason_code == ReasonCode::NoMatchingSubscribers {
                    let ack = PublishAck { reason_code: ack.reason_code, properties: ack.properties };
                    self.request_published(self.slots.token(id), Completion::Published(Ok(ack)));
                }
            }
            SlotState::Released(_) => {}
            SlotState::Free if refused => return Ok(()),
            SlotState::Free => {
                self.put_ack(PacketType::PubRel, &Ack::with_reason(id, ReasonCode::PacketIdentifierNotFound));
                return Ok(());
            }
            _ => return Err(misplaced("PUBREC", id)),
        }
        self.outbox.gate(&self.journal);
        self.put_ack(PacketType::PubRel, &Ack::success(id));
        Ok(())
    }

    /// PUBCOMP [MQTT-4.3.3-5].
    pub(super) fn handle_pubcomp(&mut self, ack: Ack) -> Result<(), Error> {
        match self.slots.state(ack.packet_id) {
            SlotState::Released(received) => {
                // The server not knowing the identifier any more means that it had released it before.
                let reason = match ack.reason_code {
                    ReasonCode::Success | ReasonCode::PacketIdentifierNotFound => *received,
                    other => other,
                };
                self.finish(ack.packet_id, outcome(reason, ack.properties));
                Ok(())
            }
            SlotState::Free => Ok(()),
            _ => Err(misplaced("PUBCOMP", ack.packet_id)),
        }
    }

    /// A QoS 1 or 2 publish is over: frees its identifier, gives its quota back.
    #[inline]
    pub(super) fn finish(&mut self, packet_id: PacketId, outcome: Result<PublishAck, Error>) {
        let Some(token) = self.slots.free(packet_id) else {
            return;
        };
        self.journal.append(|| Record::Finished(packet_id));
        if let Some(connection) = &mut self.connection {
            let maximum = i32::from(connection.grant.limits.receive_maximum);
            connection.send_quota = (connection.send_quota + 1).min(maximum);
        }
        self.complete(token, Completion::Published(outcome));
    }

    pub(super) fn put_ack(&mut self, packet_type: PacketType, ack: &Ack) {
        let version = self.version();
        self.put(|out| ack.encode(packet_type, version, out));
    }
}

#[inline]
fn outcome(reason_code: ReasonCode, properties: Option<Box<AckProperties>>) -> Result<PublishAck, Error> {
    if !reason_code.is_error() {
        return Ok(PublishAck { reason_code, properties });
    }
    let AckProperties { reason_string, user_properties } = properties.map(|boxed| *boxed).unwrap_or_default();
    Err(Error::from_reason("the server refused the message", reason_code)
        .with_details(reason_string, user_properties))
}

fn misplaced(what: &str, packet_id: PacketId) -> Error {
    let what =
        format!("the server sent {what} for packet identifier {packet_id}, which waits for another packet");
    Error::new(ErrorKind::Protocol, what).with_reason_code(ReasonCode::ProtocolError)
}
