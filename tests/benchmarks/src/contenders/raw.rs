//! The limit: a blocking loop on a socket that encodes every message, parses every packet, and does
//! nothing else. MQTT 5.0. Writes of up to 64 KiB, reads of up to 256 KiB; a QoS 1 or 2 publisher has up to
//! 16,384 messages in flight; a receiver looks at each topic and answers a read's QoS 1 messages in one
//! write.

use std::io::Write;
use std::time::Instant;

use bytes::Bytes;

use crate::error::{BenchError, Context};
use crate::link::{self, Stream};
use crate::task::{
    ECHO_TOPIC, Measurement, PAYLOAD, RoundTrips, SINK_TOPIC, Task, barrier_topic, rate_since,
};
use crate::wire::{self, Delivery, FrameReader};

pub(super) const PATTERN: &str = "5.0, blocking socket; encodes each message, writes 64 KiB at a time; QoS 1 and \
    2: 16,384 in flight; parses and acknowledges whatever a read brought";

/// Bytes encoded before they are written.
const WRITE_BLOCK: usize = 64 * 1024;

/// QoS 1 and 2 messages that may be unacknowledged: their acknowledgements fit the socket's buffers, so that
/// writing without reading meanwhile cannot lock up.
const IN_FLIGHT: u16 = 16 * 1024;

pub(super) fn publish(task: Task) -> Result<Measurement, BenchError> {
    let mut socket = Socket::connect(task)?;
    let publish = match task.qos {
        0 => Socket::publish_qos0,
        1 => Socket::publish_qos1,
        _ => Socket::publish_qos2,
    };
    publish(&mut socket, task.warm_up())?;
    let began = Instant::now();
    publish(&mut socket, task.count)?;
    Ok(rate_since(began, task.count))
}

pub(super) fn receive(task: Task) -> Result<Measurement, BenchError> {
    let mut socket = Socket::connect(task)?;
    socket.receive(task, task.warm_up())?;
    let began = Instant::now();
    socket.receive(task, task.count)?;
    Ok(rate_since(began, task.count))
}

pub(super) fn round_trip(task: Task) -> Result<Measurement, BenchError> {
    let mut socket = Socket::connect(task)?;
    socket.subscribe(ECHO_TOPIC, 0)?;
    socket.expect(wire::SUBACK)?;
    for _ in 0..task.warm_up() {
        socket.exchange()?;
    }
    let mut trips = RoundTrips::start(task.count);
    for _ in 0..task.count {
        socket.exchange()?;
        trips.lap();
    }
    Ok(trips.finish())
}

struct Socket {
    stream: Box<dyn Stream>,
    payload: Bytes,
    frames: FrameReader,
    out: Vec<u8>,
    /// The next packet identifier.
    packet_id: u16,
}

impl Socket {
    fn connect(task: Task) -> Result<Self, BenchError> {
        let stream = link::dial(task)?;
        let payload = task.payload();
        let out = Vec::with_capacity(2 * WRITE_BLOCK);
        let mut socket = Self { stream, payload, frames: FrameReader::new(), out, packet_id: 1 };
        socket.out.extend_from_slice(&[0x10, 16, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 60, 0, 0, 3]);
        socket.out.extend_from_slice(b"raw");
        socket.flush()?;
        socket.expect(wire::CONNACK)?;
        Ok(socket)
    }

    fn publish_qos0(&mut self, count: u64) -> Result<(), BenchError> {
        for _ in 0..count {
            self.put(Delivery::Qos0)?;
            if self.out.len() >= WRITE_BLOCK {
                self.flush()?;
            }
        }
        let topic = barrier_topic(count);
        wire::put_publish(&mut self.out, topic.as_bytes(), Delivery::Qos1(1), &[0], &PAYLOAD);
        self.flush()?;
        self.expect(wire::PUBACK)
    }

    fn publish_qos1(&mut self, count: u64) -> Result<(), BenchError> {
        let (mut unsent, mut unacknowledged) = (count, 0);
        while unsent > 0 || unacknowledged > 0 {
            self.send(&mut unsent, &mut unacknowledged, Delivery::Qos1)?;
            if unacknowledged < IN_FLIGHT && unsent > 0 {
                continue;
            }
            self.read()?;
            while let Some(frame) = self.frames.next()? {
                if frame.packet_type() == wire::PUBACK {
                    unacknowledged -= 1;
                }
            }
        }
        Ok(())
    }

