//! What is subscribed, for which streams, and who waits for an answer: the tables, without the protocol.

use std::collections::{BTreeMap, BTreeSet};

use super::router::Router;
use super::stream::{Fill, Stream, StreamId};
use super::{Granted, Token};
use crate::codec::{
    AckProperties, SubscriptionIdentifier, SubscriptionIdentifiers, SubscriptionOptions, UserProperties,
};
use crate::error::{Error, ErrorKind};
use crate::qos::QoS;
use crate::time::Timestamp;
use crate::topic::TopicFilter;

/// One filter at the server, shared by the streams that asked for it.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) filter: TopicFilter,
    pub(super) options: SubscriptionOptions,
    pub(super) identifier: Option<SubscriptionIdentifier>,
    pub(super) user_properties: UserProperties,
    pub(super) streams: Vec<StreamId>,
    /// The subscribe calls that wait for its SUBACK.
    pub(super) calls: Vec<u32>,
    pub(super) state: SubscriptionState,
    /// Whether a SUBSCRIBE was sent to a session that may still exist.
    pub(super) known_to_server: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SubscriptionState {
    /// To be sent when there is a connection.
    Wanted,
    /// Was granted, but the session may be another one: to be sent again, without asking for retained messages twice.
    Doubted,
    /// SUBSCRIBE was sent on this connection.
    Sent,
    /// The server granted it.
    Active(QoS),
}

/// A subscribe call that waits for its SUBACKs.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) token: Token,
    pub(super) stream: StreamId,
    pub(super) asked: Vec<Asked>,
    pub(super) allow_partial: bool,
    pub(super) deadline: Timestamp,
}

/// One filter of a subscribe call.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) subscription: u32,
    pub(super) filter: TopicFilter,
    /// The server's answer, once it is in.
    pub(super) outcome: Option<Answer>,
}

/// The server's answer for one filter.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) outcome: Result<QoS, Error>,
    /// What came with the SUBACK.
    pub(super) properties: Option<Box<AckProperties>>,
}

impl Answer {
    /// An answer that comes from what is known already.
    pub(super) fn known(outcome: Result<QoS, Error>) -> Self {
        Self { outcome, properties: None }
    }
}

impl Call {
    pub(super) fn record(&mut self, subscription: u32, outcome: &Answer) {
        for asked in &mut self.asked {
            if asked.subscription == subscription && asked.outcome.is_none() {
                asked.outcome = Some(outcome.clone());
            }
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.asked.iter().all(|asked| asked.outcome.is_some())
    }

    pub(super) fn granted(self) -> Vec<Granted> {
        let granted = |asked: Asked| {
            let Answer { outcome, properties } = asked.outcome?;
            Some(Granted { filter: asked.filter, outcome, properties })
        };
        self.asked.into_iter().filter_map(granted).collect()
    }
}

/// An UNSUBSCRIBE that waits to be sent or answered.
#[derive(Debug)]
pub(super) struct Unsubscription {
    pub(super) token: Token,
    pub(super) filters: Vec<TopicFilter>,
    pub(super) user_properties: UserProperties,
    pub(super) deadline: Timestamp,
    pub(super) sent: bool,
}

#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    pub(super) entries: BTreeMap<u32, Subscription>,
    pub(super) streams: BTreeMap<StreamId, Stream>,
    pub(super) calls: BTreeMap<u32, Call>,
    pub(super) unsubscriptions: BTreeMap<u32, Unsubscription>,
    /// Streams whose QoS 0 messages fill them.
    pub(super) full: BTreeSet<StreamId>,
    /// Streams that messages without a receive maximum have filled beyond their reserve.
    pub(super) beyond: BTreeSet<StreamId>,
    /// How many streams were found empty by a reader since the last message.
    pub(super) hungry: usize,
    by_filter: BTreeMap<TopicFilter, u32>,
    by_identifier: BTreeMap<SubscriptionIdentifier, u32>,
    router: Router,
    last_number: u32,
    route: Route,
}

/// The streams that the last message was for.
#[derive(Debug, Default)]
struct Route {
    known: bool,
    topic: String,
    identifiers: SubscriptionIdentifiers,
    streams: Vec<StreamId>,
    /// Room to collect subscriptions in.
    found: Vec<u32>,
}

