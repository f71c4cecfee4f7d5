//! Messages on their way in: read, routed to a stream, taken, acknowledged.

use bytes::{Bytes, BytesMut};
use polymqtt_proto::codec::{Delivery, Publish, SubscriptionIdentifier, SubscriptionIdentifiers, Version};
use polymqtt_proto::engine::StreamId;
use polymqtt_proto::qos::{PacketId, QoS};
use polymqtt_proto::text::Utf8String;

use crate::host::{CONNACK, Host, NOW, expect};
use crate::{BATCH, Failure};

pub(crate) const TOPIC: &str = "sink/temperature/1";
pub(crate) const PAYLOAD: [u8; 64] = [b'x'; 64];

/// CONNACK of a server that knows no subscription identifiers: the topic says whose a message is.
const NO_IDENTIFIERS: &[u8] = &[0x20, 5, 0, 0, 2, 0x29, 0];

pub(crate) fn qos0(batches: usize) -> Result<(), Failure> {
    let mut peer = Peer::subscribed(QoS::AtMostOnce)?;
    for _ in 0..batches {
        peer.deliver()?;
    }
    Ok(())
}

pub(crate) fn qos1(batches: usize) -> Result<(), Failure> {
    let mut peer = Peer::subscribed(QoS::AtLeastOnce)?;
    for _ in 0..batches {
        peer.deliver()?;
        expect("bytes of PUBACK", peer.host.write(|_| ()), 4 * BATCH)?;
    }
    Ok(())
}

pub(crate) fn qos2(batches: usize) -> Result<(), Failure> {
    let mut peer = Peer::subscribed(QoS::ExactlyOnce)?;
    let releases: Vec<u8> = (1..=BATCH as u16)
        .flat_map(|id| {
            let [high, low] = id.to_be_bytes();
            [0x62, 2, high, low]
        })
        .collect();
    for _ in 0..batches {
        peer.deliver()?;
        expect("bytes of PUBREC", peer.host.write(|_| ()), 4 * BATCH)?;
        peer.host.read(&releases);
        expect("bytes of PUBCOMP", peer.host.write(|_| ()), 4 * BATCH)?;
    }
    Ok(())
}

pub(crate) fn qos0_batches(batches: usize) -> Result<(), Failure> {
    let mut peer = Peer::subscribed(QoS::AtMostOnce)?;
    let mut taken = Vec::with_capacity(BATCH);
    for _ in 0..batches {
        peer.deliver_batch(&mut taken)?;
    }
    Ok(())
}

pub(crate) fn qos1_batches(batches: usize) -> Result<(), Failure> {
    let mut peer = Peer::subscribed(QoS::AtLeastOnce)?;
    let mut taken = Vec::with_capacity(BATCH);
    for _ in 0..batches {
        peer.deliver_batch(&mut taken)?;
        expect("bytes of PUBACK", peer.host.write(|_| ()), 4 * BATCH)?;
    }
    Ok(())
}

/// A turn of the host for each message and each acknowledgement, as with a server that sends now and then.
pub(crate) fn one_by_one(batches: usize) -> Result<(), Failure> {
    let mut peer = Peer::subscribed(QoS::AtLeastOnce)?;
    let packet = peer.packets.get(..peer.packets.len() / BATCH).unwrap_or_default().to_vec();
    for _ in 0..batches * BATCH {
        peer.host.read(&packet);
        expect("readable", usize::from(peer.host.engine.poll_readable().is_some()), 1)?;
        expect("received", peer.take()?, 1)?;
        expect("bytes of PUBACK", peer.host.write(|_| ()), 4)?;
    }
    Ok(())
}

/// Sixty-four topics in turn among a thousand filters, a third of them with wildcards.
pub(crate) fn route(batches: usize) -> Result<(), Failure> {
    let filters = (0..1000).map(|number| match number % 3 {
        0 => format!("house/{}/+/{number}", number / 50),
        1 => format!("house/{}/kitchen/{number}", number / 50),
        _ => format!("house/{}/cellar/{number}/#", number / 50),
    });
    let topics: Vec<String> = (0..64)
        .map(|turn| {
            let number = 1 + turn * 15;
            match number % 3 {
                0 => format!("house/{}/attic/{number}", number / 50),
                1 => format!("house/{}/kitchen/{number}", number / 50),
                _ => format!("house/{}/cellar/{number}/shelf", number / 50),
            }
        })
        .collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let mut host = Host::connected(NO_IDENTIFIERS)?;
    let (stream, _) = host.subscribe(filters, QoS::AtMostOnce)?;
    let packets = publishes(0, &topics, &[None])?;
    let mut peer = Peer { host, stream, packets };
    for _ in 0..batches {
        peer.deliver()?;
    }
    Ok(())
}

/// A connected host with a stream, and the messages that a server sends to it.
struct Peer {
    host: Host,
    stream: StreamId,
    packets: Vec<u8>,
}

impl Peer {
    /// One stream, of one filter, named by its subscription identifier.
    fn subscribed(qos: QoS) -> Result<Self, Failure> {
        let mut host = Host::connected(CONNACK)?;
        let (stream, identifiers) = host.subscribe([TOPIC.to_owned()], qos)?;
        let packets = publishes(qos as u8, &[TOPIC], &[identifiers.first().copied()])?;
        Ok(Self { host, stream, packets })
    }

    /// A batch arrives and is taken message by message.
    fn deliver(&mut self) -> Result<(), Failure> {
        self.host.read(&self.packets);
        expect("readable", usize::from(self.host.engine.poll_readable().is_some()), 1)?;
        expect("received", self.take()?, BATCH)
    }

    /// A batch arrives and is taken at once.
    fn deliver_batch(&mut self, taken: &mut Vec<polymqtt_proto::message::Message>) -> Result<(), Failure> {
        self.host.read(&self.packets);
        expect("readable", usize::from(self.host.engine.poll_readable().is_some()), 1)?;
        let received = self.host.engine.receive_many(NOW, self.stream, BATCH, taken)?;
        expect("received", received, BATCH)?;
        taken.clear();
        expect("received", self.host.engine.receive_many(NOW, self.stream, BATCH, taken)?, 0)
    }

    /// Takes all messages of the stream, one by one; how many.
    fn take(&mut self) -> Result<usize, Failure> {
        let mut taken = 0;
        while let Some(message) = self.host.engine.receive(NOW, self.stream)? {
            std::hint::black_box(message);
            taken += 1;
        }
        Ok(taken)
    }
}

/// A batch of PUBLISH packets as a server sends them, to these topics in turn.
pub(crate) fn publishes(
    qos: u8,
    topics: &[&str],
    identifiers: &[Option<SubscriptionIdentifier>],
) -> Result<Vec<u8>, Failure> {
    let mut out = BytesMut::new();
    let turns = topics.iter().zip(identifiers.iter().cycle()).cycle();
    for (id, (topic, identifier)) in (1..=BATCH as u16).zip(turns) {
        let packet_id = PacketId::new(id).ok_or("a packet identifier")?;
        let publish = Publish {
            delivery: match qos {
                0 => Delivery::AtMostOnce,
                1 => Delivery::AtLeastOnce { packet_id, dup: false },
                _ => Delivery::ExactlyOnce { packet_id, dup: false },
            },
            retain: false,
            topic: Utf8String::try_from(*topic)?,
            topic_alias: None,
            subscription_identifiers: SubscriptionIdentifiers::from_iter(*identifier),
            properties: None,
            payload: Bytes::from_static(&PAYLOAD),
        };
        publish.encode(Version::V5, &mut out)?;
    }
    Ok(out.to_vec())
}