    fn publish_qos2(&mut self, count: u64) -> Result<(), BenchError> {
        let (mut unsent, mut unacknowledged) = (count, 0);
        while unsent > 0 || unacknowledged > 0 {
            self.send(&mut unsent, &mut unacknowledged, Delivery::Qos2)?;
            if unacknowledged < IN_FLIGHT && unsent > 0 {
                continue;
            }
            self.read()?;
            while let Some(frame) = self.frames.next()? {
                match frame.packet_type() {
                    wire::PUBREC => wire::put_ack(&mut self.out, wire::PUBREL, frame.packet_id()?),
                    wire::PUBCOMP => unacknowledged -= 1,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Encodes a message; a large payload is written at once, without a copy.
    #[inline]
    fn put(&mut self, delivery: Delivery) -> Result<(), BenchError> {
        let size = self.payload.len();
        if size <= WRITE_BLOCK {
            wire::put_publish(&mut self.out, SINK_TOPIC.as_bytes(), delivery, &[0], &self.payload);
            return Ok(());
        }
        wire::put_publish_head(&mut self.out, SINK_TOPIC.as_bytes(), delivery, &[0], size);
        self.flush()?;
        self.stream.write_all(&self.payload).context("write")
    }

    /// Writes what is due and a block of messages, as many as may be in flight.
    #[inline]
    fn send(
        &mut self,
        unsent: &mut u64,
        unacknowledged: &mut u16,
        delivery: impl Fn(u16) -> Delivery,
    ) -> Result<(), BenchError> {
        while *unsent > 0 && *unacknowledged < IN_FLIGHT && self.out.len() < WRITE_BLOCK {
            let id = self.packet_id;
            self.put(delivery(id))?;
            self.packet_id = id.checked_add(1).unwrap_or(1);
            *unsent -= 1;
            *unacknowledged += 1;
        }
        self.flush()
    }

    fn receive(&mut self, task: Task, count: u64) -> Result<(), BenchError> {
        let filter = task.source_filter(count);
        self.subscribe(&filter, task.qos)?;
        // One more than asked for: the message that says that all is done.
        let mut missing = count + 1;
        while missing > 0 {
            self.read()?;
            while let Some(frame) = self.frames.next()? {
                if frame.packet_type() != wire::PUBLISH {
                    continue;
                }
                missing -= 1;
                let mut body = wire::Cursor(frame.body);
                if body.text()? != filter.as_bytes() {
                    return Err(BenchError::Protocol("a message to another topic"));
                }
                if frame.qos() > 0 {
                    wire::put_ack(&mut self.out, wire::PUBACK, body.u16()?);
                }
            }
            self.flush()?;
        }
        Ok(())
    }

    /// One message to the echo and back.
    fn exchange(&mut self) -> Result<(), BenchError> {
        wire::put_publish(&mut self.out, ECHO_TOPIC.as_bytes(), Delivery::Qos0, &[0], &PAYLOAD);
        self.flush()?;
        self.expect(wire::PUBLISH)
    }

    fn subscribe(&mut self, filter: &str, qos: u8) -> Result<(), BenchError> {
        self.out.push(wire::SUBSCRIBE << 4 | 2);
        wire::put_variable(&mut self.out, 2 + 1 + 2 + filter.len() + 1);
        self.out.extend_from_slice(&[0, 1, 0]);
        wire::put_text(&mut self.out, filter.as_bytes());
        self.out.push(qos);
        self.flush()
    }

    /// Reads until a packet of that type has come; there is never more than one to come.
    fn expect(&mut self, packet_type: u8) -> Result<(), BenchError> {
        loop {
            self.read()?;
            if let Some(frame) = self.frames.next()? {
                if frame.packet_type() == packet_type {
                    return Ok(());
                }
                return Err(BenchError::Protocol("another packet was expected"));
            }
        }
    }

    fn read(&mut self) -> Result<(), BenchError> {
        match self.frames.fill(&mut self.stream).context("read")? {
            0 => Err(BenchError::Protocol("the server closed the connection")),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), BenchError> {
        self.stream.write_all(&self.out).context("write")?;
        self.out.clear();
        self.stream.flush().context("write")
    }
}