impl Route {
    #[inline]
    fn is_for(&self, topic: &str, identifiers: &SubscriptionIdentifiers) -> bool {
        self.known && self.topic == topic && self.identifiers == *identifiers
    }
}

impl Subscriptions {
    /// A number that no call, stream or subscription had before.
    pub(super) fn number(&mut self) -> u32 {
        self.last_number = self.last_number.wrapping_add(1);
        self.last_number
    }

    pub(super) fn find(&self, filter: &TopicFilter) -> Option<(u32, &Subscription)> {
        let number = *self.by_filter.get(filter)?;
        Some((number, self.entries.get(&number)?))
    }

    /// Adds a subscription; its identifier is a stable hash of its filter, unless another filter has the same.
    pub(super) fn insert(
        &mut self,
        filter: TopicFilter,
        options: SubscriptionOptions,
        user_properties: UserProperties,
    ) -> u32 {
        let number = self.number();
        self.forget_route();
        let identifier = identifier_of(&filter).filter(|id| !self.by_identifier.contains_key(id));
        if let Some(identifier) = identifier {
            self.by_identifier.insert(identifier, number);
        }
        self.router.insert(&filter, number);
        self.by_filter.insert(filter.clone(), number);
        let entry = Subscription {
            filter,
            options,
            identifier,
            user_properties,
            streams: Vec::new(),
            calls: Vec::new(),
            state: SubscriptionState::Wanted,
            known_to_server: false,
        };
        self.entries.insert(number, entry);
        number
    }

    pub(super) fn remove(&mut self, number: u32) -> Option<Subscription> {
        let entry = self.entries.remove(&number)?;
        self.forget_route();
        self.router.remove(&entry.filter, number);
        self.by_filter.remove(&entry.filter);
        if let Some(identifier) = entry.identifier {
            self.by_identifier.remove(&identifier);
        }
        Some(entry)
    }

    /// Takes a stream out of the table.
    pub(super) fn remove_stream(&mut self, id: StreamId) -> Option<Stream> {
        let stream = self.streams.remove(&id)?;
        self.is_drained(id);
        self.hungry -= usize::from(stream.hungry);
        Some(stream)
    }

    /// A stream has room again.
    #[inline]
    pub(super) fn is_drained(&mut self, id: StreamId) {
        if !self.full.is_empty() {
            self.full.remove(&id);
        }
        if !self.beyond.is_empty() {
            self.beyond.remove(&id);
        }
    }

