//! What `polymqtt broker --debug` writes: a line an event, to standard error.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use mqtt5::broker::events::{
    BrokerEventHandler, ClientConnectEvent, ClientDisconnectEvent, ClientPublishEvent, ClientSubscribeEvent,
    ClientUnsubscribeEvent, PublishAction,
};

use crate::output::note;

/// Writes the events.
pub(crate) struct BrokerLog(());

type Handled<'a, T = ()> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl BrokerLog {
    pub(crate) fn shared() -> Arc<Self> {
        Arc::new(Self(()))
    }
}

impl BrokerEventHandler for BrokerLog {
    fn on_client_connect<'a>(&'a self, event: ClientConnectEvent) -> Handled<'a> {
        let start = if event.clean_start { "new session" } else { "goes on with its session" };
        note(format_args!(
            "{} connected ({start}, expiry {} s)",
            event.client_id, event.session_expiry_interval
        ));
        Box::pin(async {})
    }

    fn on_client_subscribe<'a>(&'a self, event: ClientSubscribeEvent) -> Handled<'a> {
        for subscription in &event.subscriptions {
            note(format_args!(
                "{} subscribed to {}: {:?}",
                event.client_id, subscription.topic_filter, subscription.result
            ));
        }
        Box::pin(async {})
    }

    fn on_client_unsubscribe<'a>(&'a self, event: ClientUnsubscribeEvent) -> Handled<'a> {
        for filter in &event.topic_filters {
            note(format_args!("{} unsubscribed from {filter}", event.client_id));
        }
        Box::pin(async {})
    }

    fn on_client_publish<'a>(&'a self, event: ClientPublishEvent) -> Handled<'a, PublishAction> {
        let retain = if event.retain { ", retain" } else { "" };
        note(format_args!(
            "{} published {} bytes to {} (QoS {}{retain})",
            event.client_id,
            event.payload.len(),
            event.topic,
            event.qos as u8
        ));
        Box::pin(async { PublishAction::Continue })
    }

    fn on_client_disconnect<'a>(&'a self, event: ClientDisconnectEvent) -> Handled<'a> {
        let how = if event.unexpected { "is gone without a goodbye" } else { "left" };
        note(format_args!("{} {how} ({:?})", event.client_id, event.reason));
        Box::pin(async {})
    }
}
