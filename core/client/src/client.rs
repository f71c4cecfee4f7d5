//! The handle that programs hold.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use polymqtt_proto::connection::Grant;
use polymqtt_proto::engine::{
    Completion, DisconnectOptions, Engine, Metrics, PublishAck, StreamOptions, Undelivered,
};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::Message;
use polymqtt_proto::options::{Options, WhenFull};
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::{TopicError, TopicFilter, TopicName};

use crate::batch::Batch;
use crate::connect::{Connect, Hooks};
use crate::driver::Driver;
use crate::events::Events;
use crate::publish::{Delivery, Publish};
use crate::shared::{KeepConnected, Shared};
use crate::subscription::{Operation, Subscribe, Subscription};
use crate::transport::Connector;
use crate::unsubscribe::Unsubscribe;

/// A client: connected, or reconnecting. Cloning gives another handle to the same one; dropping the last handle
/// (subscriptions count) disconnects in order.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) handle: Arc<KeepConnected>,
    pub(crate) wait_for_room: bool,
}

impl Client {
    /// Connects to the server at a URL, or as [`Options`] say: add what they can't hold, then await it; it completes
    /// once the server has accepted.
    ///
    /// Must be awaited within a tokio runtime, which from then on runs the client's one task. The first failure is an
    /// error, each cause as itself, unless [`Options::keep_trying`] is set. Dropping the future gives up.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] before anything is sent; then name resolution, transport, TLS, timeout, refused,
    /// not authorised.
    pub fn connect<O>(options: O) -> Connect
    where
        O: TryInto<Options>,
        Error: From<O::Error>,
    {
        Connect::new(options.try_into().map_err(Error::from))
    }

    pub(crate) fn prepare(options: &Options, hooks: Hooks) -> Result<Self, Error> {
        let settings = options.check()?;
        let connector = Connector::new(options);
        let runtime = tokio::runtime::Handle::try_current().map_err(|error| {
            Error::new(ErrorKind::InvalidOption, format!("Client::connect must run within tokio: {error}"))
        })?;
        let origin = Instant::now();
        let shared = Arc::new(Shared::new(Engine::new(settings, entropy(), Timestamp::ZERO), origin));
        runtime.spawn(Driver::new(Arc::clone(&shared), connector, hooks));
        let wait_for_room = options.queue_options().when_full == WhenFull::Wait;
        Ok(Self { handle: Arc::new(KeepConnected(shared)), wait_for_room })
    }

    /// Connects a client that was only prepared; see [`Connect::prepare`]. Gives what the server granted. Dropping the
    /// future gives up waiting, not connecting.
    ///
    /// # Errors
    /// As [`Client::connect`]; the client is closed then. [`ErrorKind::Closed`] for one that was connected before.
    pub async fn start(&self) -> Result<Grant, Error> {
        let shared = self.shared();
        let now = shared.now();
        let token = shared.with(|state, _| {
            let token = state.operations.start();
            let started = state.engine.connect(now, token);
            if started.is_err() {
                state.operations.forget(token);
            }
            started.map(|()| token)
        })??;
        match (Operation { shared, token }).wait().await? {
            Completion::Connected(outcome) => outcome.map(|grant| *grant),
            _ => Err(Error::new(ErrorKind::Closed, "the operation was another one")),
        }
    }

    /// What the server granted for the connection as it stands; `None` while there is none.
    #[must_use]
    pub fn connected(&self) -> Option<Grant> {
        self.shared().lock().ok()?.engine.grant().cloned()
    }

    /// Publishes a message: set what differs from the defaults, then await it for the acknowledgement.
    ///
    /// # Errors
    /// Each rule of MQTT that the message would break is an error of the future, before anything is sent; then what
    /// the server or the queue's policy makes of it.
    pub fn publish<T>(&self, topic: T, payload: impl Into<Bytes>) -> Publish<'_>
    where
        T: TryInto<TopicName>,
        TopicError: From<T::Error>,
    {
        Publish::new(self.shared(), self.wait_for_room, Message::new(topic, payload).map_err(Error::from))
    }

