//! The little of MQTT that the server and the raw contender need: framing of received bytes, and the
//! few packets they write. Independent of polymqtt's codec on purpose: a benchmark must not share the
//! code that it measures.

use std::io::{self, Read};

use crate::error::BenchError;

/// How much a reader asks of the socket at once; more when a packet is larger.
const READ_BUFFER: usize = 256 * 1024;

/// The largest packet that is read.
const LARGEST: usize = 4 << 20;

pub(crate) const CONNECT: u8 = 1;
pub(crate) const CONNACK: u8 = 2;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;
pub(crate) const PUBREC: u8 = 5;
pub(crate) const PUBREL: u8 = 6;
pub(crate) const PUBCOMP: u8 = 7;
pub(crate) const SUBSCRIBE: u8 = 8;
pub(crate) const SUBACK: u8 = 9;
pub(crate) const UNSUBSCRIBE: u8 = 10;
pub(crate) const UNSUBACK: u8 = 11;
pub(crate) const PINGREQ: u8 = 12;
pub(crate) const PINGRESP: u8 = 13;
pub(crate) const DISCONNECT: u8 = 14;

/// Protocol level of MQTT 5.0 in CONNECT; 3.1.1 has 4.
pub(crate) const V5: u8 = 5;

/// One control packet as it lies in the read buffer.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// The first byte: packet type and flags.
    pub(crate) first: u8,
    /// Everything after the remaining length.
    pub(crate) body: &'a [u8],
}

impl Frame<'_> {
    /// The control packet type [MQTT-2.1.2].
    pub(crate) fn packet_type(self) -> u8 {
        self.first >> 4
    }

    /// The QoS bits of a PUBLISH.
    pub(crate) fn qos(self) -> u8 {
        (self.first >> 1) & 3
    }

    /// The packet identifier at the start of an acknowledgement.
    pub(crate) fn packet_id(self) -> Result<u16, BenchError> {
        Cursor(self.body).u16()
    }
}

/// Reads big blocks and hands out whole packets without copying or allocating.
pub(crate) struct FrameReader {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl FrameReader {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; READ_BUFFER], start: 0, end: 0 }
    }

    /// One read from `source`; 0 means that it is at its end.
    pub(crate) fn fill(&mut self, mut source: impl Read) -> io::Result<usize> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.grow()?;
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = source.read(room)?;
        self.end += read;
        Ok(read)
    }

    fn grow(&mut self) -> io::Result<()> {
        if self.buffer.len() >= LARGEST {
            return Err(io::Error::other("a packet that is too large"));
        }
        self.buffer.resize(2 * self.buffer.len(), 0);
        Ok(())
    }

    /// The next whole packet of what was read, if there is one.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>, BenchError> {
        let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some((&first, rest)) = unread.split_first() else { return Ok(None) };
        let Some((length, header)) = remaining_length(rest)? else { return Ok(None) };
        let Some(body) = rest.get(header..header + length) else { return Ok(None) };
        self.start += 1 + header + length;
        Ok(Some(Frame { first, body }))
    }
}

/// A variable byte integer [MQTT-1.5.5] and how many bytes it took; none if they are not all there.
#[inline]
fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, BenchError> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() >= 4 { Err(BenchError::Protocol("malformed variable byte integer")) } else { Ok(None) }
}

/// Takes fields off the front of a packet's body.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], BenchError> {
        let (taken, rest) =
            self.0.split_at_checked(length).ok_or(BenchError::Protocol("packet too short"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, BenchError> {
        self.take(1).map(|bytes| bytes.first().copied().unwrap_or_default())
    }

    pub(crate) fn u16(&mut self) -> Result<u16, BenchError> {
        Ok(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    /// A string or binary field: two bytes of length, then that many.
    pub(crate) fn text(&mut self) -> Result<&'a [u8], BenchError> {
        let length = self.u16()?;
        self.take(length.into())
    }

    pub(crate) fn variable(&mut self) -> Result<usize, BenchError> {
        let read = remaining_length(self.0)?;
        let (value, taken) = read.ok_or(BenchError::Protocol("packet too short"))?;
        self.take(taken)?;
        Ok(value)
    }

    /// The property block of a v5 packet as a cursor of its own.
    pub(crate) fn properties(&mut self) -> Result<Cursor<'a>, BenchError> {
        let length = self.variable()?;
        self.take(length).map(Cursor)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends a variable byte integer.
pub(crate) fn put_variable(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a string or binary field.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text);
}

/// Appends an acknowledgement without reason code, which is success in both versions.
pub(crate) fn put_ack(out: &mut Vec<u8>, packet_type: u8, packet_id: u16) {
    let [high, low] = packet_id.to_be_bytes();
    // The flags of PUBREL are reserved, and 2 [MQTT-3.6.1-1].
    let flags = if packet_type == PUBREL { 2 } else { 0 };
    out.extend_from_slice(&[packet_type << 4 | flags, 2, high, low]);
}

/// How a PUBLISH is delivered: its QoS, with the packet identifier where it has one.
#[derive(Clone, Copy)]
pub(crate) enum Delivery {
    Qos0,
    Qos1(u16),
    Qos2(u16),
}

/// Appends a PUBLISH. `properties` is the property block with its length, empty for 3.1.1.
#[inline]
pub(crate) fn put_publish(
    out: &mut Vec<u8>,
    topic: &[u8],
    delivery: Delivery,
    properties: &[u8],
    payload: &[u8],
) {
    put_publish_head(out, topic, delivery, properties, payload.len());
    out.extend_from_slice(payload);
}

/// Appends a PUBLISH without its payload, which is to follow.
#[inline]
pub(crate) fn put_publish_head(
    out: &mut Vec<u8>,
    topic: &[u8],
    delivery: Delivery,
    properties: &[u8],
    payload: usize,
) {
    let (qos, packet_id) = match delivery {
        Delivery::Qos0 => (0, None),
        Delivery::Qos1(packet_id) => (1, Some(packet_id)),
        Delivery::Qos2(packet_id) => (2, Some(packet_id)),
    };
    out.push(PUBLISH << 4 | qos << 1);
    let identifier = if packet_id.is_some() { 2 } else { 0 };
    put_variable(out, 2 + topic.len() + identifier + properties.len() + payload);
    put_text(out, topic);
    if let Some(packet_id) = packet_id {
        out.extend_from_slice(&packet_id.to_be_bytes());
    }
    out.extend_from_slice(properties);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_whole_whatever_the_chunks() {
        let mut bytes = Vec::new();
        put_publish(&mut bytes, b"a/b", Delivery::Qos1(7), &[0], &[1; 200]);
        put_ack(&mut bytes, PUBACK, 258);
        for chunk in 1..=bytes.len() {
            let mut reader = FrameReader::new();
            let mut seen = Vec::new();
            for part in bytes.chunks(chunk) {
                reader.fill(part).unwrap();
                while let Some(frame) = reader.next().unwrap() {
                    seen.push((frame.packet_type(), frame.qos(), frame.body.len()));
                }
            }
            assert_eq!(seen, [(PUBLISH, 1, 208), (PUBACK, 0, 2)]);
        }
    }

    #[test]
    fn an_overlong_length_is_an_error() {
        let mut reader = FrameReader::new();
        reader.fill([0x30, 0xff, 0xff, 0xff, 0xff, 0x01].as_slice()).unwrap();
        assert!(reader.next().is_err());
    }
}
