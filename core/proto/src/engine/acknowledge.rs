//! Acknowledging received messages: in order of arrival, whatever the order in which the application takes them.

use std::time::Duration;

use super::stream::StreamId;
use super::timers::Timer;
use super::{Engine, Event};
use crate::codec::{Ack, AckProperties, PacketType};
use crate::error::Error;
use crate::message::{Acknowledgement, Message};
use crate::qos::PacketId;
use crate::reason::ReasonCode;
use crate::session::{AckRef, Due, Record};
use crate::time::Timestamp;

/// Acknowledgements that wait for an earlier one are told of after this long.
const HELD: Duration = Duration::from_secs(10);

impl Engine {
    /// Acknowledges a message of a stream with manual acknowledgement, in any order: the acknowledgements leave in
    /// order of arrival. One of an earlier connection is ignored, since the server sends that message again.
    pub fn acknowledge(&mut self, now: Timestamp, message: &Message) {
        self.tick(now);
        self.inbound.take(message.ack);
        self.flush_acks();
    }

    /// As [`Engine::acknowledge`], with an answer of the program (v5), such as that it refuses the message.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::error::ErrorKind::Unsupported) with version 3.1.1;
    /// [`ErrorKind::InvalidOption`](crate::error::ErrorKind::InvalidOption) for a reason code that a client can't answer
    /// with.
    pub fn acknowledge_with(
        &mut self,
        now: Timestamp,
        message: &Message,
        answer: Acknowledgement,
    ) -> Result<(), Error> {
        answer.check(self.version())?;
        self.inbound.answer(message.ack, answer);
        self.acknowledge(now, message);
        Ok(())
    }

    /// The application took the first `count` of the messages that
    /// [an acknowledgement is owed for](Message::owes_acknowledgement), that a stream has handed out and that were not
    /// said to be taken before.
    pub fn taken(&mut self, now: Timestamp, stream: StreamId, count: usize) {
        self.tick(now);
        self.take_first(stream, count);
    }

    /// Refuses a received message: nobody gets it.
    pub(super) fn refuse(&mut self, ack: AckRef, reason_code: ReasonCode) {
        self.metrics.dropped_incoming += 1;
        self.inbound.answer(ack, Acknowledgement::with_reason(reason_code));
        self.inbound.take(ack);
    }

    /// The application took what it was handed.
    #[inline]
    pub(super) fn take(&mut self, id: StreamId) {
        self.take_first(id, usize::MAX);
    }

    #[inline]
    fn take_first(&mut self, id: StreamId, count: usize) {
        let Some(stream) = self.subscriptions.streams.get_mut(&id) else {
            return;
        };
        let in_hand = stream.in_hand();
        let count = count.min(in_hand.len());
        if count == 0 {
            return;
        }
        for ack in in_hand.drain(..count) {
            self.inbound.take(ack);
        }
        self.flush_acks();
    }

    /// Sends the acknowledgements that may leave now.
    #[inline]
    pub(super) fn flush_acks(&mut self) {
        if self.connection.is_none() {
            return;
        }
        let mut left = false;
        while let Some(Due { packet_type, packet_id, answer }) = self.inbound.next_due() {
            left = true;
            if let Some(answer) = answer {
                self.put_answer(packet_type, packet_id, *answer);
                continue;
            }
            if packet_type == PacketType::PubRec {
                self.journal.append(|| Record::Taken(packet_id));
                self.outbox.gate(&self.journal);
            }
            self.put_ack(packet_type, &Ack::success(packet_id));
        }
        if self.overrun {
            self.overrun = self.inbound.outstanding() >= usize::from(self.settings.receive_maximum);
        }
        let held = self.inbound.held() > 0;
        if held != self.acks_held || (held && left) {
            self.acks_held = held;
            self.timers.set(Timer::AcksHeld, held.then(|| self.now + HELD));
        }
    }

    /// Sends an acknowledgement that says more than success; without its properties where the packet would be larger
    /// than the server takes [MQTT-3.4.2-2], [MQTT-3.4.2-3].
    fn put_answer(&mut self, packet_type: PacketType, packet_id: PacketId, answer: Acknowledgement) {
        let Acknowledgement { reason_code, reason_string, user_properties } = answer;
        if packet_type == PacketType::PubRec && !reason_code.is_error() {
            self.journal.append(|| Record::Taken(packet_id));
            self.outbox.gate(&self.journal);
        }
        let properties = AckProperties { reason_string, user_properties };
        let mut ack = Ack::with_reason(packet_id, reason_code);
        if properties != AckProperties::default() {
            ack.properties = Some(Box::new(properties));
        }
        let version = self.version();
        let size = ack.encoded_len(version);
        if self.put_checked(size, |out| ack.encode(packet_type, version, out)).is_some() {
            self.put_ack(packet_type, &Ack::with_reason(packet_id, reason_code));
        }
    }

    /// Tells of acknowledgements that have waited long.
    pub(super) fn sweep_acks(&mut self, now: Timestamp) {
        let acks = self.inbound.held();
        if self.timers.take_due(Timer::AcksHeld, now) && acks > 0 {
            self.events.push_back(Event::AcksHeld { acks });
        }
    }

    /// PUBREL [MQTT-4.3.3-11].
    pub(super) fn handle_pubrel(&mut self, packet_id: PacketId) {
        let known = self.inbound.release(packet_id);
        if known {
            self.journal.append(|| Record::Released(packet_id));
        }
        let reason = if known { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        self.outbox.gate(&self.journal);
        self.put_ack(PacketType::PubComp, &Ack::with_reason(packet_id, reason));
    }
}
