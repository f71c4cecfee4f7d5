//! The engine linked into a WebAssembly module as a page would use it: connected, fed with bytes, drained. What the
//! linker finds to be missing would be an import of the module, and there must be none: no clock, no randomness.

use bytes::BytesMut;
use polymqtt_proto::engine::{Engine, SubscribeRequest, Token, Transmit};
use polymqtt_proto::error::Error;
use polymqtt_proto::message::Message;
use polymqtt_proto::options::Options;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::TopicFilter;

/// Connects to a server that says `answers`, subscribes, publishes, and receives; gives the bytes that were written,
/// `u32::MAX` after an error.
#[unsafe(no_mangle)]
pub extern "C" fn run(seed: u32, answers: u32) -> u32 {
    exchange(seed, answers).unwrap_or(u32::MAX)
}

fn exchange(seed: u32, answers: u32) -> Result<u32, Error> {
    let options = Options::new("wss://localhost/mqtt")?.username("ann").password("secret").scram_sha256()?;
    let mut entropy = [0; 16];
    entropy[..4].copy_from_slice(&seed.to_le_bytes());
    let now = Timestamp::ZERO;
    let mut engine = Engine::new(options.check()?, entropy, now);
    let filters = vec![(TopicFilter::try_from("a/#")?, Default::default())];
    let stream = engine.declare(now, SubscribeRequest { filters, ..SubscribeRequest::default() })?;
    engine.connect(now, Token(1))?;
    engine.handle_opened(now);
    let message = Message::new("a/b", "x")?.with_qos(QoS::ExactlyOnce);
    engine.publish(now, message, None, Token(2)).map_err(|rejected| rejected.error)?;
    let mut received = BytesMut::from(&answers.to_be_bytes()[..]);
    engine.handle_bytes(now, &mut received);
    while let Ok(Some(message)) = engine.receive(now, stream) {
        engine.acknowledge(now, &message);
    }
    engine.handle_deadline(now);
    let mut transmit = Transmit::default();
    engine.poll_transmit(&mut transmit);
    Ok(u32::try_from(transmit.tail.len()).unwrap_or(u32::MAX - 1))
}
