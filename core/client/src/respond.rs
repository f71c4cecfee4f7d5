//! Responding: the stream of requests, and the answer to each.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use bytes::Bytes;
use polymqtt_proto::engine::{Granted, StreamOptions};
use polymqtt_proto::error::Error;
use polymqtt_proto::message::Message;
use polymqtt_proto::qos::QoS;

use crate::client::{Client, IntoFilters};
use crate::publish::Publish;
use crate::subscription::{Subscribe, Subscription};
use crate::unsubscribe::Unsubscribe;

impl Client {
    /// Subscribes to requests (v5, section 4.10), to answer them: set what differs from the defaults, then await it for
    /// the stream of requests.
    ///
    /// ```no_run
    /// # async fn example(client: polymqtt::Client) -> Result<(), polymqtt::Error> {
    /// let mut requests = client.respond("rows/+").await?;
    /// while let Some(request) = requests.recv().await? {
    ///     request.respond("the row").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Several clients that respond to a shared subscription, such as `$share/workers/rows/+`, are a pool: each request
    /// goes to one of them.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) in version 3.1.1, else as [`Client::subscribe`].
    pub fn respond(&self, filters: impl IntoFilters) -> Respond<'_> {
        Respond { client: self, subscribe: self.subscribe(filters).qos(QoS::AtLeastOnce) }
    }
}

/// A subscription to requests being put together by [`Client::respond`]: set what differs from the defaults, then await
/// it for the [`Responder`].
#[derive(Debug)]
#[must_use = "nothing is subscribed until it is awaited"]
pub struct Respond<'a> {
    client: &'a Client,
    subscribe: Subscribe<'a>,
}

impl Respond<'_> {
    /// The greatest quality of service to receive with; the default is 1. Answers go with the quality of service that
    /// their request came with.
    pub fn qos(mut self, qos: QoS) -> Self {
        self.subscribe = self.subscribe.qos(qos);
        self
    }

    /// The bounds of the stream; the default is 1,024 requests and 8 MiB.
    pub fn stream(mut self, stream: StreamOptions) -> Self {
        self.subscribe = self.subscribe.stream(stream);
        self
    }
}

impl<'a> IntoFuture for Respond<'a> {
    type Output = Result<Responder, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.client.check_requests()?;
            let subscription = self.subscribe.await?;
            Ok(Responder { client: self.client.clone(), subscription, skipped: 0 })
        })
    }
}

/// The requests that arrive, in order. It keeps the client connected, and goes on over reconnects.
///
/// A request counts as taken when the next one is asked for: then it is acknowledged. To answer many at once, hand each
/// to a task of its own; a program that must not lose a request that it was about to answer when it died, subscribes
/// with [manual acknowledgement](Subscribe::manual_ack) and answers with [`Message::response`].
#[derive(Debug)]
pub struct Responder {
    client: Client,
    subscription: Subscription,
    skipped: u64,
}

impl Responder {
    /// What the server granted, filter by filter in the order of the request.
    #[must_use]
    pub fn granted(&self) -> &[Granted] {
        self.subscription.granted()
    }

    /// Messages that were no requests, since they had no response topic: they are skipped and acknowledged.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The next request; `None` once the client has disconnected in order and everything was received.
    ///
    /// Cancel safe: dropping the future loses no request.
    ///
    /// # Errors
    /// What ended the subscription: the client stopped reconnecting, or the server refused to restore it.
    pub async fn recv(&mut self) -> Result<Option<Request>, Error> {
        loop {
            let Some(message) = self.subscription.recv().await? else {
                return Ok(None);
            };
            let expects_answer =
                message.properties().is_some_and(|properties| properties.response_topic.is_some());
            if expects_answer {
                return Ok(Some(Request { client: self.client.clone(), message }));
            }
            self.skipped += 1;
        }
    }

    /// Unsubscribes: await it for the server's answer. Requests that were not received are dropped.
    ///
    /// # Errors
    /// That the server refused, or gave no answer in time.
    pub fn unsubscribe(self) -> Unsubscribe<'static> {
        self.subscription.unsubscribe()
    }
}

/// A request that arrived, to be answered once, or not at all: then its sender waits until its timeout.
#[derive(Debug)]
pub struct Request {
    client: Client,
    message: Message,
}

impl Request {
    /// The message, with the topic and payload that say what is asked for.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The message itself.
    #[must_use]
    pub fn into_message(self) -> Message {
        self.message
    }

    /// Answers: set what differs from the defaults, then await it for the acknowledgement of the server. Topic,
    /// correlation data and quality of service are those that the request asks for; [`Publish::properties`] would
    /// replace the correlation data, the single setters keep it.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn respond(&self, payload: impl Into<Bytes>) -> Publish<'_> {
        self.client.send_outcome(self.message.response(payload))
    }
}
