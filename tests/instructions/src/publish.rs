//! Messages on their way out: accepted, written, acknowledged, each outcome taken.

use bytes::Bytes;
use polymqtt_proto::engine::Token;
use polymqtt_proto::message::Message;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::topic::TopicName;

use crate::host::{CONNACK, Host, NOW, expect, identifiers};
use crate::receive::{PAYLOAD, TOPIC};
use crate::{BATCH, Failure};

/// Where the packet identifier is in a PUBLISH to [`TOPIC`], and how large that is: fixed header 2, topic, identifier,
/// no properties 1, payload.
const IDENTIFIER: usize = 2 + 2 + TOPIC.len();
const SIZE: usize = IDENTIFIER + 2 + 1 + PAYLOAD.len();

/// CONNACK of a server that takes ten topic aliases.
const ALIASES: &[u8] = &[0x20, 6, 0, 0, 3, 0x22, 0, 10];

pub(crate) fn qos0(batches: usize) -> Result<(), Failure> {
    let mut host = Host::connected(CONNACK)?;
    let message = message(QoS::AtMostOnce)?;
    for _ in 0..batches {
        for _ in 0..BATCH {
            host.engine
                .publish(NOW, message.clone(), None, Token::NONE)
                .map_err(|rejected| rejected.error)?;
        }
        expect("bytes", host.write(|_| ()), BATCH * (SIZE - 2))?;
    }
    Ok(())
}

pub(crate) fn qos1(batches: usize) -> Result<(), Failure> {
    let mut host = Host::connected(CONNACK)?;
    let message = message(QoS::AtLeastOnce)?;
    let mut acks = Vec::new();
    for _ in 0..batches {
        publish(&mut host, &message, BATCH)?;
        acks.clear();
        host.write(|packets| answer(&mut acks, 0x40, packets));
        host.read(&acks);
        expect("acknowledged", host.completions(), BATCH)?;
    }
    Ok(())
}

pub(crate) fn qos2(batches: usize) -> Result<(), Failure> {
    let mut host = Host::connected(CONNACK)?;
    let message = message(QoS::ExactlyOnce)?;
    let mut acks = Vec::new();
    for _ in 0..batches {
        publish(&mut host, &message, BATCH)?;
        acks.clear();
        host.write(|packets| answer(&mut acks, 0x50, packets));
        host.read(&acks);
        expect("bytes of PUBREL", host.write(|_| ()), 4 * BATCH)?;
        // The same identifiers in PUBCOMP.
        acks.iter_mut().step_by(4).for_each(|first| *first = 0x70);
        host.read(&acks);
        expect("completed", host.completions(), BATCH)?;
    }
    Ok(())
}

/// As a program does that names the topic in each call.
pub(crate) fn new_topic(batches: usize) -> Result<(), Failure> {
    let mut host = Host::connected(CONNACK)?;
    for _ in 0..batches {
        for _ in 0..BATCH {
            let message = Message::new(std::hint::black_box(TOPIC), Bytes::from_static(&PAYLOAD))?;
            host.engine.publish(NOW, message, None, Token::NONE).map_err(|rejected| rejected.error)?;
        }
        expect("bytes", host.write(|_| ()), BATCH * (SIZE - 2))?;
    }
    Ok(())
}

/// With a server that takes topic aliases.
pub(crate) fn topic_alias(batches: usize) -> Result<(), Failure> {
    let mut host = Host::connected(ALIASES)?;
    let message = message(QoS::AtMostOnce)?;
    for _ in 0..batches {
        for _ in 0..BATCH {
            host.engine
                .publish(NOW, message.clone(), None, Token::NONE)
                .map_err(|rejected| rejected.error)?;
        }
        host.write(|_| ());
    }
    Ok(())
}

/// A turn of the host for each message and each acknowledgement, as with a program that awaits every message.
pub(crate) fn one_by_one(batches: usize) -> Result<(), Failure> {
    let mut host = Host::connected(CONNACK)?;
    let message = message(QoS::AtLeastOnce)?;
    let mut acks = Vec::new();
    for _ in 0..batches * BATCH {
        publish(&mut host, &message, 1)?;
        acks.clear();
        host.write(|packets| answer(&mut acks, 0x40, packets));
        host.read(&acks);
        expect("acknowledged", host.completions(), 1)?;
    }
    Ok(())
}

fn message(qos: QoS) -> Result<Message, Failure> {
    Ok(Message::to(TopicName::try_from(TOPIC)?, Bytes::from_static(&PAYLOAD)).with_qos(qos))
}

fn publish(host: &mut Host, message: &Message, count: usize) -> Result<(), Failure> {
    for token in 1..=count as u64 {
        host.engine.publish(NOW, message.clone(), None, Token(token)).map_err(|rejected| rejected.error)?;
    }
    Ok(())
}

/// What a server answers to these PUBLISH packets, with packets of this type.
fn answer(acks: &mut Vec<u8>, packet_type: u8, packets: &[u8]) {
    for [high, low] in identifiers(packets, SIZE, IDENTIFIER) {
        acks.extend_from_slice(&[packet_type, 2, high, low]);
    }
}
