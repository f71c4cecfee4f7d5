//! The packet decoder: any bytes give packets or an error; what was decoded can be encoded, and is then the same.

use bytes::BytesMut;
use polymqtt_proto::codec::{Frames, Packet, PacketLog, PacketType, PublishDecoder, Version, take_frames};
use polymqtt_proto::reason::ReasonCode;

/// The first byte decides about the version and about the size of the pieces that a log reads.
pub fn check(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let version = if choice & 1 == 0 { Version::V5 } else { Version::V311 };
    log(bytes, usize::from(choice >> 1) + 1);
    let mut buf = BytesMut::from(bytes);
    let mut publishes = PublishDecoder::new(version);
    while let Ok(frames) = take_frames(&mut buf, u32::MAX)
        && !frames.is_empty()
    {
        each(version, frames, &mut publishes);
    }
}

fn each(version: Version, mut frames: Frames, publishes: &mut PublishDecoder) {
    while let Some(frame) = frames.next() {
        let decoded = Packet::decode(version, &frame);
        if frame.packet_type() == Ok(PacketType::Publish) {
            let publish = publishes.decode(&frame).map(Packet::Publish);
            assert_eq!(publish, decoded, "what came before makes a difference");
        }
        match decoded {
            Ok(packet) if is_stray(version, &packet) => {}
            Ok(packet) => round_trip(version, &packet),
            Err(error) => {
                assert!(error.reason_code().is_error(), "{error}");
                one_line(&error.to_string());
            }
        }
    }
}

/// Read as some server sends it, and not written so: a PUBCOMP of version 3.1.1 with a reason code.
fn is_stray(version: Version, packet: &Packet) -> bool {
    matches!(packet, Packet::PubComp(ack) if version == Version::V311 && ack.reason_code != ReasonCode::Success)
}

fn round_trip(version: Version, packet: &Packet) {
    // CONNECT says itself which version it is of.
    let version = match packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    let mut out = BytesMut::new();
    packet.encode(version, &mut out).expect("what was decoded can be encoded");
    assert_eq!(out.len(), packet.encoded_len(version), "{packet:?}");
    let mut frames = take_frames(&mut out, u32::MAX).expect("an encoded packet is whole");
    let frame = frames.next().expect("an encoded packet is whole");
    assert_eq!(Packet::decode(version, &frame).as_ref(), Ok(packet));
    assert!(frames.is_empty() && out.is_empty(), "{packet:?}");
    one_line(&packet.to_string());
}

fn log(bytes: &[u8], piece: usize) {
    let mut log = PacketLog::new();
    log.sent(bytes, |packet| one_line(&packet.to_string()));
    bytes.chunks(piece).for_each(|piece| log.received(piece, |packet| one_line(&packet.to_string())));
}

fn one_line(shown: &str) {
    assert!(!shown.is_empty() && !shown.chars().any(char::is_control), "{shown:?}");
}