    /// A reader found the stream empty: it waits, or the stream has ended.
    pub(super) fn found_empty<T>(&mut self, id: StreamId) -> Result<Option<T>, Error> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(None);
        };
        stream.signalled = false;
        match &stream.ended {
            None => {
                self.hungry += usize::from(!stream.hungry);
                stream.hungry = true;
                Ok(None)
            }
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(())) => Err(Error::new(ErrorKind::Closed, "the subscription is closed")),
        }
    }

    /// There is something to find in the stream; whether its reader is to be told.
    pub(super) fn signal(&mut self, id: StreamId) -> bool {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.signalled) else {
            return false;
        };
        stream.signalled = true;
        self.hungry -= usize::from(stream.hungry);
        stream.hungry = false;
        true
    }

    /// The streams that a message is for, to be given back with [`Subscriptions::return_route`]. The last answer is
    /// kept: mostly the next message has the same topic.
    #[inline]
    pub(super) fn take_route(&mut self, topic: &str, identifiers: &SubscriptionIdentifiers) -> Vec<StreamId> {
        if !self.route.is_for(topic, identifiers) {
            self.find_route(topic, identifiers);
        }
        std::mem::take(&mut self.route.streams)
    }

    #[inline]
    pub(super) fn return_route(&mut self, streams: Vec<StreamId>) {
        self.route.streams = streams;
    }

    /// To be called whenever a subscription gets or loses a stream.
    pub(super) fn forget_route(&mut self) {
        self.route.known = false;
    }

    /// Identifiers decide where they are ours: a resumed session may carry another program's, so one counts only when
    /// its filter matches the topic; else the filters decide.
    fn find_route(&mut self, topic: &str, identifiers: &SubscriptionIdentifiers) {
        let Route { streams, found, .. } = &mut self.route;
        streams.clear();
        found.clear();
        let ours = |identifier: SubscriptionIdentifier| {
            let number = *self.by_identifier.get(&identifier)?;
            self.entries.get(&number)?.filter.matches(topic).then_some(number)
        };
        found.extend(identifiers.iter().filter_map(ours));
        if found.is_empty() {
            self.router.matches(topic, found);
        }
        for entry in found.iter().filter_map(|number| self.entries.get(number)) {
            for stream in &entry.streams {
                if !streams.contains(stream) {
                    streams.push(*stream);
                }
            }
        }
        self.route.topic.clear();
        self.route.topic.push_str(topic);
        self.route.identifiers.clone_from(identifiers);
        self.route.known = true;
    }

    /// The connection is gone: what had no answer must be asked again.
    pub(super) fn connection_lost(&mut self) {
        for entry in self.entries.values_mut() {
            if entry.state == SubscriptionState::Sent {
                entry.state = SubscriptionState::Wanted;
            }
        }
        for unsubscription in self.unsubscriptions.values_mut() {
            unsubscription.sent = false;
        }
    }

    /// Makes more room in those of these streams that have none.
    pub(super) fn grow_reserves(&mut self, streams: &[StreamId]) {
        for stream in streams {
            if let Some(stream) = self.streams.get_mut(stream).filter(|stream| stream.fill() == Fill::Beyond)
            {
                stream.grow_reserve();
            }
        }
    }

    /// The server goes on with the session: what it sends again is not kept twice.
    pub(super) fn session_resumed(&mut self) {
        for (id, stream) in &mut self.streams {
            stream.forget_unacknowledged();
            if stream.is_half_empty() {
                self.full.remove(id);
                self.beyond.remove(id);
            }
        }
    }

    /// The session that is present may be a new one without subscriptions.
    pub(super) fn session_doubted(&mut self) {
        for entry in self.entries.values_mut() {
            if matches!(entry.state, SubscriptionState::Active(_)) {
                entry.state = SubscriptionState::Doubted;
            }
        }
    }

    /// The server knows of no subscription any more.
    pub(super) fn session_lost(&mut self) {
        self.streams.values_mut().for_each(Stream::forget_acknowledgements);
        for entry in self.entries.values_mut() {
            entry.state = SubscriptionState::Wanted;
            entry.known_to_server = false;
        }
    }
}

/// FNV-1a of the filter, folded into 1 to 268,435,455.
fn identifier_of(filter: &TopicFilter) -> Option<SubscriptionIdentifier> {
    let hash = filter
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    SubscriptionIdentifier::new(hash % SubscriptionIdentifier::MAX + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::stream::StreamOptions;

    fn table(filters: &[&str]) -> Subscriptions {
        let mut table = Subscriptions::default();
        for filter in filters {
            let filter = TopicFilter::try_from(*filter).unwrap();
            let number = table.insert(filter, SubscriptionOptions::default(), UserProperties::new());
            let stream = StreamId(number);
            table.streams.insert(stream, Stream::new(StreamOptions::default()));
            table.entries.get_mut(&number).unwrap().streams.push(stream);
        }
        table
    }

    fn route(table: &mut Subscriptions, topic: &str, identifiers: &[SubscriptionIdentifier]) -> Vec<u32> {
        let identifiers = identifiers.iter().copied().collect();
        let streams = table.take_route(topic, &identifiers);
        table.return_route(streams.clone());
        streams.into_iter().map(|stream| stream.0).collect()
    }

    #[test]
    fn an_identifier_names_one_of_several_matching_filters() {
        let mut table = table(&["a/#", "a/b"]);
        let identifier = table.entries[&2].identifier.unwrap();
        assert_eq!(route(&mut table, "a/b", &[identifier]), [2]);
        assert_eq!(route(&mut table, "a/b", &[]), [1, 2]);
    }

    #[test]
    fn a_strange_identifier_leaves_the_choice_to_the_filters() {
        let mut table = table(&["a/#", "a/b"]);
        let identifier = table.entries[&2].identifier.unwrap();
        assert_eq!(route(&mut table, "a/c", &[identifier]), [1]);
        assert_eq!(route(&mut table, "a/c", &[SubscriptionIdentifier::new(12345).unwrap()]), [1]);
    }
}
