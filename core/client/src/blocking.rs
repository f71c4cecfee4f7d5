//! The same client without async: each call waits on the calling thread.
//!
//! ```no_run
//! use polymqtt::{QoS, blocking::Client};
//!
//! # fn example() -> Result<(), polymqtt::Error> {
//! let client = Client::connect("mqtt://localhost")?;
//! let mut readings = client.subscribe("sensors/#", QoS::AtLeastOnce)?;
//! client.publish("sensors/attic", "21.5", QoS::AtLeastOnce)?;
//! let message = readings.recv()?;
//! # Ok(())
//! # }
//! ```
//!
//! One background thread serves all blocking clients of the process. Within an async runtime these calls are an error,
//! since they would stop its thread: use the async [`crate::Client`] there.

mod requests;

use std::future::{Future, IntoFuture};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use polymqtt_proto::connection::Grant;
use polymqtt_proto::engine::{
    DisconnectOptions, Event, Granted, Metrics, PublishAck, StreamOptions, Undelivered, UnsubscribeAck,
};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::{Acknowledgement, Message};
use polymqtt_proto::options::Options;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::topic::{TopicError, TopicName};
use tokio::runtime::{Builder, Handle, Runtime};

pub use self::requests::{Request, Responder};
use crate::{Connect, Delivery, IntoFilters, Publish, Subscribe};

/// A client whose calls wait; otherwise as [`crate::Client`].
#[derive(Debug, Clone)]
pub struct Client(crate::Client);

impl Client {
    /// Connects, and waits until the server has accepted; see [`crate::Client::connect`].
    ///
    /// # Errors
    /// As [`crate::Client::connect`]; [`ErrorKind::InvalidOption`] within an async runtime.
    pub fn connect<O>(options: O) -> Result<Self, Error>
    where
        O: TryInto<Options>,
        Error: From<O::Error>,
    {
        Self::connect_with(options, |connect| connect)
    }

    /// As [`Client::connect`], with all that [`Connect`] can set:
    /// `Client::connect_with("mqtt://localhost", |connect| connect.credentials(provider))`.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn connect_with<O>(options: O, set: impl FnOnce(Connect) -> Connect) -> Result<Self, Error>
    where
        O: TryInto<Options>,
        Error: From<O::Error>,
    {
        wait(set(crate::Client::connect(options)).into_future()).map(Self)
    }

    /// Makes the client without connecting yet; see [`Connect::prepare`].
    ///
    /// # Errors
    /// As [`Connect::prepare`].
    pub fn prepare<O>(options: O, set: impl FnOnce(Connect) -> Connect) -> Result<Self, Error>
    where
        O: TryInto<Options>,
        Error: From<O::Error>,
    {
        let _within = runtime()?.enter();
        set(crate::Client::connect(options)).prepare().map(Self)
    }

    /// Connects a client that was only prepared; see [`crate::Client::start`].
    ///
    /// # Errors
    /// As [`crate::Client::start`].
    pub fn start(&self) -> Result<Grant, Error> {
        wait(self.0.start())
    }

    pub(crate) fn async_client(&self) -> &crate::Client {
        &self.0
    }

    /// What the server granted for the connection as it stands; `None` while there is none.
    #[must_use]
    pub fn connected(&self) -> Option<Grant> {
        self.0.connected()
    }

    /// Authenticates again on the connection as it stands; see [`crate::Client::reauthenticate`].
    ///
    /// # Errors
    /// As [`crate::Client::reauthenticate`].
    pub fn reauthenticate(&self) -> Result<(), Error> {
        wait(self.0.reauthenticate())
    }

    /// Publishes, and waits for the acknowledgement; see [`crate::Client::publish`].
    ///
    /// # Errors
    /// As [`crate::Client::publish`].
    pub fn publish<T>(&self, topic: T, payload: impl Into<Bytes>, qos: QoS) -> Result<PublishAck, Error>
    where
        T: TryInto<TopicName>,
        TopicError: From<T::Error>,
    {
        self.publish_with(topic, payload, |publish| publish.qos(qos))
    }

