//! PUBLISHes that come one after the other on a connection: what was checked in one is not checked again in the next.

use super::error::DecodeError;
use super::frame::Frame;
use super::packet::PacketType;
use super::primitives::Reader;
use super::publish::{Publish, RETAIN, SubscriptionIdentifiers, read_delivery};
use super::version::Version;
use crate::text::Utf8String;

/// Decodes the PUBLISHes of one connection.
///
/// Mostly one has the same topic and the same properties as the one before it, byte for byte, and then two comparisons
/// replace decoding and checking them: measured with a topic of 18 bytes and a subscription identifier, a third of all
/// instructions that receiving a message took.
#[derive(Debug)]
pub struct PublishDecoder {
    version: Version,
    last: Last,
}

/// What the last PUBLISH has in front of its payload, as it stood in the packet and as it was decoded. Nothing that
/// a message has for itself alone: one with properties other than subscription identifiers is not remembered.
#[derive(Debug, Default)]
struct Last {
    /// The topic with its length; empty when nothing is remembered.
    prefixed_topic: Vec<u8>,
    /// A copy, from the second use on: topics that alternate cost no allocation.
    topic: Option<Utf8String>,
    /// The properties with their length; empty in version 3.1.1.
    properties: Vec<u8>,
    subscription_identifiers: SubscriptionIdentifiers,
}

impl PublishDecoder {
    /// Of a connection of this version.
    #[must_use]
    pub fn new(version: Version) -> Self {
        Self { version, last: Last::default() }
    }

    /// Decodes a PUBLISH, as [`Publish::decode`] does.
    ///
    /// # Errors
    /// Those of [`Publish::decode`].
    #[inline]
    pub fn decode(&mut self, frame: &Frame<'_>) -> Result<Publish, DecodeError> {
        if let Some(publish) = self.last.repeated(frame) {
            return Ok(publish);
        }
        let publish = Publish::decode(self.version, frame)?;
        self.last.remember(frame, &publish);
        Ok(publish)
    }
}

impl Last {
    /// The packet, if it has the topic and the properties of the last one, and nothing is wrong with it.
    #[inline]
    fn repeated(&mut self, frame: &Frame<'_>) -> Option<Publish> {
        if self.prefixed_topic.is_empty() || frame.packet_type() != Ok(PacketType::Publish) {
            return None;
        }
        let mut reader = Reader::new(PacketType::Publish, frame);
        let topic = reader.skip(&self.prefixed_topic)?;
        let delivery = read_delivery(frame.flags(), &mut reader).ok()?;
        reader.skip(&self.properties)?;
        let payload = reader.remainder();
        if self.topic.is_none() {
            self.topic = Some(reader.publish_topic(topic.get(2..)?).ok()?.detach());
        }
        Some(Publish {
            delivery,
            retain: frame.flags() & RETAIN != 0,
            topic: self.topic.clone()?,
            topic_alias: None,
            subscription_identifiers: self.subscription_identifiers.clone(),
            properties: None,
            payload: reader.share(payload),
        })
    }

    fn remember(&mut self, frame: &Frame<'_>, publish: &Publish) {
        self.prefixed_topic.clear();
        if publish.properties.is_some() || publish.topic_alias.is_some() {
            return;
        }
        let packet_id_len = if publish.delivery.packet_id().is_some() { 2 } else { 0 };
        let Some((topic, rest)) = frame.body().split_at_checked(2 + publish.topic.len()) else {
            return;
        };
        let properties = rest.get(packet_id_len..rest.len() - publish.payload.len()).unwrap_or_default();
        self.prefixed_topic.extend_from_slice(topic);
        self.topic = None;
        self.properties.clear();
        self.properties.extend_from_slice(properties);
        self.subscription_identifiers.clone_from(&publish.subscription_identifiers);
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::super::frame::{Frames, take_frames};
    use super::*;

    /// Good and bad ones of version 5, alike in one thing or another.
    const PACKETS: [&[u8]; 14] = [
        b"\x30\x06\x00\x01a\x00hi",
        b"\x31\x06\x00\x01a\x00ho",
        b"\x30\x06\x00\x01b\x00hi",
        b"\x30\x04\x00\x01a\x00",
        b"\x32\x08\x00\x01a\x00\x07\x00hi",
        b"\x3A\x08\x00\x01a\x00\x09\x00hi",
        b"\x34\x0A\x00\x01a\x00\x07\x02\x0B\x05hi",
        b"\x30\x08\x00\x01a\x02\x0B\x05hi",
        b"\x30\x0A\x00\x01a\x04\x0B\x05\x0B\x06hi",
        b"\x30\x08\x00\x01a\x02\x01\x01hi",
        b"\x30\x09\x00\x01a\x03\x23\x00\x01hi",
        // QoS 3, the packet identifier 0, a wildcard.
        b"\x36\x08\x00\x01a\x00\x07\x00hi",
        b"\x32\x08\x00\x01a\x00\x00\x00hi",
        b"\x30\x06\x00\x01#\x00hi",
    ];

    fn frames(packets: &[&[u8]]) -> Frames {
        take_frames(&mut BytesMut::from(&packets.concat()[..]), 1000).unwrap()
    }

    #[test]
    fn what_came_before_changes_nothing() {
        for version in [Version::V5, Version::V311] {
            for first in PACKETS {
                for second in PACKETS {
                    let mut decoder = PublishDecoder::new(version);
                    let mut frames = frames(&[first, first, second, second, first, second]);
                    while let Some(frame) = frames.next() {
                        assert_eq!(decoder.decode(&frame), Publish::decode(version, &frame));
                    }
                }
            }
        }
    }

    #[test]
    fn a_repeated_topic_does_not_hold_the_block_it_came_in() {
        let mut decoder = PublishDecoder::new(Version::V5);
        let mut frames = frames(&[PACKETS[0], PACKETS[0]]);
        let mut shares_its_block = || {
            let frame = frames.next().unwrap();
            let topic = decoder.decode(&frame).unwrap().topic;
            frame.block().as_ptr_range().contains(&topic.as_bytes().as_ptr())
        };
        assert!(shares_its_block());
        assert!(!shares_its_block());
    }
}