    /// As [`Client::publish`], of a message that is there already.
    pub fn send(&self, message: Message) -> Publish<'_> {
        self.send_outcome(Ok(message))
    }

    /// As [`Client::send`]; where there is no message, the error is one of the future.
    pub(crate) fn send_outcome(&self, message: Result<Message, Error>) -> Publish<'_> {
        Publish::new(self.shared(), self.wait_for_room, message)
    }

    /// Whether the protocol version in use has requests and responses.
    pub(crate) fn check_requests(&self) -> Result<(), Error> {
        self.shared().lock()?.engine.check_requests()
    }

    /// Publishes a batch: accepted in order, then awaited together. Gives each message's outcome, in order.
    ///
    /// # Errors
    /// The first message that is not accepted, and why; those before it go their way, those after it are not sent.
    pub async fn publish_many(
        &self,
        messages: impl IntoIterator<Item = Message>,
    ) -> Result<Vec<Result<PublishAck, Error>>, Error> {
        let deliveries = self.enqueue_many(messages).await?;
        let mut outcomes = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            outcomes.push(delivery.await);
        }
        Ok(outcomes)
    }

    /// As [`Client::publish_many`], without waiting for the acknowledgements.
    ///
    /// # Errors
    /// As [`Client::publish_many`].
    pub async fn enqueue_many(
        &self,
        messages: impl IntoIterator<Item = Message>,
    ) -> Result<Vec<Delivery>, Error> {
        let mut batch = Batch::new(self.shared(), self.wait_for_room, messages.into_iter());
        std::future::poll_fn(|cx| batch.poll(cx)).await?;
        Ok(std::mem::take(&mut batch.deliveries))
    }

    /// Waits until everything that was accepted has been handed to the operating system. It says nothing of what the
    /// server has; await the publishes for that.
    ///
    /// # Errors
    /// That the connection was lost with some of it unwritten, or that the client is closed.
    pub async fn flush(&self) -> Result<(), Error> {
        let shared = self.shared();
        let now = shared.now();
        let token = shared.with(|state, _| {
            let token = state.operations.start();
            state.engine.flush(now, token);
            token
        })?;
        match (Operation { shared, token }).wait().await? {
            Completion::Flushed(outcome) => outcome,
            _ => Ok(()),
        }
    }

    /// Authenticates again on the connection as it stands (v5, section 4.12.1), as before a token expires, by the method
    /// of [`Options::authentication`] or [`Connect::authenticator`]. Messages flow on meanwhile. A server that asks for
    /// it is answered without this call. Dropping the future gives up waiting only.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the connection does not authenticate by a method, [`ErrorKind::Transport`] when
    /// there is none: connecting authenticates anyway. A failure on the way ends the connection, with its error;
    /// reconnecting follows as for any other. Where the authenticator fails to begin, the connection goes on.
    pub async fn reauthenticate(&self) -> Result<(), Error> {
        let shared = self.shared();
        let now = shared.now();
        let token = shared.with(|state, wakes| {
            let token = state.operations.start();
            let started = state.engine.reauthenticate(now, token);
            state.kick_to_ask(wakes);
            if started.is_err() {
                state.operations.forget(token);
            }
            started.map(|()| token)
        })??;
        match (Operation { shared, token }).wait().await? {
            Completion::Reauthenticated(outcome) => outcome,
            _ => Err(Error::new(ErrorKind::Closed, "the operation was another one")),
        }
    }

    /// Subscribes to a filter, or several: set what differs from the defaults, then await it for the stream of
    /// messages.
    ///
    /// # Errors
    /// A filter that breaks a rule is an error of the future, before anything is sent; then the server's refusal, or
    /// that it gave no answer in time.
    pub fn subscribe(&self, filters: impl IntoFilters) -> Subscribe<'_> {
        Subscribe::new(&self.handle, filters.into_filters())
    }

    /// Unsubscribes filters of the session that no [`Subscription`] of this client has, such as those of an earlier
    /// program: await it for the server's answer.
    ///
    /// # Errors
    /// A filter that breaks a rule; the server's refusal, or that it gave no answer in time.
    pub fn unsubscribe(&self, filters: impl IntoFilters) -> Unsubscribe<'_> {
        Unsubscribe::filters(self.shared(), filters.into_filters())
    }

    /// The messages that no [`Subscription`] of this client is for: those of a session that lasts, or that
    /// was asked for, once they have waited for [`Options::unclaimed_timeout`], others at once. Without this stream they
    /// are acknowledged, and counted as dropped. A client has one at a time.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] when it is open already, [`ErrorKind::Closed`] when the client is closed.
    pub fn unclaimed(&self, options: StreamOptions) -> Result<Subscription, Error> {
        Subscription::unclaimed(&self.handle, options)
    }

    /// What happens to the connection from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        match self.shared().lock() {
            Ok(mut state) => state.listeners.add(),
            Err(_closed) => Events::closed(),
        }
    }

    /// Figures since the client was made, and as they stand.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.shared().lock().map(|state| state.engine.metrics()).unwrap_or_default()
    }

    /// Disconnects in order: delivers what was accepted and waits for the answers to requests, for at most 10 seconds,
    /// then says goodbye and closes. New operations are refused from the call on. Gives what could not be delivered.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] only when the client was closed by a panic.
    pub async fn disconnect(&self) -> Result<Undelivered, Error> {
        self.disconnect_with(DisconnectOptions::default()).await
    }

    /// As [`Client::disconnect`], with another timeout, leaving the will to be published, or with more said to the server.
    ///
    /// # Errors
    /// As [`Client::disconnect`]; options that the version or the session does not allow: the client goes on then.
    pub async fn disconnect_with(&self, options: DisconnectOptions) -> Result<Undelivered, Error> {
        let shared = self.shared();
        let now = shared.now();
        let token = shared.with(|state, _| {
            let token = state.operations.start();
            let accepted = state.engine.disconnect(now, options, token);
            if accepted.is_err() {
                state.operations.forget(token);
            }
            accepted.map(|()| token)
        })??;
        match (Operation { shared, token }).wait().await? {
            Completion::Disconnected(undelivered) => Ok(undelivered),
            _ => Ok(Undelivered::default()),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.0
    }
}

