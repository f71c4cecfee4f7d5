//! What to subscribe to, by name.

use polymqtt::{RetainHandling, StreamOptions, SubscriptionOptions, UserProperties, WhenStreamFull};
use polymqtt_proto::engine::SubscribeRequest;

use super::Value;
use super::description::Description;
use super::error::OptionError;
use super::table::{Entry, Set, describe, entry, find, unknown};
use crate::topic;

/// A subscription to these filters, all by the same options, and the bounds of its stream.
///
/// # Errors
/// The first filter or option that can't be. At least one filter is needed, and what else is a rule is the engine's.
pub fn subscribe(
    filters: &[String],
    named: impl IntoIterator<Item = (String, Value)>,
) -> Result<SubscribeRequest, OptionError> {
    let filters = filters.iter().map(|filter| topic::filter(filter)).collect::<Result<Vec<_>, _>>()?;
    let mut parts = SubscribeParts::default();
    let mut stream = StreamOptions::default();
    for (name, value) in named {
        if let Some(option) = find(TABLE, &name) {
            parts = option.set(parts, value)?;
        } else if let Some(option) = find(STREAM, &name) {
            stream = option.set(stream, value)?;
        } else {
            return Err(unknown(&name, descriptions()));
        }
    }
    let SubscribeParts { subscription, allow_partial, user_properties } = parts;
    let filters = filters.into_iter().map(|filter| (filter, subscription)).collect();
    Ok(SubscribeRequest { filters, stream, allow_partial, user_properties })
}

/// The bounds of a stream that is for no filters, such as that of unclaimed messages.
///
/// # Errors
/// The first option that can't be.
pub fn stream(named: impl IntoIterator<Item = (String, Value)>) -> Result<StreamOptions, OptionError> {
    let mut stream = StreamOptions::default();
    for (name, value) in named {
        let option = find(STREAM, &name).ok_or_else(|| unknown(&name, stream_descriptions()))?;
        stream = option.set(stream, value)?;
    }
    Ok(stream)
}

/// The options that a subscription can be given, those of its stream included.
pub fn descriptions() -> impl Iterator<Item = Description> {
    describe(TABLE).chain(stream_descriptions())
}

/// The options that any stream can be given.
pub fn stream_descriptions() -> impl Iterator<Item = Description> {
    describe(STREAM)
}

const TABLE: &[Entry<SubscribeParts>] = &[
    entry(
        "qos",
        Set::QoS(|parts, qos| parts.with(|subscription| subscription.maximum_qos = qos)),
        "The greatest quality of service to receive with; by default 0.",
    ),
    entry(
        "no_local",
        Set::Flag(|parts, no_local| parts.with(|subscription| subscription.no_local = no_local)),
        "Whether messages that this client publishes are kept from coming back; by default they are not.",
    ),
    entry(
        "retain_as_published",
        Set::Flag(|parts, keep| parts.with(|subscription| subscription.retain_as_published = keep)),
        "Whether messages keep the retain flag that they were published with; by default they do not.",
    ),
    entry(
        "retain_handling",
        Set::Choice(&[
            ("send_at_subscribe", |parts| parts.with_retained(RetainHandling::SendAtSubscribe)),
            ("send_if_new", |parts| parts.with_retained(RetainHandling::SendIfNew)),
            ("do_not_send", |parts| parts.with_retained(RetainHandling::DoNotSend)),
        ]),
        "Whether retained messages come when subscribing, or only if the subscription is new; by default they do.",
    ),
    entry(
        "allow_partial",
        Set::Flag(|parts, allow_partial| SubscribeParts { allow_partial, ..parts }),
        "Whether to go on when the server refuses some of the filters; by default one refusal undoes all.",
    ),
    entry(
        "user_properties",
        Set::UserProperties(|parts, user_properties| SubscribeParts { user_properties, ..parts }),
        "User properties of the SUBSCRIBE packet; by default none.",
    ),
];

const STREAM: &[Entry<StreamOptions>] = &[
    entry(
        "manual_ack",
        Set::Flag(|stream, manual_ack| StreamOptions { manual_ack, ..stream }),
        "Whether the program acknowledges each message itself; by default a message is once the next is asked for.",
    ),
    entry(
        "max_messages",
        Set::Size(|stream, max_messages| StreamOptions { max_messages, ..stream }),
        "Messages from which on the stream is full, from 1; by default 1,024.",
    ),
    entry(
        "max_bytes",
        Set::Size(|stream, max_bytes| StreamOptions { max_bytes, ..stream }),
        "Bytes (topics and payloads) from which on the stream is full, from 1; by default 8 MiB.",
    ),
    entry(
        "when_full",
        Set::Choice(&[
            ("drop_newest", |stream| StreamOptions { when_full: WhenStreamFull::DropNewest, ..stream }),
            ("drop_oldest", |stream| StreamOptions { when_full: WhenStreamFull::DropOldest, ..stream }),
        ]),
        "Which QoS 0 message is dropped when the stream is full and reading can't pause; by default the newest.",
    ),
];

/// As given.
#[derive(Default)]
struct SubscribeParts {
    subscription: SubscriptionOptions,
    allow_partial: bool,
    user_properties: UserProperties,
}

impl SubscribeParts {
    fn with(mut self, set: impl FnOnce(&mut SubscriptionOptions)) -> Self {
        set(&mut self.subscription);
        self
    }

    fn with_retained(self, handling: RetainHandling) -> Self {
        self.with(|subscription| subscription.retain_handling = handling)
    }
}
