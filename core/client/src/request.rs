//! Requesting: the message being put together, the wait for its answer.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use polymqtt_proto::codec::PublishProperties;
use polymqtt_proto::engine::{Completion, Rejected, Token};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::Message;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::time::Timestamp;
use polymqtt_proto::topic::{TopicError, TopicName};

use crate::client::Client;
use crate::publish::{Accepting, Publish};
use crate::room::Purpose;
use crate::shared::{Shared, State};

/// How long an answer may take unless the request says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

impl Client {
    /// Publishes a request and waits for the answer (v5, section 4.10): set what differs from the defaults, then await
    /// it.
    ///
    /// ```no_run
    /// # async fn example(client: polymqtt::Client) -> Result<(), polymqtt::Error> {
    /// let row = client.request("rows/7", "").await?;
    /// println!("{}", String::from_utf8_lossy(row.payload()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Any number may be awaited at once, up to 65,536. All answers arrive over one subscription, made at the first
    /// request, to a topic of this client's own: see
    /// [`Options::response_topic_prefix`](crate::Options::response_topic_prefix). The wait goes on over reconnects.
    ///
    /// Dropping the future gives the wait up: a request that was not sent yet is not sent.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] when no answer came in time; [`ErrorKind::NoResponder`] when the server tells that nobody
    /// subscribes to the topic; [`ErrorKind::Unsupported`] in version 3.1.1; else as [`Client::publish`] and
    /// [`Client::subscribe`].
    pub fn request<T>(&self, topic: T, payload: impl Into<Bytes>) -> SendRequest<'_>
    where
        T: TryInto<TopicName>,
        TopicError: From<T::Error>,
    {
        SendRequest(self.publish(topic, payload).qos(QoS::AtLeastOnce).timeout(TIMEOUT))
    }

    /// As [`Client::request`], of a message that is there already, at its own quality of service.
    ///
    /// # Errors
    /// As [`Client::request`]; [`ErrorKind::InvalidMessage`] when it has a response topic or correlation data of its
    /// own.
    pub fn send_request(&self, message: Message) -> SendRequest<'_> {
        SendRequest(self.send(message).timeout(TIMEOUT))
    }
}

/// A request being put together by [`Client::request`]: set what differs from the defaults, then await it for the
/// answer.
#[derive(Debug)]
#[must_use = "nothing is requested until it is awaited"]
pub struct SendRequest<'a>(Publish<'a>);

impl SendRequest<'_> {
    /// The quality of service; the default is 1. With 0, nothing tells that nobody listens, and a connection that is
    /// lost may take the request with it.
    pub fn qos(self, qos: QoS) -> Self {
        Self(self.0.qos(qos))
    }

    /// How long the answer may take, from when the queue has taken the request, time without a connection included;
    /// the default is 30 seconds. Unless [`message_expiry`](Self::message_expiry) says otherwise, the server forgets
    /// the request after this time too, to the next second.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self(self.0.timeout(timeout))
    }

    /// All its properties at once; goes before the single ones. Response topic and correlation data are the client's.
    pub fn properties(self, properties: PublishProperties) -> Self {
        Self(self.0.properties(properties))
    }

    /// What the payload is, such as `application/json` (section 3.3.2.3.9).
    pub fn content_type(self, content_type: &str) -> Self {
        Self(self.0.content_type(content_type))
    }

    /// How long the message lives, to the second (section 3.3.2.3.3); the default is the timeout.
    pub fn message_expiry(self, expiry: Duration) -> Self {
        Self(self.0.message_expiry(expiry))
    }

    /// Whether the payload is declared to be UTF-8 (section 3.3.2.3.2), which is then checked.
    pub fn payload_is_utf8(self, utf8: bool) -> Self {
        Self(self.0.payload_is_utf8(utf8))
    }

    /// A user property (section 3.3.2.3.7); may be given several times.
    pub fn user_property(self, name: &str, value: &str) -> Self {
        Self(self.0.user_property(name, value))
    }
}

impl<'a> IntoFuture for SendRequest<'a> {
    type Output = Result<Message, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(request(self.0))
    }
}

async fn request(publish: Publish<'_>) -> Result<Message, Error> {
    let shared = publish.shared();
    let mut accepting = Accepting::new(publish, Purpose::Request);
    let token = std::future::poll_fn(|cx| accepting.poll(cx)).await?;
    let waiting = Waiting { shared, token };
    match std::future::poll_fn(|cx| shared.poll_operation(waiting.token, cx)).await? {
        Completion::Responded(outcome) => outcome.map(|message| *message),
        _ => Err(Error::new(ErrorKind::Closed, "the operation was another one")),
    }
}

/// Offers a request to the engine.
pub(crate) fn accept(
    state: &mut State,
    now: Timestamp,
    message: Message,
    timeout: Option<Duration>,
) -> Result<Token, Rejected> {
    let token = state.operations.start();
    let accepted = state.engine.request(now, message, timeout.unwrap_or(TIMEOUT), token);
    if accepted.is_err() {
        state.operations.forget(token);
    }
    accepted.map(|()| token)
}

/// Somebody waits for an answer; dropping it gives the request up.
struct Waiting<'a> {
    shared: &'a Arc<Shared>,
    token: Token,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let now = self.shared.now();
        // Closed: there is nothing to give up.
        let _closed = self.shared.with(|state, wakes| {
            state.operations.forget(self.token);
            state.engine.forget_request(now, self.token);
            state.make_room(wakes);
        });
    }
}
