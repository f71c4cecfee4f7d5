//! The server that every contender is measured against: nothing but the protocol. A blocking thread a
//! connection, one big read, all answers of a read in one write, no allocation a message.
//!
//! It is a sink (counts PUBLISHes and acknowledges them), an echo (sends a PUBLISH to `echo/...` back)
//! and, when a client subscribes to `source/...`, a source; see [`crate::task`] for these topics.
//!
//! Writes block. That cannot lock up with a client that stops reading while it writes: no more than
//! 65,535 acknowledgements of 4 bytes can be due at once, and the kernel's buffers hold those.

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;

use crate::certificates;
use crate::error::{BenchError, Context};
use crate::idle;
use crate::link::{self, Stream};
use crate::source::Source;
use crate::task::{BARRIER, PAYLOAD, SOURCE};
use crate::wire::{self, Cursor, Delivery, Frame, FrameReader, V5};

/// The largest payload that may be asked for.
const LARGEST: usize = 1 << 20;

/// What the server prints before its port number when it is ready.
pub(crate) const READY: &str = "listening on port ";

/// Serves until standard input ends, so that no server outlives the process that started it. `certificates` is the
/// folder with what the server shows; without, it does not speak TLS.
pub(crate) fn run(certificates: Option<&Path>) -> Result<(), BenchError> {
    idle::raise_file_limit()?;
    let tls = certificates.map(certificates::server).transpose()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind")?;
    let port = listener.local_addr().context("local address")?.port();
    writeln!(io::stdout(), "{READY}{port}").context("standard output")?;
    thread::spawn(move || {
        for stream in listener.incoming() {
            let tls = tls.clone();
            thread::spawn(move || {
                let stream = stream.context("accept").and_then(|stream| link::accept(stream, tls));
                if let Err(error) = stream.and_then(serve) {
                    eprintln!("server: {error}");
                }
            });
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink()).context("standard input").map(drop)
}

fn serve(mut stream: Box<dyn Stream>) -> Result<(), BenchError> {
    let mut frames = FrameReader::new();
    let mut connection = Connection::default();
    loop {
        match frames.fill(&mut stream) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // A contender's process that ends without closing properly is not the server's concern.
            Err(error) if link::is_gone(&error) => return Ok(()),
            Err(error) => return Err(error).context("read"),
        }
        while let Some(frame) = frames.next()? {
            connection.handle(frame)?;
        }
        connection.flush(&mut stream).context("write")?;
        if connection.closing {
            return Ok(());
        }
    }
}

/// One client's connection.
#[derive(Default)]
struct Connection {
    /// Protocol level of the client's CONNECT.
    level: u8,
    /// The client's Receive Maximum.
    receive_maximum: u16,
    /// Property block of PUBLISHes to this client: empty for 3.1.1, else with the Subscription Identifier
    /// of the latest SUBSCRIBE, if it had one [MQTT-3.3.4-3].
    properties: Vec<u8>,
    /// PUBLISHes since the last barrier.
    counted: u64,
    /// QoS 2 messages whose PUBREL has not come.
    unreleased: u64,
    source: Option<Source>,
    out: Vec<u8>,
    closing: bool,
}

impl Connection {
    #[inline]
    fn handle(&mut self, frame: Frame<'_>) -> Result<(), BenchError> {
        match frame.packet_type() {
            wire::PUBLISH => self.publish(frame)?,
            wire::PUBACK => {
                let source = self.source.as_mut().ok_or(BenchError::Protocol("PUBACK without a source"))?;
                source.acknowledged(frame.packet_id()?)?;
            }
            wire::PUBREL => self.release(frame.packet_id()?)?,
            wire::CONNECT => self.connect(frame)?,
            wire::SUBSCRIBE => self.subscribe(frame)?,
            wire::UNSUBSCRIBE => self.unsubscribe(frame)?,
            wire::PINGREQ => self.out.extend_from_slice(&[wire::PINGRESP << 4, 0]),
            wire::DISCONNECT => self.closing = true,
            _ => return Err(BenchError::Protocol("unexpected packet type")),
        }
        Ok(())
    }

    /// Writes what is due: the answers, then as much as the source may send.
    fn flush(&mut self, stream: &mut impl Write) -> io::Result<()> {
        if !self.out.is_empty() {
            stream.write_all(&self.out)?;
            self.out.clear();
        }
        if let Some(source) = &mut self.source {
            source.send(&mut *stream)?;
        }
        stream.flush()
    }

    fn connect(&mut self, frame: Frame<'_>) -> Result<(), BenchError> {
        let mut body = Cursor(frame.body);
        body.text()?;
        self.level = body.u8()?;
        // Connect flags and keep alive: nothing here depends on them.
        body.take(3)?;
        self.receive_maximum = u16::MAX;
        if self.level == V5 {
            let mut properties = body.properties()?;
            while !properties.is_empty() {
                match properties.u8()? {
                    // Receive Maximum.
                    0x21 => self.receive_maximum = properties.u16()?,
                    // Topic Alias Maximum.
                    0x22 => drop(properties.take(2)?),
                    // Session Expiry Interval, Maximum Packet Size.
                    0x11 | 0x27 => drop(properties.take(4)?),
                    // Request Problem Information, Request Response Information.
                    0x17 | 0x19 => drop(properties.u8()?),
                    // Authentication Method and Data.
                    0x15 | 0x16 => drop(properties.text()?),
                    // User Property.
                    0x26 => drop((properties.text()?, properties.text()?)),
                    _ => return Err(BenchError::Protocol("unknown property in CONNECT")),
                }
            }
            self.properties = vec![0];
            self.out.extend_from_slice(&[wire::CONNACK << 4, 3, 0, 0, 0]);
        } else {
            self.out.extend_from_slice(&[wire::CONNACK << 4, 2, 0, 0]);
        }
        Ok(())
    }

    #[inline]
    fn publish(&mut self, frame: Frame<'_>) -> Result<(), BenchError> {
        let mut body = Cursor(frame.body);
        let topic = body.text()?;
        match frame.qos() {
            0 if topic.starts_with(b"echo/") => return self.echo(topic, body),
            0 => self.counted += 1,
            1 if topic.starts_with(BARRIER.as_bytes()) => {
                let expected = topic.get(BARRIER.len()..).and_then(number);
                if expected != Some(self.counted) {
                    return Err(BenchError::Protocol("a barrier does not match what was counted"));
                }
                self.counted = 0;
                wire::put_ack(&mut self.out, wire::PUBACK, body.u16()?);
            }
            1 => {
                self.counted += 1;
                wire::put_ack(&mut self.out, wire::PUBACK, body.u16()?);
            }
            _ => {
                self.counted += 1;
                self.unreleased += 1;
                wire::put_ack(&mut self.out, wire::PUBREC, body.u16()?);
            }
        }
        Ok(())
    }

    /// A PUBREL came in.
    #[inline]
    fn release(&mut self, packet_id: u16) -> Result<(), BenchError> {
        let left = self.unreleased.checked_sub(1);
        self.unreleased = left.ok_or(BenchError::Protocol("a PUBREL for nothing"))?;
        wire::put_ack(&mut self.out, wire::PUBCOMP, packet_id);
        Ok(())
    }

    fn echo(&mut self, topic: &[u8], mut rest: Cursor<'_>) -> Result<(), BenchError> {
        if self.level == V5 {
            rest.properties()?;
        }
        wire::put_publish(&mut self.out, topic, Delivery::Qos0, &self.properties, rest.0);
        Ok(())
    }

    fn subscribe(&mut self, frame: Frame<'_>) -> Result<(), BenchError> {
        let mut body = Cursor(frame.body);
        let packet_id = body.u16()?;
        if self.level == V5 {
            self.properties = vec![0];
            let mut properties = body.properties()?;
            while !properties.is_empty() {
                match properties.u8()? {
                    0x0b => self.properties = identifier_block(properties.variable()?),
                    0x26 => drop((properties.text()?, properties.text()?)),
                    _ => return Err(BenchError::Protocol("unknown property in SUBSCRIBE")),
                }
            }
        }
        let mut granted = Vec::new();
        while !body.is_empty() {
            let filter = body.text()?;
            granted.push(body.u8()? & 3);
            if filter.starts_with(SOURCE.as_bytes()) {
                let window = self.receive_maximum.min(crate::task::SOURCE_WINDOW);
                let source = parse_source(filter, window, &self.properties);
                self.source = Some(source.ok_or(BenchError::Protocol("malformed source filter"))?);
            }
        }
        self.answer(wire::SUBACK, packet_id, &granted);
        Ok(())
    }

    fn unsubscribe(&mut self, frame: Frame<'_>) -> Result<(), BenchError> {
        let mut body = Cursor(frame.body);
        let packet_id = body.u16()?;
        let mut reasons = Vec::new();
        if self.level == V5 {
            body.properties()?;
            while !body.is_empty() {
                body.text()?;
                reasons.push(0);
            }
        }
        self.answer(wire::UNSUBACK, packet_id, &reasons);
        Ok(())
    }

    /// Appends a SUBACK or UNSUBACK.
    fn answer(&mut self, packet_type: u8, packet_id: u16, reasons: &[u8]) {
        let properties: &[u8] = if self.level == V5 { &[0] } else { &[] };
        self.out.push(packet_type << 4);
        wire::put_variable(&mut self.out, 2 + properties.len() + reasons.len());
        self.out.extend_from_slice(&packet_id.to_be_bytes());
        self.out.extend_from_slice(properties);
        self.out.extend_from_slice(reasons);
    }
}

/// A property block with nothing but a Subscription Identifier.
fn identifier_block(identifier: usize) -> Vec<u8> {
    let mut block = vec![0, 0x0b];
    wire::put_variable(&mut block, identifier);
    let length = block.len() - 1;
    if let Some(first) = block.first_mut() {
        *first = length as u8;
    }
    block
}

/// Reads `source/<qos>/<count>`, `source/<qos>/<count>/<payload>`.
fn parse_source(filter: &[u8], window: u16, properties: &[u8]) -> Option<Source> {
    let mut levels = filter.split(|&byte| byte == b'/').skip(1);
    let qos = number(levels.next()?)?;
    let count = number(levels.next()?)?;
    let payload = levels.next().map_or(Some(PAYLOAD.len() as u64), number)?;
    let payload = usize::try_from(payload).ok().filter(|&payload| payload <= LARGEST)?;
    Some(Source::new(filter, qos > 0, count, payload, window, properties))
}

fn number(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a connection answers to these bytes.
    fn answer(connection: &mut Connection, bytes: &[u8]) -> Result<Vec<u8>, BenchError> {
        let mut frames = FrameReader::new();
        frames.fill(bytes).unwrap();
        while let Some(frame) = frames.next()? {
            connection.handle(frame)?;
        }
        Ok(std::mem::take(&mut connection.out))
    }

    /// CONNECT with a Session Expiry Interval and a Receive Maximum of 20.
    const CONNECT_V5: &[u8] = b"\x10\x16\x00\x04MQTT\x05\x02\x00\x3c\x08\x11\0\0\0\x01\x21\x00\x14\x00\x01c";

    #[test]
    fn both_versions_are_welcome() {
        let mut v5 = Connection::default();
        assert_eq!(answer(&mut v5, CONNECT_V5).unwrap(), [0x20, 3, 0, 0, 0]);
        assert_eq!(v5.receive_maximum, 20);
        let connect_v311 = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c";
        assert_eq!(answer(&mut Connection::default(), connect_v311).unwrap(), [0x20, 2, 0, 0]);
    }

    #[test]
    fn an_echo_carries_the_subscription_identifier() {
        let mut connection = Connection::default();
        answer(&mut connection, CONNECT_V5).unwrap();
        let subscribe = b"\x82\x0f\x00\x07\x03\x0b\x80\x01\x00\x06echo/a\x01";
        assert_eq!(answer(&mut connection, subscribe).unwrap(), [0x90, 4, 0, 7, 0, 1]);
        let echo = answer(&mut connection, b"\x30\x0a\x00\x06echo/a\x00x").unwrap();
        assert_eq!(echo, b"\x30\x0d\x00\x06echo/a\x03\x0b\x80\x01x");
        assert_eq!(
            answer(&mut connection, b"\xa2\x0b\x00\x08\x00\x00\x06echo/a").unwrap(),
            [0xb0, 4, 0, 8, 0, 0]
        );
    }

    #[test]
    fn publishes_are_acknowledged_by_their_qos() {
        let mut connection = Connection::default();
        answer(&mut connection, CONNECT_V5).unwrap();
        let bytes = b"\x30\x04\x00\x01a\x00\x32\x06\x00\x01a\x00\x01\x00\x34\x06\x00\x01a\x00\x02\x00\x62\x02\x00\x02\xc0\x00";
        let answers = b"\x40\x02\x00\x01\x50\x02\x00\x02\x70\x02\x00\x02\xd0\x00";
        assert_eq!(answer(&mut connection, bytes).unwrap(), answers);
        assert_eq!(connection.counted, 3);
    }

    #[test]
    fn a_pubrel_needs_its_publish() {
        let mut connection = Connection::default();
        answer(&mut connection, CONNECT_V5).unwrap();
        assert!(answer(&mut connection, b"\x62\x02\x00\x02").is_err());
    }

    #[test]
    fn a_barrier_holds_when_a_message_is_missing() {
        let mut connection = Connection::default();
        answer(&mut connection, CONNECT_V5).unwrap();
        let one_and_barrier = b"\x30\x04\x00\x01a\x00\x32\x0e\x00\x09barrier/1\x00\x05\x00";
        assert_eq!(answer(&mut connection, one_and_barrier).unwrap(), [0x40, 2, 0, 5]);
        assert!(answer(&mut connection, b"\x32\x0e\x00\x09barrier/1\x00\x05\x00").is_err());
    }
}
