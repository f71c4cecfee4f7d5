//! The frame decoder: the same packets in whatever pieces the bytes come, and never more than there is.

use bytes::{Buf, BytesMut};
use polymqtt_proto::codec::{DecodeError, missing, take_frames};

/// What a stream of bytes holds: first byte and body of each packet, what is left, and how it ends.
type Found = (Vec<(u8, Vec<u8>)>, Vec<u8>, Option<DecodeError>);

/// The first two bytes are the largest packet allowed, the third is the size of the pieces.
pub fn check(mut bytes: &[u8]) {
    if bytes.len() < 3 {
        return;
    }
    let (most, piece) = (u32::from(bytes.get_u16()), usize::from(bytes.get_u8()) + 1);
    let (packets, rest, error) = split(bytes, bytes.len().max(1), most);
    let in_pieces = split(bytes, piece, most);
    assert_eq!((&packets, &error), (&in_pieces.0, &in_pieces.2), "pieces of {piece} make a difference");
    if let Some(error) = &error {
        assert!(error.reason_code().is_error(), "{error}");
        return;
    }
    assert_eq!(rest, in_pieces.1);
    assert!(bytes.ends_with(&rest), "what is left is not the end of what came");
    assert_ne!(missing(&rest), Some(0), "a whole packet was left");
}

fn split(bytes: &[u8], piece: usize, most: u32) -> Found {
    let mut buf = BytesMut::new();
    let mut packets = Vec::new();
    for piece in bytes.chunks(piece) {
        buf.extend_from_slice(piece);
        loop {
            let mut frames = match take_frames(&mut buf, most) {
                Ok(frames) if frames.is_empty() => break,
                Ok(frames) => frames,
                Err(error) => return (packets, buf.to_vec(), Some(error)),
            };
            while let Some(frame) = frames.next() {
                assert!(frame.size() <= most as usize, "{} bytes", frame.size());
                packets.push((frame.flags(), frame.body().to_vec()));
            }
            assert_eq!(frames.remaining(), 0);
        }
    }
    (packets, buf.to_vec(), None)
}
