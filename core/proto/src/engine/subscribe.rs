//! SUBSCRIBE and UNSUBSCRIBE: asking, answers, restoring after a reconnect.

use super::stream::{Stream, StreamId, StreamOptions};
use super::subscriptions::{Answer, Asked, Call, Subscription, SubscriptionState, Unsubscription};
use super::timers::Timer;
use super::{Completion, Engine, Token, UnsubscribeAck};
use crate::codec::{
    AckProperties, RetainHandling, SubAck, Subscribe, SubscribeProperties, SubscriptionOptions, UnsubAck,
    Unsubscribe, UserProperties, Version,
};
use crate::connection::check_v311;
use crate::error::{Error, ErrorKind};
use crate::qos::{PacketId, QoS};
use crate::reason::ReasonCode;
use crate::session::SlotState;
use crate::time::Timestamp;
use crate::topic::TopicFilter;

/// What to subscribe to, and the stream that its messages go to.
#[derive(Debug, Clone, Default)]
pub struct SubscribeRequest {
    /// The filters, at least one [MQTT-3.8.3-2], each with its options.
    pub filters: Vec<(TopicFilter, SubscriptionOptions)>,
    /// The bounds of the stream.
    pub stream: StreamOptions,
    /// Whether to go on when the server refuses some of the filters; by default one refusal undoes all.
    pub allow_partial: bool,
    /// User properties of the SUBSCRIBE packets (v5).
    pub user_properties: UserProperties,
}

impl Engine {
    /// Subscribes; the outcome is a [`Completion::Subscribed`]. The stream may receive messages before that.
    ///
    /// Each filter goes out in a SUBSCRIBE of its own, so that each has its subscription identifier. A filter that is
    /// subscribed already is shared with its other streams and asked for no second time. Without a connection, the
    /// SUBSCRIBE waits for one.
    ///
    /// # Errors
    /// When a filter or option is not allowed, differs from those of a live subscription to the same filter, or the
    /// client is closing.
    pub fn subscribe(
        &mut self,
        now: Timestamp,
        request: SubscribeRequest,
        token: Token,
    ) -> Result<StreamId, Error> {
        let now = self.tick(now);
        self.check_request(&request)?;
        let allow_partial = request.allow_partial;
        let call = self.subscriptions.number();
        let (stream, asked) = self.open_stream(request, Some(call));
        let deadline = now + self.settings.subscribe_timeout;
        self.timers.set_at_latest(Timer::Subscribe, deadline);
        let entry = Call { token, stream, asked, allow_partial, deadline };
        self.subscriptions.calls.insert(call, entry);
        self.send_subscribes();
        self.settle_call(call);
        Ok(stream)
    }

    /// Subscribes without waiting for the outcome, as before [`Engine::connect`]: the stream is there when messages of
    /// a resumed session arrive. It ends with an error if the server refuses one of the filters.
    ///
    /// # Errors
    /// As [`Engine::subscribe`].
    pub fn declare(&mut self, now: Timestamp, request: SubscribeRequest) -> Result<StreamId, Error> {
        self.tick(now);
        self.check_request(&request)?;
        let (stream, _) = self.open_stream(request, None);
        self.send_subscribes();
        Ok(stream)
    }

    /// Makes the stream of a request and the subscriptions that it needs; gives what each filter waits for.
    fn open_stream(&mut self, request: SubscribeRequest, call: Option<u32>) -> (StreamId, Vec<Asked>) {
        let id = StreamId(self.subscriptions.number());
        let mut stream = Stream::new(request.stream);
        let mut asked = Vec::with_capacity(request.filters.len());
        for (filter, options) in request.filters {
            let known = self.subscriptions.find(&filter).map(|(number, _)| number);
            let number = known.unwrap_or_else(|| {
                self.subscriptions.insert(filter.clone(), options, request.user_properties.clone())
            });
            let Some(subscription) = self.subscriptions.entries.get_mut(&number) else { continue };
            if !subscription.streams.contains(&id) {
                subscription.streams.push(id);
                stream.subscriptions.push(number);
            }
            let outcome = match subscription.state {
                SubscriptionState::Active(qos) => Some(Answer::known(Ok(qos))),
                _ => {
                    subscription.calls.extend(call);
                    None
                }
            };
            asked.push(Asked { subscription: number, filter, outcome });
        }
        self.subscriptions.forget_route();
        self.subscriptions.streams.insert(id, stream);
        self.claim(id);
        (id, asked)
    }

