//! What the tests beside the packets share.

use bytes::BytesMut;

use super::{DecodeError, Packet, Version, take_frames};

/// Decodes the one packet that `bytes` are.
pub(super) fn decode(version: Version, bytes: &[u8]) -> Result<Packet, DecodeError> {
    let mut buf = BytesMut::from(bytes);
    let mut frames = take_frames(&mut buf, u32::MAX)?;
    let packet = Packet::decode(version, &frames.next().expect("bytes of a whole packet"))?;
    assert!(frames.is_empty() && buf.is_empty(), "bytes of one packet");
    Ok(packet)
}

/// The bytes that a packet is written as.
pub(super) fn encode(version: Version, packet: &Packet) -> Vec<u8> {
    let mut out = BytesMut::new();
    packet.encode(version, &mut out).unwrap();
    assert_eq!(out.len(), packet.encoded_len(version), "{packet:?}");
    out.to_vec()
}

/// Checks that a packet is written as these bytes, and read from them.
pub(super) fn known(version: Version, packet: &Packet, bytes: &[u8]) {
    assert_eq!(encode(version, packet), bytes, "{packet:?}");
    assert_eq!(&decode(version, bytes).unwrap(), packet);
}

/// Checks that bytes are refused with this reason code.
pub(super) fn refused(version: Version, reason_code: u8, bytes: &[u8]) {
    match decode(version, bytes) {
        Ok(packet) => panic!("{bytes:02x?} was taken for {packet:?}"),
        Err(error) => assert_eq!(error.reason_code() as u8, reason_code, "{bytes:02x?}: {error}"),
    }
}
