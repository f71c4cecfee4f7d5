//! Subscribing: the request being put together, and the stream of messages that it becomes.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use polymqtt_proto::codec::{RetainHandling, SubscriptionOptions};
use polymqtt_proto::engine::{Completion, Granted, StreamId, StreamOptions, SubscribeRequest, Token};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::{Acknowledgement, Message};
use polymqtt_proto::qos::QoS;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::TopicFilter;

use crate::shared::{KeepConnected, Shared};
use crate::trace;
use crate::unsubscribe::Unsubscribe;

/// A subscription being put together by [`Client::subscribe`](crate::Client::subscribe): set what differs from the
/// defaults, then await it for the [`Subscription`].
///
/// Dropping the future before the server's answer undoes it.
#[derive(Debug)]
#[must_use = "nothing is subscribed until it is awaited"]
pub struct Subscribe<'a> {
    client: &'a Arc<KeepConnected>,
    filters: Result<Vec<TopicFilter>, Error>,
    options: SubscriptionOptions,
    request: SubscribeRequest,
}

impl<'a> Subscribe<'a> {
    pub(crate) fn new(client: &'a Arc<KeepConnected>, filters: Result<Vec<TopicFilter>, Error>) -> Self {
        Self {
            client,
            filters,
            options: SubscriptionOptions::default(),
            request: SubscribeRequest::default(),
        }
    }

    /// The greatest quality of service to receive with; the default is 0.
    pub fn qos(mut self, qos: QoS) -> Self {
        self.options.maximum_qos = qos;
        self
    }

    /// Keeps messages that this client publishes from coming back (v5) [MQTT-3.8.3-3]; off by default.
    pub fn no_local(mut self, no_local: bool) -> Self {
        self.options.no_local = no_local;
        self
    }

    /// Keeps the retain flag as messages were published with (v5, section 3.8.3.1); off by default.
    pub fn retain_as_published(mut self, keep: bool) -> Self {
        self.options.retain_as_published = keep;
        self
    }

    /// Which retained messages come when subscribing (v5, section 3.8.3.1); all by default.
    pub fn retain_handling(mut self, handling: RetainHandling) -> Self {
        self.options.retain_handling = handling;
        self
    }

    /// All options of the filters at once; goes before the single ones.
    pub fn options(mut self, options: SubscriptionOptions) -> Self {
        self.options = options;
        self
    }

    /// The bounds of the stream; the default is 1,024 messages and 8 MiB.
    pub fn stream(mut self, stream: StreamOptions) -> Self {
        let manual_ack = self.request.stream.manual_ack;
        self.request.stream = StreamOptions { manual_ack: stream.manual_ack || manual_ack, ..stream };
        self
    }

    /// Leaves acknowledging to [`Subscription::ack`]. By default a message is acknowledged when the next is asked for.
    pub fn manual_ack(mut self) -> Self {
        self.request.stream.manual_ack = true;
        self
    }

    /// Goes on when the server refuses some of the filters; by default one refusal undoes all.
    pub fn allow_partial(mut self) -> Self {
        self.request.allow_partial = true;
        self
    }

    /// A user property of the SUBSCRIBE packet (v5); may be given several times.
    pub fn user_property(mut self, name: &str, value: &str) -> Self {
        let pair = (Utf8String::try_from(name), Utf8String::try_from(value));
        match pair {
            (Ok(name), Ok(value)) => self.request.user_properties.push((name, value)),
            (Err(error), _) | (_, Err(error)) => {
                self.filters = Err(Error::new(ErrorKind::InvalidOption, format!("user_property: {error}")));
            }
        }
        self
    }

    /// Subscribes without waiting for the server's answer, as before the client is started: the stream is there at
    /// once, and ends with an error if the server refuses one of the filters. [`Subscription::granted`] stays empty.
    ///
    /// # Errors
    /// A filter or option that is not allowed, or that the client is closed.
    pub fn declare(self) -> Result<Subscription, Error> {
        let Subscribe { client, filters, options, mut request } = self;
        request.filters = filters?.into_iter().map(|filter| (filter, options)).collect();
        let now = client.0.now();
        let stream = client.0.with(|state, _| state.engine.declare(now, request))??;
        Ok(Subscription { client: Arc::clone(client), stream: Some(stream), granted: Vec::new() })
    }
}

impl<'a> IntoFuture for Subscribe<'a> {
    type Output = Result<Subscription, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(subscribe(self))
    }
}

async fn subscribe(subscribe: Subscribe<'_>) -> Result<Subscription, Error> {
    let Subscribe { client, filters, options, mut request } = subscribe;
    request.filters = filters?.into_iter().map(|filter| (filter, options)).collect();
    let shared = &client.0;
    let now = shared.now();
    let (stream, token) = shared.with(|state, _| {
        let token = state.operations.start();
        match state.engine.subscribe(now, request, token) {
            Ok(stream) => Ok((stream, token)),
            Err(error) => {
                state.operations.forget(token);
                Err(error)
            }
        }
    })??;
    // From here on, dropping undoes the subscription.
    let mut subscription =
        Subscription { client: Arc::clone(client), stream: Some(stream), granted: Vec::new() };
    match (Operation { shared, token }).wait().await? {
        Completion::Subscribed(Ok(granted)) => {
            trace::subscribed(&shared.span, Ok(&granted));
            subscription.granted = granted;
            Ok(subscription)
        }
        Completion::Subscribed(Err(error)) => {
            trace::subscribed(&shared.span, Err(&error));
            Err(error)
        }
        _ => Err(Error::new(ErrorKind::Closed, "the operation was another one")),
    }
}

