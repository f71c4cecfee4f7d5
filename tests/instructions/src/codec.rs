//! Packets to bytes and back, without the engine.

use std::hint::black_box;

use bytes::{BufMut, BytesMut};
use polymqtt_proto::codec::{
    Ack, Delivery, PacketType, Publish, PublishHead, SubscriptionIdentifiers, Version, take_frames,
};
use polymqtt_proto::qos::PacketId;

use crate::host::expect;
use crate::receive::{PAYLOAD, TOPIC, publishes};
use crate::{BATCH, Failure};

pub(crate) fn encode_publish(batches: usize) -> Result<(), Failure> {
    let packet_id = PacketId::new(7).ok_or("a packet identifier")?;
    let delivery = Delivery::AtLeastOnce { packet_id, dup: false };
    let head = PublishHead {
        delivery,
        retain: false,
        topic: TOPIC,
        topic_alias: None,
        subscription_identifiers: &SubscriptionIdentifiers::NONE,
        properties: None,
        payload_len: PAYLOAD.len(),
    };
    let mut out = BytesMut::new();
    for _ in 0..batches {
        for _ in 0..BATCH {
            black_box(&head).encode(Version::V5, &mut out)?;
            out.put_slice(black_box(&PAYLOAD));
        }
        black_box(&mut out).clear();
    }
    Ok(())
}

pub(crate) fn decode_publish(batches: usize) -> Result<(), Failure> {
    let packets = publishes(1, &[TOPIC], &[None])?;
    let mut inbox = BytesMut::new();
    for _ in 0..batches {
        inbox.extend_from_slice(&packets);
        let mut frames = take_frames(&mut inbox, u32::MAX)?;
        let mut decoded = 0;
        while let Some(frame) = frames.next() {
            black_box(Publish::decode(Version::V5, &frame)?);
            decoded += 1;
        }
        expect("decoded", decoded, BATCH)?;
    }
    Ok(())
}

pub(crate) fn encode_ack(batches: usize) -> Result<(), Failure> {
    let ack = Ack::success(PacketId::new(7).ok_or("a packet identifier")?);
    let mut out = BytesMut::new();
    for _ in 0..batches {
        for _ in 0..BATCH {
            black_box(&ack).encode(PacketType::PubAck, Version::V5, &mut out)?;
        }
        black_box(&mut out).clear();
    }
    Ok(())
}

pub(crate) fn decode_ack(batches: usize) -> Result<(), Failure> {
    let packets = [0x40, 2, 0, 7].repeat(BATCH);
    let mut inbox = BytesMut::new();
    for _ in 0..batches {
        inbox.extend_from_slice(&packets);
        let mut frames = take_frames(&mut inbox, u32::MAX)?;
        let mut decoded = 0;
        while let Some(frame) = frames.next() {
            black_box(Ack::decode(PacketType::PubAck, Version::V5, &frame)?);
            decoded += 1;
        }
        expect("decoded", decoded, BATCH)?;
    }
    Ok(())
}