    /// As [`Client::publish`], with all that [`Publish`] can set:
    /// `client.publish_with("a", "b", |publish| publish.retain(true))`.
    ///
    /// # Errors
    /// As [`crate::Client::publish`].
    pub fn publish_with<T>(
        &self,
        topic: T,
        payload: impl Into<Bytes>,
        set: impl for<'a> FnOnce(Publish<'a>) -> Publish<'a>,
    ) -> Result<PublishAck, Error>
    where
        T: TryInto<TopicName>,
        TopicError: From<T::Error>,
    {
        wait(set(self.0.publish(topic, payload)).into_future())
    }

    /// Publishes a message that is there already, and waits for the acknowledgement.
    ///
    /// # Errors
    /// As [`crate::Client::publish`].
    pub fn send(&self, message: Message) -> Result<PublishAck, Error> {
        wait(self.0.send(message).into_future())
    }

    /// Waits only until the message is accepted; the [`Delivery`] can be awaited, or [waited for](Client::wait).
    ///
    /// # Errors
    /// As [`Publish::enqueue`].
    pub fn enqueue(&self, message: Message) -> Result<Delivery, Error> {
        wait(self.0.send(message).enqueue())
    }

    /// Waits for the acknowledgement of a message that was enqueued.
    ///
    /// # Errors
    /// As [`crate::Client::publish`].
    pub fn wait(&self, delivery: Delivery) -> Result<PublishAck, Error> {
        wait(delivery)
    }

    /// Publishes a batch and waits for all of it; see [`crate::Client::publish_many`].
    ///
    /// # Errors
    /// As [`crate::Client::publish_many`].
    pub fn publish_many(
        &self,
        messages: impl IntoIterator<Item = Message>,
    ) -> Result<Vec<Result<PublishAck, Error>>, Error> {
        wait(self.0.publish_many(messages))
    }

    /// Waits until everything accepted was handed to the operating system; see [`crate::Client::flush`].
    ///
    /// # Errors
    /// As [`crate::Client::flush`].
    pub fn flush(&self) -> Result<(), Error> {
        wait(self.0.flush())
    }

    /// Subscribes, and waits for the server's answer; see [`crate::Client::subscribe`].
    ///
    /// # Errors
    /// As [`crate::Client::subscribe`].
    pub fn subscribe(&self, filters: impl IntoFilters, qos: QoS) -> Result<Subscription, Error> {
        self.subscribe_with(filters, |subscribe| subscribe.qos(qos))
    }

    /// As [`Client::subscribe`], with all that [`Subscribe`] can set.
    ///
    /// # Errors
    /// As [`crate::Client::subscribe`].
    pub fn subscribe_with(
        &self,
        filters: impl IntoFilters,
        set: impl for<'a> FnOnce(Subscribe<'a>) -> Subscribe<'a>,
    ) -> Result<Subscription, Error> {
        wait(set(self.0.subscribe(filters)).into_future()).map(Subscription)
    }

    /// Subscribes without waiting for the server's answer; see [`crate::Subscribe::declare`].
    ///
    /// # Errors
    /// As [`crate::Subscribe::declare`].
    pub fn declare(
        &self,
        filters: impl IntoFilters,
        set: impl for<'a> FnOnce(Subscribe<'a>) -> Subscribe<'a>,
    ) -> Result<Subscription, Error> {
        set(self.0.subscribe(filters)).declare().map(Subscription)
    }

    /// Unsubscribes filters of the session; see [`crate::Client::unsubscribe`].
    ///
    /// # Errors
    /// As [`crate::Client::unsubscribe`].
    pub fn unsubscribe(&self, filters: impl IntoFilters) -> Result<UnsubscribeAck, Error> {
        wait(self.0.unsubscribe(filters).into_future())
    }

    /// The messages that no other subscription is for; see [`crate::Client::unclaimed`].
    ///
    /// # Errors
    /// As [`crate::Client::unclaimed`].
    pub fn unclaimed(&self, options: StreamOptions) -> Result<Subscription, Error> {
        self.0.unclaimed(options).map(Subscription)
    }

    /// What happens to the connection from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events(self.0.events())
    }

    /// Figures since the client was made, and as they stand.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.0.metrics()
    }

    /// Disconnects in order; see [`crate::Client::disconnect`].
    ///
    /// # Errors
    /// As [`crate::Client::disconnect`].
    pub fn disconnect(&self) -> Result<Undelivered, Error> {
        wait(self.0.disconnect())
    }

    /// As [`Client::disconnect`], with another timeout, or leaving the will to be published.
    ///
    /// # Errors
    /// As [`crate::Client::disconnect`].
    pub fn disconnect_with(&self, options: DisconnectOptions) -> Result<Undelivered, Error> {
        wait(self.0.disconnect_with(options))
    }
}

