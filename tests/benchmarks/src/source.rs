//! A stream of messages to one client, cut from a block that is made once.

use std::io::{self, Write};

use crate::error::BenchError;
use crate::task::{FILLING, PAYLOAD};
use crate::wire::{Delivery, put_publish};

/// Messages in the block of a QoS 0 stream, some 90 KiB.
const QOS0_BLOCK: u16 = 1024;

/// Bytes of payload in a block: of large messages there are fewer.
const BLOCK_BYTES: usize = 8 << 20;

/// Sends a number of messages and, after the last acknowledgement, one more at QoS 0 that says so.
pub(crate) struct Source {
    /// Messages with packet identifiers 1 to `messages`, ready to be written.
    block: Vec<u8>,
    /// Messages in the block; at QoS 1 the window: an identifier is free again when it comes round.
    messages: usize,
    message_size: usize,
    end: Vec<u8>,
    acknowledged: bool,
    /// Messages of the block before the next one to send.
    position: usize,
    unsent: u64,
    in_flight: usize,
    /// Acknowledgements must come in order [MQTT-4.6.0-2]; at QoS 1, the next one.
    expected: u16,
    ended: bool,
}

impl Source {
    /// A stream to `topic` with the given property block; `window` bounds what a QoS 1 stream has in
    /// flight.
    pub(crate) fn new(
        topic: &[u8],
        acknowledged: bool,
        count: u64,
        payload: usize,
        window: u16,
        properties: &[u8],
    ) -> Self {
        let messages = if acknowledged { window } else { QOS0_BLOCK };
        let messages = messages.min((BLOCK_BYTES / payload.max(1)).try_into().unwrap_or(u16::MAX)).max(1);
        let payload = vec![FILLING; payload];
        let mut block = Vec::new();
        for packet_id in 1..=messages {
            let delivery = if acknowledged { Delivery::Qos1(packet_id) } else { Delivery::Qos0 };
            put_publish(&mut block, topic, delivery, properties, &payload);
        }
        let mut end = Vec::new();
        put_publish(&mut end, topic, Delivery::Qos0, properties, &PAYLOAD);
        let messages = usize::from(messages);
        Self {
            message_size: block.len() / messages,
            block,
            messages,
            end,
            acknowledged,
            position: 0,
            unsent: count,
            in_flight: 0,
            expected: 1,
            ended: false,
        }
    }

    /// A PUBACK came in.
    #[inline]
    pub(crate) fn acknowledged(&mut self, packet_id: u16) -> Result<(), BenchError> {
        if packet_id != self.expected || self.in_flight == 0 {
            return Err(BenchError::Protocol("a PUBACK out of order"));
        }
        self.in_flight -= 1;
        self.expected = if usize::from(packet_id) == self.messages { 1 } else { packet_id + 1 };
        Ok(())
    }

    /// Writes what may be written now.
    pub(crate) fn send(&mut self, mut to: impl Write) -> io::Result<()> {
        while self.unsent > 0 && self.in_flight < self.messages {
            let room = (self.messages - self.position).min(self.messages - self.in_flight);
            let sending = room.min(usize::try_from(self.unsent).unwrap_or(usize::MAX));
            let start = self.position * self.message_size;
            let bytes = self.block.get(start..start + sending * self.message_size).unwrap_or_default();
            to.write_all(bytes)?;
            self.unsent -= sending as u64;
            self.position = (self.position + sending) % self.messages;
            if self.acknowledged {
                self.in_flight += sending;
            }
        }
        if self.unsent == 0 && self.in_flight == 0 && !self.ended {
            self.ended = true;
            to.write_all(&self.end)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::FrameReader;

    /// The packet identifiers of the PUBLISHes in `bytes`, 0 for QoS 0.
    fn identifiers(bytes: &[u8]) -> Vec<u16> {
        let mut reader = FrameReader::new();
        reader.fill(bytes).unwrap();
        let mut seen = Vec::new();
        while let Some(frame) = reader.next().unwrap() {
            let after_topic = 2 + usize::from(frame.packet_id().unwrap());
            let id = u16::from_be_bytes([frame.body[after_topic], frame.body[after_topic + 1]]);
            seen.push(if frame.qos() == 0 { 0 } else { id });
        }
        seen
    }

    #[test]
    fn qos1_keeps_its_window_and_ends_after_the_last_ack() {
        let mut source = Source::new(b"t", true, 5, 64, 2, &[0]);
        let mut sent = Vec::new();
        source.send(&mut sent).unwrap();
        assert_eq!(identifiers(&sent), [1, 2]);
        assert!(source.acknowledged(2).is_err());
        for id in [1, 2, 1, 2] {
            source.acknowledged(id).unwrap();
            source.send(&mut sent).unwrap();
        }
        assert_eq!(identifiers(&sent), [1, 2, 1, 2, 1]);
        source.acknowledged(1).unwrap();
        source.send(&mut sent).unwrap();
        source.send(&mut sent).unwrap();
        assert_eq!(identifiers(&sent), [1, 2, 1, 2, 1, 0]);
        assert!(source.acknowledged(2).is_err());
    }

    #[test]
    fn qos0_is_sent_at_once() {
        let mut source = Source::new(b"t", false, 1500, 64, 2, &[]);
        let mut sent = Vec::new();
        source.send(&mut sent).unwrap();
        assert_eq!(identifiers(&sent).len(), 1501);
    }
}
