//! A host of the engine as small as can be: what it would write is looked at, what it would read is given.

use bytes::{Buf, BytesMut};
use polymqtt_proto::codec::{
    Packet, Subscribe, SubscriptionIdentifier, SubscriptionOptions, Version, take_frames,
};
use polymqtt_proto::engine::{Engine, StreamId, SubscribeRequest, Token, Transmit};
use polymqtt_proto::options::Options;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::TopicFilter;

use crate::Failure;

/// CONNACK of a server that sets no limits.
pub(crate) const CONNACK: &[u8] = &[0x20, 3, 0, 0, 0];

/// No time passes: a host that has no clock to read.
pub(crate) const NOW: Timestamp = Timestamp::ZERO;

pub(crate) struct Host {
    pub(crate) engine: Engine,
    transmit: Transmit,
    inbox: BytesMut,
}

impl Host {
    /// An engine that is connected, to a server that answers with this CONNACK.
    pub(crate) fn connected(connack: &[u8]) -> Result<Self, Failure> {
        let settings = Options::new("mqtt://localhost")?.check()?;
        let mut engine = Engine::new(settings, [7; 16], NOW);
        engine.connect(NOW, Token(u64::from(u32::MAX)))?;
        while engine.poll_action().is_some() {}
        engine.handle_opened(NOW);
        let mut host = Self { engine, transmit: Transmit::default(), inbox: BytesMut::new() };
        host.write(|_connect| ());
        host.read(connack);
        while host.engine.poll_completion().is_some() {}
        while host.engine.poll_event().is_some() {}
        Ok(host)
    }

    /// Writes what there is to write; `see` gets it. How many bytes.
    pub(crate) fn write(&mut self, see: impl FnOnce(&[u8])) -> usize {
        if !self.engine.poll_transmit(&mut self.transmit) {
            return 0;
        }
        see(&self.transmit.tail);
        let written = self.transmit.tail.len();
        self.transmit.tail.clear();
        self.engine.handle_written(NOW, written);
        written
    }

    /// Reads these bytes.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        self.engine.handle_bytes(NOW, &mut self.inbox);
    }

    /// Takes the outcomes of operations; how many.
    pub(crate) fn completions(&mut self) -> usize {
        std::iter::from_fn(|| self.engine.poll_completion()).count()
    }

    /// Subscribes to filters at this quality of service; gives the stream and the identifiers by which the server is to
    /// name them.
    pub(crate) fn subscribe(
        &mut self,
        filters: impl IntoIterator<Item = String>,
        maximum_qos: QoS,
    ) -> Result<(StreamId, Vec<SubscriptionIdentifier>), Failure> {
        let options = SubscriptionOptions { maximum_qos, ..SubscriptionOptions::default() };
        let filters = filters.into_iter().map(|filter| Ok((TopicFilter::try_from(filter)?, options)));
        let filters = filters.collect::<Result<_, Failure>>()?;
        let request = SubscribeRequest { filters, ..SubscribeRequest::default() };
        let stream = self.engine.subscribe(NOW, request, Token(u64::from(u32::MAX)))?;
        let mut asked = BytesMut::new();
        while self.write(|bytes| asked.extend_from_slice(bytes)) > 0 {}
        let (mut identifiers, mut granted) = (Vec::new(), Vec::new());
        let mut frames = take_frames(&mut asked, u32::MAX)?;
        while let Some(frame) = frames.next() {
            let Packet::Subscribe(Subscribe { packet_id, properties, .. }) =
                Packet::decode(Version::V5, &frame)?
            else {
                continue;
            };
            identifiers.extend(properties.subscription_identifier);
            let [high, low] = packet_id.get().to_be_bytes();
            granted.extend_from_slice(&[0x90, 4, high, low, 0, maximum_qos as u8]);
        }
        self.read(&granted);
        expect("subscribed", self.completions(), 1)?;
        while self.engine.poll_readable().is_some() {}
        Ok((stream, identifiers))
    }
}

/// Fails unless there are as many as there should be.
pub(crate) fn expect(what: &str, there: usize, wanted: usize) -> Result<(), Failure> {
    if there == wanted {
        return Ok(());
    }
    Err(format!("{what}: {there} instead of {wanted}").into())
}

/// The packet identifiers of PUBLISH packets of one size that have one, found at a fixed place in each.
pub(crate) fn identifiers(packets: &[u8], size: usize, place: usize) -> impl Iterator<Item = [u8; 2]> + '_ {
    packets.chunks_exact(size).filter_map(move |packet| {
        let mut field = packet.get(place..)?;
        (field.len() >= 2).then(|| field.get_u16().to_be_bytes())
    })
}
