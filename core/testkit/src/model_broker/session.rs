//! What the broker keeps for a client beyond its connection.

use polymqtt_proto::codec::{SubscriptionIdentifier, SubscriptionOptions, Will};
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::TopicFilter;

use super::incoming::Incoming;
use super::link::LinkId;
use super::outgoing::Outgoing;

#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) link: Option<LinkId>,
    /// Seconds that it outlives its connection; `u32::MAX` is for ever.
    pub(super) expiry: u32,
    /// When it ends, while there is no connection.
    pub(super) ends_at: Option<Timestamp>,
    /// A will that waits for its delay, and until when.
    pub(super) will: Option<(Will, Timestamp)>,
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) incoming: Incoming,
    pub(super) outgoing: Outgoing,
}

#[derive(Debug, Clone)]
pub(super) struct Subscription {
    pub(super) filter: TopicFilter,
    pub(super) options: SubscriptionOptions,
    pub(super) identifier: Option<SubscriptionIdentifier>,
}

impl Session {
    /// Adds the subscription or replaces the one with the same filter [MQTT-3.8.4-3]; whether it is new.
    pub(super) fn subscribe(&mut self, subscription: Subscription) -> bool {
        match self.subscriptions.iter_mut().find(|old| old.filter == subscription.filter) {
            Some(old) => {
                *old = subscription;
                false
            }
            None => {
                self.subscriptions.push(subscription);
                true
            }
        }
    }

    /// Whether there was such a subscription.
    pub(super) fn unsubscribe(&mut self, filter: &TopicFilter) -> bool {
        let before = self.subscriptions.len();
        self.subscriptions.retain(|subscription| subscription.filter != *filter);
        self.subscriptions.len() < before
    }
}