    /// Closes a stream: its messages are acknowledged, and filters that no other stream has are unsubscribed; the
    /// outcome is a [`Completion::Unsubscribed`]. A subscribe call that still waits for the stream ends as cancelled.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for user properties with version 3.1.1; the stream stays then.
    pub fn unsubscribe(
        &mut self,
        now: Timestamp,
        stream: StreamId,
        user_properties: UserProperties,
        token: Token,
    ) -> Result<(), Error> {
        let now = self.tick(now);
        self.check_user_properties(&user_properties)?;
        let filters = self.remove_stream(stream);
        self.request_unsubscribe(now, filters, user_properties, token);
        self.flush_acks();
        Ok(())
    }

    /// Unsubscribes filters of the session that no stream of this client has, such as those of an earlier program.
    ///
    /// # Errors
    /// When there is no filter, one has a stream, or the client is closing.
    pub fn unsubscribe_filters(
        &mut self,
        now: Timestamp,
        filters: Vec<TopicFilter>,
        user_properties: UserProperties,
        token: Token,
    ) -> Result<(), Error> {
        let now = self.tick(now);
        self.check_user_properties(&user_properties)?;
        if self.life.is_closing() {
            return Err(self.life.closed_error());
        }
        if filters.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidOption,
                "no topic filter to unsubscribe [MQTT-3.10.3-2]",
            ));
        }
        for filter in &filters {
            match self.subscriptions.find(filter) {
                Some((_, live)) if !live.streams.is_empty() => {
                    let what = format!("{filter:?} has a stream: close that");
                    return Err(Error::new(ErrorKind::InvalidOption, what));
                }
                Some((detached, _)) => drop(self.subscriptions.remove(detached)),
                None => {}
            }
        }
        self.request_unsubscribe(now, filters, user_properties, token);
        Ok(())
    }

    /// Lets go of a stream without a goodbye, as when its handle is dropped: unsubscribes, unless the user asked for
    /// a session that lasts; then the server goes on collecting for it.
    pub fn release(&mut self, now: Timestamp, stream: StreamId) {
        let now = self.tick(now);
        if self.settings.lasting_session(self.version()) {
            self.detach_stream(stream);
        } else {
            let filters = self.remove_stream(stream);
            self.request_unsubscribe(now, filters, UserProperties::new(), Token::NONE);
        }
        self.flush_acks();
    }

    fn check_request(&self, request: &SubscribeRequest) -> Result<(), Error> {
        if self.life.is_closing() {
            return Err(self.life.closed_error());
        }
        if request.filters.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidOption,
                "no topic filter to subscribe to [MQTT-3.8.3-2]",
            ));
        }
        request.stream.check()?;
        self.check_user_properties(&request.user_properties)?;
        let v311 = self.version() == Version::V311;
        for (filter, options) in &request.filters {
            if v311 {
                check_v311(options)?;
            }
            if let Some(connection) = &self.connection {
                connection.grant.limits.check_filter(filter, options)?;
            }
            if filter.is_shared() && options.no_local {
                let what = "no_local is not allowed for a shared subscription [MQTT-3.8.3-4]";
                return Err(Error::new(ErrorKind::InvalidOption, what));
            }
            if self.subscriptions.find(filter).is_some_and(|(_, live)| live.options != *options) {
                let what =
                    format!("{filter:?} is subscribed with other options: close that subscription first");
                return Err(Error::new(ErrorKind::InvalidOption, what));
            }
        }
        Ok(())
    }

    fn check_user_properties(&self, user_properties: &UserProperties) -> Result<(), Error> {
        if self.version() == Version::V311 && !user_properties.is_empty() {
            return Err(Error::new(ErrorKind::Unsupported, "user properties need MQTT 5"));
        }
        Ok(())
    }

    /// Sends every SUBSCRIBE that waits for a connection: after a reconnect, all in one write.
    pub(super) fn send_subscribes(&mut self) {
        let Some(connection) = &self.connection else {
            return;
        };
        let limits = connection.grant.limits;
        let wanted = |entry: &Subscription| {
            matches!(entry.state, SubscriptionState::Wanted | SubscriptionState::Doubted)
        };
        let numbers: Vec<u32> = self
            .subscriptions
            .entries
            .iter()
            .filter(|(_, entry)| wanted(entry))
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            let Some(entry) = self.subscriptions.entries.get_mut(&number) else { continue };
            if let Err(error) = limits.check_filter(&entry.filter, &entry.options) {
                self.subscription_refused(number, error);
                continue;
            }
            let Ok(packet_id) = self.slots.insert(Token::NONE, SlotState::Subscribe(number)) else {
                return;
            };
            let mut options = entry.options;
            let again = entry.state == SubscriptionState::Doubted && limits.version == Version::V5;
            if again && options.retain_handling == RetainHandling::SendAtSubscribe {
                options.retain_handling = RetainHandling::SendIfNew;
            }
            entry.state = SubscriptionState::Sent;
            entry.known_to_server = true;
            let packet = Subscribe {
                packet_id,
                filters: vec![(entry.filter.clone(), options)],
                properties: SubscribeProperties {
                    subscription_identifier: entry.identifier.filter(|_| limits.subscription_identifiers),
                    user_properties: entry.user_properties.clone(),
                },
            };
            if let Some(error) =
                self.put_checked(packet.encoded_len(limits.version), |out| packet.encode(limits.version, out))
            {
                self.slots.free(packet_id);
                self.subscription_refused(number, error);
            }
        }
    }

    /// Sends every UNSUBSCRIBE that waits for a connection.
    pub(super) fn send_unsubscribes(&mut self) {
        let Some(connection) = &self.connection else {
            return;
        };
        let version = connection.grant.limits.version;
        let waiting: Vec<u32> = self
            .subscriptions
            .unsubscriptions
            .iter()
            .filter(|(_, unsubscription)| !unsubscription.sent)
            .map(|(number, _)| *number)
            .collect();
        for number in waiting {
            let Some(unsubscription) = self.subscriptions.unsubscriptions.get_mut(&number) else { continue };
            let Ok(packet_id) = self.slots.insert(Token::NONE, SlotState::Unsubscribe(number)) else {
                return;
            };
            unsubscription.sent = true;
            let filters = unsubscription.filters.clone();
            let user_properties = unsubscription.user_properties.clone();
            let packet = Unsubscribe { packet_id, filters, user_properties };
            if let Some(error) =
                self.put_checked(packet.encoded_len(version), |out| packet.encode(version, out))
            {
                self.slots.free(packet_id);
                self.end_unsubscription(number, Err(error));
            }
        }
    }

    /// SUBACK (section 3.9).
    pub(super) fn handle_suback(&mut self, suback: SubAck) -> Result<(), Error> {
        let SlotState::Subscribe(number) = *self.slots.state(suback.packet_id) else {
            return Err(unasked("SUBACK", suback.packet_id));
        };
        let [reason_code] = suback.reason_codes[..] else {
            return Err(miscounted("SUBACK", suback.reason_codes.len(), 1));
        };
        self.slots.free(suback.packet_id);
        let granted = match reason_code {
            ReasonCode::Success => QoS::AtMostOnce,
            ReasonCode::GrantedQoS1 => QoS::AtLeastOnce,
            ReasonCode::GrantedQoS2 => QoS::ExactlyOnce,
            refused => {
                let error = refusal("subscription", refused, suback.properties);
                self.subscription_refused(number, error);
                return Ok(());
            }
        };
        if let Some(entry) = self.subscriptions.entries.get_mut(&number) {
            entry.state = SubscriptionState::Active(granted);
            let calls = std::mem::take(&mut entry.calls);
            let answer = Answer { outcome: Ok(granted), properties: suback.properties };
            self.answer_calls(number, &calls, &answer);
        }
        Ok(())
    }

    /// UNSUBACK (section 3.11).
    pub(super) fn handle_unsuback(&mut self, unsuback: UnsubAck) -> Result<(), Error> {
        let SlotState::Unsubscribe(number) = *self.slots.state(unsuback.packet_id) else {
            return Err(unasked("UNSUBACK", unsuback.packet_id));
        };
        if self.version() == Version::V5
            && let Some(asked) = self.subscriptions.unsubscriptions.get(&number)
            && asked.filters.len() != unsuback.reason_codes.len()
        {
            return Err(miscounted("UNSUBACK", unsuback.reason_codes.len(), asked.filters.len()));
        }
        self.slots.free(unsuback.packet_id);
        let refused = unsuback.reason_codes.iter().copied().find(|code| code.is_error());
        let UnsubAck { reason_codes, properties, .. } = unsuback;
        let outcome = match refused {
            Some(code) => Err(refusal("unsubscription", code, properties)),
            None => Ok(UnsubscribeAck { reason_codes, properties }),
        };
        self.end_unsubscription(number, outcome);
        Ok(())
    }

    /// The server does not grant a filter: its calls learn it; where none waits (restoring), its streams end.
    fn subscription_refused(&mut self, number: u32, error: Error) {
        let Some(entry) = self.subscriptions.remove(number) else {
            return;
        };
        self.response_subscription_refused(number, &error);
        for stream in &entry.streams {
            if let Some(stream) = self.subscriptions.streams.get_mut(stream) {
                stream.subscriptions.retain(|id| *id != number);
            }
        }
        let asked: Vec<StreamId> = entry
            .calls
            .iter()
            .filter_map(|call| self.subscriptions.calls.get(call))
            .map(|call| call.stream)
            .collect();
        for stream in entry.streams {
            if !asked.contains(&stream) {
                self.end_stream(stream, Err(error.clone()));
            }
        }
        self.answer_calls(number, &entry.calls, &Answer::known(Err(error)));
    }

    fn answer_calls(&mut self, subscription: u32, calls: &[u32], outcome: &Answer) {
        for number in calls {
            if let Some(call) = self.subscriptions.calls.get_mut(number) {
                call.record(subscription, outcome);
            }
            self.settle_call(*number);
        }
    }

    /// Ends a subscribe call once every filter has its answer.
    fn settle_call(&mut self, number: u32) {
        if !self.subscriptions.calls.get(&number).is_some_and(Call::is_complete) {
            return;
        }
        let Some(call) = self.subscriptions.calls.remove(&number) else {
            return;
        };
        let outcomes =
            || call.asked.iter().filter_map(|asked| asked.outcome.as_ref()).map(|answer| &answer.outcome);
        let refused = outcomes().find_map(|outcome| outcome.as_ref().err()).cloned();
        let granted = outcomes().any(Result::is_ok);
        let (token, stream) = (call.token, call.stream);
        match refused {
            Some(error) if !(call.allow_partial && granted) => self.fail_subscribe(token, stream, error),
            _ => {
                let granted = call.granted();
                self.complete(token, Completion::Subscribed(Ok(granted)));
            }
        }
    }

    /// A subscribe call failed: what was granted is undone.
    fn fail_subscribe(&mut self, token: Token, stream: StreamId, error: Error) {
        let filters = self.remove_stream(stream);
        self.request_unsubscribe(self.now, filters, UserProperties::new(), Token::NONE);
        self.complete(token, Completion::Subscribed(Err(error)));
    }

    /// Ends subscribe calls and unsubscriptions that got no answer in time.
    pub(super) fn sweep_subscribes(&mut self, now: Timestamp) {
        if !self.timers.take_due(Timer::Subscribe, now) {
            return;
        }
        let calls = &self.subscriptions.calls;
        let overdue: Vec<u32> =
            calls.iter().filter(|(_, call)| call.deadline <= now).map(|(number, _)| *number).collect();
        for number in overdue {
            if let Some(call) = self.subscriptions.calls.remove(&number) {
                let error = Error::new(ErrorKind::Timeout, "the server did not answer SUBSCRIBE in time");
                self.fail_subscribe(call.token, call.stream, error);
            }
        }
        // An overdue UNSUBSCRIBE still frees its identifier when its answer comes.
        for unsubscription in self.subscriptions.unsubscriptions.values_mut() {
            if unsubscription.deadline <= now && unsubscription.token != Token::NONE {
                let token = std::mem::replace(&mut unsubscription.token, Token::NONE);
                let error = Error::new(ErrorKind::Timeout, "the server did not answer UNSUBSCRIBE in time");
                self.completions.push_back((token, Completion::Unsubscribed(Err(error))));
            }
        }
        let calls = self.subscriptions.calls.values().map(|call| call.deadline);
        let waiting =
            self.subscriptions.unsubscriptions.values().filter(|waiting| waiting.token != Token::NONE);
        let next = calls.chain(waiting.map(|waiting| waiting.deadline)).min();
        self.timers.set(Timer::Subscribe, next);
    }

    /// The connection is gone: identifiers of SUBSCRIBE and UNSUBSCRIBE are no part of the session (section 4.1).
    pub(super) fn forget_subscribe_packets(&mut self) {
        for packet_id in self.slots.in_order(|state| !state.is_publish() && !matches!(state, SlotState::Free))
        {
            self.slots.free(packet_id);
        }
        self.subscriptions.connection_lost();
    }

    /// The server has lost the session: nothing is left to unsubscribe.
    pub(super) fn settle_unsubscriptions(&mut self) {
        for (_, unsubscription) in std::mem::take(&mut self.subscriptions.unsubscriptions) {
            self.complete(unsubscription.token, Completion::Unsubscribed(Ok(UnsubscribeAck::default())));
        }
    }

    /// The client is closed: every call and stream ends; streams in order when `error` is none.
    pub(super) fn fail_subscriptions(&mut self, call_error: &Error, stream_error: Option<&Error>) {
        for (_, call) in std::mem::take(&mut self.subscriptions.calls) {
            self.complete(call.token, Completion::Subscribed(Err(call_error.clone())));
        }
        for (_, unsubscription) in std::mem::take(&mut self.subscriptions.unsubscriptions) {
            self.complete(unsubscription.token, Completion::Unsubscribed(Err(call_error.clone())));
        }
        let streams: Vec<StreamId> = self.subscriptions.streams.keys().copied().collect();
        for stream in streams {
            self.end_stream(stream, stream_error.map_or(Ok(()), |error| Err(error.clone())));
        }
    }

    /// Takes a stream out of its subscriptions; gives the filters that no stream has any more and the server knows.
    pub(super) fn remove_subscriptions_of(
        &mut self,
        stream: StreamId,
        subscriptions: &[u32],
    ) -> Vec<TopicFilter> {
        let mut unused = Vec::new();
        self.subscriptions.forget_route();
        for number in subscriptions {
            let Some(entry) = self.subscriptions.entries.get_mut(number) else { continue };
            entry.streams.retain(|id| *id != stream);
            if entry.streams.is_empty()
                && let Some(entry) = self.subscriptions.remove(*number)
                && entry.known_to_server
            {
                unused.push(entry.filter);
            }
        }
        unused
    }

    pub(super) fn request_unsubscribe(
        &mut self,
        now: Timestamp,
        filters: Vec<TopicFilter>,
        user_properties: UserProperties,
        token: Token,
    ) {
        if filters.is_empty() || self.life.is_ended() {
            return self.complete(token, Completion::Unsubscribed(Ok(UnsubscribeAck::default())));
        }
        let number = self.subscriptions.number();
        let deadline = now + self.settings.subscribe_timeout;
        self.subscriptions
            .unsubscriptions
            .insert(number, Unsubscription { token, filters, user_properties, deadline, sent: false });
        self.timers.set_at_latest(Timer::Subscribe, deadline);
        self.send_unsubscribes();
    }

    fn end_unsubscription(&mut self, number: u32, outcome: Result<UnsubscribeAck, Error>) {
        if let Some(unsubscription) = self.subscriptions.unsubscriptions.remove(&number) {
            self.complete(unsubscription.token, Completion::Unsubscribed(outcome));
        }
    }
}

fn refusal(what: &str, reason_code: ReasonCode, properties: Option<Box<AckProperties>>) -> Error {
    let AckProperties { reason_string, user_properties } = properties.map(|boxed| *boxed).unwrap_or_default();
    Error::from_reason(&format!("the server refused the {what}"), reason_code)
        .with_details(reason_string, user_properties)
}

fn unasked(what: &str, packet_id: PacketId) -> Error {
    let what = format!("the server sent {what} for packet identifier {packet_id}, which asked for none");
    Error::new(ErrorKind::Protocol, what).with_reason_code(ReasonCode::ProtocolError)
}

fn miscounted(what: &str, codes: usize, filters: usize) -> Error {
    let what = format!("{what} has {codes} reason codes, one for each topic filter would be {filters}");
    Error::new(ErrorKind::Protocol, what).with_reason_code(ReasonCode::ProtocolError)
}