/// Somebody waits for an operation; dropping it forgets the operation.
pub(crate) struct Operation<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) token: Token,
}

impl Operation<'_> {
    pub(crate) async fn wait(self) -> Result<Completion, Error> {
        std::future::poll_fn(|cx| self.shared.poll_operation(self.token, cx)).await
    }
}

impl Drop for Operation<'_> {
    fn drop(&mut self) {
        self.shared.forget(self.token);
    }
}

/// The messages of one subscription, in order of arrival. It keeps the client connected, and goes on over reconnects.
///
/// A message counts as taken when the next one is asked for: then it is acknowledged. Closing or dropping the
/// subscription takes what was handed out and unsubscribes, unless the session was asked to last
/// ([`Options::session_expiry`](crate::Options::session_expiry)): then dropping leaves the subscription at the server,
/// and [`unsubscribe`](Subscription::unsubscribe) is how to end it.
#[derive(Debug)]
pub struct Subscription {
    client: Arc<KeepConnected>,
    /// `None` once it was closed.
    stream: Option<StreamId>,
    granted: Vec<Granted>,
}

impl Subscription {
    /// The messages that no other subscription of the client is for.
    pub(crate) fn unclaimed(client: &Arc<KeepConnected>, options: StreamOptions) -> Result<Self, Error> {
        let now = client.0.now();
        let stream = client.0.with(|state, _| state.engine.unclaimed(now, options))??;
        Ok(Self { client: Arc::clone(client), stream: Some(stream), granted: Vec::new() })
    }

    /// What the server granted, filter by filter in the order of the request.
    #[must_use]
    pub fn granted(&self) -> &[Granted] {
        &self.granted
    }

    /// The next message; `None` once the client has disconnected in order and everything was received.
    ///
    /// Cancel safe: dropping the future loses no message.
    ///
    /// # Errors
    /// What ended the subscription: the client stopped reconnecting, or the server refused to restore it.
    #[inline]
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`Subscription::recv`], for use in a `poll` function.
    #[inline]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.poll_with(cx, |state, stream| state.engine.receive(Timestamp::ZERO, stream))
    }

    /// Waits for at least one message, then appends up to `most` to `messages` without waiting again; how many.
    /// Zero once the client has disconnected in order. Asking for the next batch takes the whole batch before.
    ///
    /// Cancel safe: dropping the future loses no message.
    ///
    /// # Errors
    /// As [`Subscription::recv`].
    pub async fn recv_many(&mut self, messages: &mut Vec<Message>, most: usize) -> Result<usize, Error> {
        let most = most.max(1);
        let received = std::future::poll_fn(|cx| {
            self.poll_with(cx, |state, stream| {
                let count = state.engine.receive_many(Timestamp::ZERO, stream, most, messages)?;
                Ok((count > 0).then_some(count))
            })
        });
        Ok(received.await?.unwrap_or(0))
    }

    /// Acknowledges a message, where [`Subscribe::manual_ack`] leaves that to the program; any order is fine. One
    /// of an earlier connection is ignored: the server sends it again.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] when the client is closed.
    pub fn ack(&self, message: &Message) -> Result<(), Error> {
        self.client.0.with(|state, _| state.engine.acknowledge(Timestamp::ZERO, message))
    }

    /// As [`Subscription::ack`], with an answer of the program (v5), such as that it refuses the message.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] with version 3.1.1, [`ErrorKind::InvalidOption`] for a reason code that has no place
    /// there, [`ErrorKind::Closed`] when the client is closed.
    pub fn ack_with(&self, message: &Message, answer: Acknowledgement) -> Result<(), Error> {
        self.client.0.with(|state, _| state.engine.acknowledge_with(Timestamp::ZERO, message, answer))?
    }

    /// Unsubscribes: await it for the server's answer. Messages that were not received are dropped.
    ///
    /// # Errors
    /// That the server refused, or gave no answer in time.
    pub fn unsubscribe(self) -> Unsubscribe<'static> {
        Unsubscribe::stream(self)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.client.0
    }

    pub(crate) fn stream(&self) -> Option<StreamId> {
        self.stream
    }

    /// The stream is gone.
    pub(crate) fn closed(&mut self) {
        self.stream = None;
    }

    #[inline]
    fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        receive: impl FnOnce(&mut crate::shared::State, StreamId) -> Result<Option<T>, Error>,
    ) -> Poll<Result<Option<T>, Error>> {
        let Some(stream) = self.stream else {
            return Poll::Ready(Ok(None));
        };
        let received = self.client.0.with(|state, _| {
            let received = receive(state, stream);
            if matches!(received, Ok(None)) {
                state.wait_to_receive(stream, cx.waker());
            }
            received
        });
        match received.and_then(|received| received) {
            Ok(None) => Poll::Pending,
            Err(error) if error.kind() == ErrorKind::Closed => Poll::Ready(Ok(None)),
            received => Poll::Ready(received),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(stream) = self.stream {
            let now = self.client.0.now();
            // Closed: the stream went with the client.
            let _closed = self.client.0.with(|state, _| state.engine.release(now, stream));
        }
    }
}
