//! Unsubscribing: the request being put together, and the wait for the server's answer.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use polymqtt_proto::codec::UserProperties;
use polymqtt_proto::engine::{Completion, Token, UnsubscribeAck};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::topic::TopicFilter;

use crate::shared::{Shared, State};
use crate::subscription::{Operation, Subscription};

/// An UNSUBSCRIBE being put together by [`Client::unsubscribe`](crate::Client::unsubscribe) or
/// [`Subscription::unsubscribe`]: await it for the server's answer. Dropping the future gives up waiting only.
#[derive(Debug)]
#[must_use = "nothing is unsubscribed until it is awaited"]
pub struct Unsubscribe<'a> {
    what: What<'a>,
    user_properties: Result<UserProperties, Error>,
}

#[derive(Debug)]
enum What<'a> {
    Stream(Subscription),
    Filters(&'a Arc<Shared>, Result<Vec<TopicFilter>, Error>),
}

impl<'a> Unsubscribe<'a> {
    pub(crate) fn stream(subscription: Subscription) -> Self {
        Self { what: What::Stream(subscription), user_properties: Ok(UserProperties::new()) }
    }

    pub(crate) fn filters(shared: &'a Arc<Shared>, filters: Result<Vec<TopicFilter>, Error>) -> Self {
        Self { what: What::Filters(shared, filters), user_properties: Ok(UserProperties::new()) }
    }

    /// A user property of the UNSUBSCRIBE packet (v5); may be given several times.
    pub fn user_property(mut self, name: &str, value: &str) -> Self {
        if let Ok(user_properties) = &mut self.user_properties {
            match (Utf8String::try_from(name), Utf8String::try_from(value)) {
                (Ok(name), Ok(value)) => user_properties.push((name, value)),
                (Err(error), _) | (_, Err(error)) => {
                    let what = format!("user_property: {error}");
                    self.user_properties = Err(Error::new(ErrorKind::InvalidOption, what));
                }
            }
        }
        self
    }
}

impl<'a> IntoFuture for Unsubscribe<'a> {
    type Output = Result<UnsubscribeAck, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let user_properties = self.user_properties?;
            match self.what {
                What::Stream(mut subscription) => {
                    let shared = Arc::clone(subscription.shared());
                    let Some(stream) = subscription.stream() else {
                        return Ok(UnsubscribeAck::default());
                    };
                    let now = shared.now();
                    let start = |state: &mut State, token| {
                        state.engine.unsubscribe(now, stream, user_properties, token)
                    };
                    // Once accepted, there is nothing left to let go of.
                    unsubscribe(&shared, start, || subscription.closed()).await
                }
                What::Filters(shared, filters) => {
                    let (now, filters) = (shared.now(), filters?);
                    let start = |state: &mut State, token| {
                        state.engine.unsubscribe_filters(now, filters, user_properties, token)
                    };
                    unsubscribe(shared, start, || ()).await
                }
            }
        })
    }
}

async fn unsubscribe(
    shared: &Shared,
    start: impl FnOnce(&mut State, Token) -> Result<(), Error>,
    accepted: impl FnOnce(),
) -> Result<UnsubscribeAck, Error> {
    let token = shared.with(|state, _| {
        let token = state.operations.start();
        let started = start(state, token);
        if started.is_err() {
            state.operations.forget(token);
        }
        started.map(|()| token)
    })??;
    accepted();
    match (Operation { shared, token }).wait().await? {
        Completion::Unsubscribed(outcome) => outcome,
        _ => Err(Error::new(ErrorKind::Closed, "the operation was another one")),
    }
}
