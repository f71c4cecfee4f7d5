//! Received bytes become packets, and packets reach the part of the engine that they are for.

use bytes::BytesMut;

use super::Engine;
use super::round_trip::Probed;
use crate::codec::{
    Ack, Auth, ConnAck, Disconnect, EncodeError, Frame, Frames, Packet, PacketType, SubAck, UnsubAck,
    Version, take_frames,
};
use crate::error::{Error, ErrorKind};
use crate::reason::ReasonCode;
use crate::time::Timestamp;

impl Engine {
    /// Bytes were received: takes whole packets off the front of `buf` and leaves the tail, to be given again with
    /// what comes next.
    ///
    /// Packets that arrived together with what filled a stream are kept while reading pauses: once
    /// [`Engine::has_unhandled`] says that they can be handled, call this again, with new bytes or without.
    pub fn handle_bytes(&mut self, now: Timestamp, buf: &mut BytesMut) {
        let now = self.tick(now);
        let received = buf.len().saturating_sub(self.unparsed);
        self.metrics.bytes_received += received as u64;
        if let Some(connection) = &mut self.connection
            && received > 0
        {
            connection.keep_alive.received(now);
        }
        if self.life.is_handshaking()
            && let Some(first) = buf.first()
            && !may_answer_connect(*first)
        {
            let error = not_connack(*first);
            self.fail_connection(error);
        }
        while self.life.is_reading() && self.streams_have_room() {
            self.handle_frames(now);
            // Of a connection that they ended nothing more is looked at: DISCONNECT was the last packet [MQTT-3.14.4-1].
            if !self.unhandled.is_empty() || !self.life.is_reading() {
                break;
            }
            match take_frames(buf, self.settings.maximum_packet_size) {
                Ok(frames) if frames.is_empty() => break,
                Ok(frames) => self.unhandled = frames,
                Err(error) => self.fail_connection(error.into()),
            }
        }
        if !self.life.is_reading() && !self.life.is_verifying() {
            self.unhandled = Frames::default();
            buf.clear();
        }
        self.unparsed = buf.len();
        self.flush_acks();
        self.pump(now);
        self.settle_goodbye();
    }

    /// Whether packets wait that [`Engine::handle_bytes`] could handle now.
    #[must_use]
    #[inline]
    pub fn has_unhandled(&self) -> bool {
        !self.unhandled.is_empty() && self.wants_read()
    }

    /// Handles packets until reading pauses or the connection ends.
    fn handle_frames(&mut self, now: Timestamp) {
        let mut frames = std::mem::take(&mut self.unhandled);
        while self.life.is_reading()
            && self.streams_have_room()
            && let Some(frame) = frames.next()
        {
            if let Err(error) = self.handle_packet(now, &frame) {
                self.fail_connection(error);
            }
        }
        // An empty block would keep its bytes from being read into again.
        if !frames.is_empty() {
            self.unhandled = frames;
        }
    }

    /// So many bytes of the transmits were written to the transport.
    pub fn handle_written(&mut self, now: Timestamp, bytes: usize) {
        let now = self.tick(now);
        self.metrics.bytes_sent += bytes as u64;
        self.outbox.confirm_written(bytes);
        self.round_trip.written(self.outbox.written(), now);
        if let Some(connection) = &mut self.connection {
            connection.keep_alive.written(self.outbox.written(), now);
        }
        self.pump(now);
    }