/// The messages of one subscription; otherwise as [`crate::Subscription`].
#[derive(Debug)]
pub struct Subscription(crate::Subscription);

impl Subscription {
    /// What the server granted, filter by filter in the order of the request.
    #[must_use]
    pub fn granted(&self) -> &[Granted] {
        self.0.granted()
    }

    /// Waits for the next message; see [`crate::Subscription::recv`].
    ///
    /// # Errors
    /// As [`crate::Subscription::recv`].
    pub fn recv(&mut self) -> Result<Option<Message>, Error> {
        wait(self.0.recv())
    }

    /// Waits for the next message for at most `timeout`.
    ///
    /// # Errors
    /// As [`crate::Subscription::recv`]; [`ErrorKind::Timeout`] when none came in time.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Message>, Error> {
        let received = self.0.recv();
        wait(async move {
            let none = |_| Err(Error::new(ErrorKind::Timeout, format!("no message came within {timeout:?}")));
            tokio::time::timeout(timeout, received).await.unwrap_or_else(none)
        })
    }

    /// Waits for at least one message, then appends up to `most`; see [`crate::Subscription::recv_many`].
    ///
    /// # Errors
    /// As [`crate::Subscription::recv`].
    pub fn recv_many(&mut self, messages: &mut Vec<Message>, most: usize) -> Result<usize, Error> {
        wait(self.0.recv_many(messages, most))
    }

    /// Acknowledges a message; see [`crate::Subscription::ack`].
    ///
    /// # Errors
    /// As [`crate::Subscription::ack`].
    pub fn ack(&self, message: &Message) -> Result<(), Error> {
        self.0.ack(message)
    }

    /// As [`Subscription::ack`], with an answer of the program; see [`crate::Subscription::ack_with`].
    ///
    /// # Errors
    /// As [`crate::Subscription::ack_with`].
    pub fn ack_with(&self, message: &Message, answer: Acknowledgement) -> Result<(), Error> {
        self.0.ack_with(message, answer)
    }

    /// Unsubscribes, and waits for the server's answer; see [`crate::Subscription::unsubscribe`].
    ///
    /// # Errors
    /// As [`crate::Subscription::unsubscribe`].
    pub fn unsubscribe(self) -> Result<UnsubscribeAck, Error> {
        wait(self.0.unsubscribe().into_future())
    }
}

impl Iterator for Subscription {
    type Item = Result<Message, Error>;

    /// Waits for the next message; the end when the client has disconnected in order.
    fn next(&mut self) -> Option<Self::Item> {
        self.recv().transpose()
    }
}

/// The events of a client; otherwise as [`crate::Events`].
#[derive(Debug)]
pub struct Events(crate::Events);

impl Iterator for Events {
    type Item = Event;

    /// Waits for the next event; the end when the client is closed.
    fn next(&mut self) -> Option<Event> {
        let received = self.0.recv();
        wait(async move { Ok(received.await) }).ok().flatten()
    }
}

/// Waits on this thread, while the background thread drives the client.
fn wait<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    if Handle::try_current().is_ok() {
        let what = "the blocking API would stop this async runtime's thread: use polymqtt::Client within it";
        return Err(Error::new(ErrorKind::InvalidOption, what));
    }
    runtime()?.block_on(future)
}

fn runtime() -> Result<&'static Runtime, Error> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime =
        Builder::new_multi_thread().worker_threads(1).thread_name("polymqtt").enable_all().build().map_err(
            |error| Error::new(ErrorKind::Closed, format!("the background thread can't be started: {error}")),
        )?;
    Ok(RUNTIME.get_or_init(|| runtime))
}