/// One topic filter or several, as text or as checked values.
pub trait IntoFilters {
    /// The filters.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTopic`] for the first that breaks a rule of section 4.7.
    fn into_filters(self) -> Result<Vec<TopicFilter>, Error>;
}

impl IntoFilters for &str {
    fn into_filters(self) -> Result<Vec<TopicFilter>, Error> {
        Ok(vec![TopicFilter::try_from(self)?])
    }
}

impl IntoFilters for &String {
    fn into_filters(self) -> Result<Vec<TopicFilter>, Error> {
        self.as_str().into_filters()
    }
}

impl IntoFilters for String {
    fn into_filters(self) -> Result<Vec<TopicFilter>, Error> {
        self.as_str().into_filters()
    }
}

impl IntoFilters for TopicFilter {
    fn into_filters(self) -> Result<Vec<TopicFilter>, Error> {
        Ok(vec![self])
    }
}

impl IntoFilters for Vec<TopicFilter> {
    fn into_filters(self) -> Result<Vec<TopicFilter>, Error> {
        Ok(self)
    }
}

impl<S: AsRef<str>> IntoFilters for &[S] {
    fn into_filters(self) -> Result<Vec<TopicFilter>, Error> {
        self.iter().map(|filter| Ok(TopicFilter::try_from(filter.as_ref())?)).collect()
    }
}

impl<S: AsRef<str>, const N: usize> IntoFilters for [S; N] {
    fn into_filters(self) -> Result<Vec<TopicFilter>, Error> {
        self.as_slice().into_filters()
    }
}

/// Differs from client to client; need not be secret. Processes that were forked from one another must not draw the
/// same, as the keys of the standard library's hashers do.
fn entropy() -> [u8; 16] {
    let mut drawn = [0; 16];
    let source = rustls::crypto::ring::default_provider().secure_random;
    if source.fill(&mut drawn).is_err() {
        let half = || RandomState::new().hash_one(std::process::id()).to_le_bytes();
        let (first, second) = (half(), half());
        drawn = std::array::from_fn(|index| {
            *first.get(index).or_else(|| second.get(index.wrapping_sub(8))).unwrap_or(&0)
        });
    }
    drawn
}