    #[inline]
    fn handle_packet(&mut self, now: Timestamp, frame: &Frame<'_>) -> Result<(), Error> {
        let version = self.version();
        let packet_type = frame.packet_type()?;
        if self.life.is_handshaking() {
            return match packet_type {
                PacketType::ConnAck => self.handle_connack(now, &read_connack(version, frame)?),
                PacketType::Auth => self.handle_auth(now, Auth::decode(version, frame)?),
                other => Err(out_of_place(other, "before CONNACK")),
            };
        }
        match packet_type {
            PacketType::Publish => self.handle_publish(frame),
            PacketType::PubAck => self.handle_puback(Ack::decode(packet_type, version, frame)?),
            PacketType::PubRec => self.handle_pubrec(Ack::decode(packet_type, version, frame)?),
            PacketType::PubComp => self.handle_pubcomp(Ack::decode(packet_type, version, frame)?),
            PacketType::PubRel => {
                self.handle_pubrel(Ack::decode(packet_type, version, frame)?.packet_id);
                Ok(())
            }
            PacketType::SubAck => self.handle_suback(SubAck::decode(version, frame)?),
            PacketType::UnsubAck => self.handle_unsuback(UnsubAck::decode(version, frame)?),
            PacketType::PingResp => {
                Packet::decode(version, frame)?;
                self.round_trip.answered(Probed::Ping, now);
                Ok(())
            }
            PacketType::Disconnect => {
                self.handle_disconnect(Disconnect::decode(version, frame)?);
                Ok(())
            }
            PacketType::ConnAck => Err(out_of_place(packet_type, "a second time")),
            PacketType::Auth => self.handle_auth(now, Auth::decode(version, frame)?),
            PacketType::Connect | PacketType::Subscribe | PacketType::Unsubscribe | PacketType::PingReq => {
                Err(out_of_place(packet_type, "which only a client may send"))
            }
        }
    }

    /// Appends a packet of this size unless the server would not take it: then gives the error.
    pub(super) fn put_checked(
        &mut self,
        size: usize,
        encode: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
    ) -> Option<Error> {
        let maximum =
            self.connection.as_ref().and_then(|connection| connection.grant.limits.maximum_packet_size);
        if let Some(maximum) = maximum
            && size > maximum as usize
        {
            let what = format!("the packet would have {size} bytes: the server takes at most {maximum}");
            return Some(
                Error::new(ErrorKind::PacketTooLarge, what).with_reason_code(ReasonCode::PacketTooLarge),
            );
        }
        let written = encode(self.outbox.tail());
        written.err().map(|error| Error::new(ErrorKind::InvalidOption, error.to_string()))
    }
}

/// A server that speaks only version 3.1.1 refuses version 5 in its own shape.
fn read_connack(version: Version, frame: &Frame<'_>) -> Result<ConnAck, Error> {
    if version == Version::V5 && frame.body() == [0, 1] {
        return Ok(ConnAck { reason_code: ReasonCode::UnsupportedProtocolVersion, ..ConnAck::default() });
    }
    Ok(ConnAck::decode(version, frame)?)
}

/// Whether a packet that begins with this byte may come before the handshake is over.
fn may_answer_connect(first: u8) -> bool {
    [PacketType::ConnAck, PacketType::Auth].iter().any(|packet| packet.first_byte() == first)
}

/// Most likely a server of another protocol, whose words would be waited for as the length of a packet.
fn not_connack(first: u8) -> Error {
    let what = format!(
        "the server does not answer CONNECT by CONNACK: its answer begins with the byte 0x{first:02X}"
    );
    Error::new(ErrorKind::Protocol, what).with_reason_code(ReasonCode::ProtocolError)
}

fn out_of_place(packet: PacketType, when: &str) -> Error {
    let what = format!("the server sent {packet} {when}");
    Error::new(ErrorKind::Protocol, what).with_reason_code(ReasonCode::ProtocolError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Token;
    use crate::options::Options;

    #[test]
    fn nobody_holds_bytes_whose_packets_were_handled() {
        let now = Timestamp::ZERO;
        let settings = Options::new("mqtt://server").unwrap().check().unwrap();
        let mut engine = Engine::new(settings, [0; 16], now);
        engine.connect(now, Token(1)).unwrap();
        engine.handle_opened(now);
        let mut buf = BytesMut::with_capacity(1024);
        for packet in [&b"\x20\x03\0\0\0"[..], b"\x30\x04\0\x01a\0", b"\xD0\0\x30"] {
            buf.extend_from_slice(packet);
            engine.handle_bytes(now, &mut buf);
            assert!(buf.try_reclaim(1024 - buf.len()), "{packet:?}");
        }
    }
}
