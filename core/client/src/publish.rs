//! Publishing: the message being put together, the wait for room, the wait for the acknowledgement.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use polymqtt_proto::codec::PublishProperties;
use polymqtt_proto::engine::{Completion, PublishAck, Rejected, Token};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::Message;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::text::Utf8String;
use polymqtt_proto::time::Timestamp;

use crate::room::{Offer, Offered, Purpose, Ticket};
use crate::shared::{Shared, State};

/// A message being put together by [`Client::publish`](crate::Client::publish): set what differs from the defaults,
/// then await it, or [`enqueue`](Publish::enqueue) it.
///
/// Awaiting it gives the server's acknowledgement for QoS 1 and 2; for QoS 0 it completes once the message is
/// accepted. Dropping the future before the message is accepted takes it back; after that, the message goes its way.
#[derive(Debug)]
#[must_use = "nothing is published until it is awaited or enqueued"]
pub struct Publish<'a> {
    shared: &'a Arc<Shared>,
    message: Result<Message, Error>,
    timeout: Option<Duration>,
    wait_for_room: bool,
}

impl<'a> Publish<'a> {
    pub(crate) fn new(shared: &'a Arc<Shared>, wait_for_room: bool, message: Result<Message, Error>) -> Self {
        Self { shared, message, timeout: None, wait_for_room }
    }

    /// The quality of service; the default is 0.
    #[inline]
    pub fn qos(self, qos: QoS) -> Self {
        self.with(|message| message.set_qos(qos))
    }

    /// Whether the server keeps it for later subscribers [MQTT-3.3.1-5]; not by default.
    pub fn retain(self, retain: bool) -> Self {
        self.with(|message| message.set_retain(retain))
    }

    /// All its properties at once (v5); goes before the single ones.
    pub fn properties(self, properties: PublishProperties) -> Self {
        self.with(|message| *message.properties_mut() = properties)
    }

    /// What the payload is, such as `application/json` (v5, section 3.3.2.3.9).
    pub fn content_type(self, content_type: &str) -> Self {
        self.property("content_type", content_type, |properties, text| properties.content_type = Some(text))
    }

    /// Where an answer is expected (v5, section 3.3.2.3.5).
    pub fn response_topic(self, topic: &str) -> Self {
        self.property("response_topic", topic, |properties, text| properties.response_topic = Some(text))
    }

    /// What an answer is recognised by (v5, section 3.3.2.3.6).
    pub fn correlation_data(self, data: impl Into<Bytes>) -> Self {
        let data = data.into();
        self.with(|message| message.properties_mut().correlation_data = Some(data))
    }

    /// How long the message lives, to the second (v5, section 3.3.2.3.3): counted down here while it waits, then by
    /// the server.
    pub fn message_expiry(self, expiry: Duration) -> Self {
        let seconds = u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX);
        self.with(|message| message.properties_mut().message_expiry_interval = Some(seconds))
    }

    /// Whether the payload is declared to be UTF-8 (v5, section 3.3.2.3.2), which is then checked.
    pub fn payload_is_utf8(self, utf8: bool) -> Self {
        self.with(|message| message.properties_mut().payload_format_indicator = Some(utf8))
    }

    /// A user property (v5, section 3.3.2.3.7); may be given several times.
    pub fn user_property(self, name: &str, value: &str) -> Self {
        let pair = text("user_property", name).and_then(|name| Ok((name, text("user_property", value)?)));
        self.with_checked(pair, |message, pair| message.properties_mut().user_properties.push(pair))
    }

    /// The longest that the operation may take: after it, a message that was never sent is withdrawn
    /// ([`ErrorKind::Timeout`]), one that was sent ends as [`ErrorKind::Indeterminate`]. Without it, a message waits
    /// for as long as the client lives.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Completes as soon as the message is accepted, with a [`Delivery`] to await its acknowledgement, now, later or
    /// never.
    ///
    /// # Errors
    /// Those of the message or its options, `queue full` by policy, or that the client is closed.
    pub async fn enqueue(self) -> Result<Delivery, Error> {
        let shared = self.shared;
        let mut accepting = Accepting::new(self, Purpose::Publish);
        let token = std::future::poll_fn(|cx| accepting.poll(cx)).await?;
        Ok(Delivery::new(shared, token))
    }

    pub(crate) fn shared(&self) -> &'a Arc<Shared> {
        self.shared
    }

    #[inline]
    fn with(mut self, change: impl FnOnce(&mut Message)) -> Self {
        if let Ok(message) = &mut self.message {
            change(message);
        }
        self
    }

    /// What is wrong first is what is reported.
    fn with_checked<T>(mut self, value: Result<T, Error>, change: impl FnOnce(&mut Message, T)) -> Self {
        match (&mut self.message, value) {
            (Ok(message), Ok(value)) => change(message, value),
            (Ok(_), Err(error)) => self.message = Err(error),
            (Err(_earlier), _) => {}
        }
        self
    }

    fn property(self, name: &str, value: &str, set: impl FnOnce(&mut PublishProperties, Utf8String)) -> Self {
        self.with_checked(text(name, value), |message, value| set(message.properties_mut(), value))
    }
}

impl<'a> IntoFuture for Publish<'a> {
    type Output = Result<PublishAck, Error>;
    type IntoFuture = Publishing<'a>;

    fn into_future(self) -> Publishing<'a> {
        let shared = self.shared;
        Publishing(Stage::Accepting(shared, Accepting::new(self, Purpose::Publish)))
    }
}

/// A publish that is awaited; made from [`Publish`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Publishing<'a>(Stage<'a>);

#[derive(Debug)]
enum Stage<'a> {
    Accepting(&'a Arc<Shared>, Accepting<'a>),
    Accepted(Delivery),
}

impl Future for Publishing<'_> {
    type Output = Result<PublishAck, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Stage::Accepting(shared, accepting) = &mut self.0 {
            let token = std::task::ready!(accepting.poll(cx))?;
            self.0 = Stage::Accepted(Delivery::new(shared, token));
        }
        match &mut self.0 {
            Stage::Accepted(delivery) => Pin::new(delivery).poll(cx),
            Stage::Accepting(..) => Poll::Pending,
        }
    }
}

/// A message on its way into the engine: accepted at once, or after waiting in line for room.
#[derive(Debug)]
pub(crate) struct Accepting<'a> {
    shared: &'a Arc<Shared>,
    /// Until it is made.
    offer: Option<Result<Offer, Error>>,
    wait_for_room: bool,
    ticket: Option<Ticket>,
}

impl<'a> Accepting<'a> {
    #[inline]
    pub(crate) fn new(publish: Publish<'a>, purpose: Purpose) -> Self {
        let Publish { shared, message, timeout, wait_for_room } = publish;
        let offer = message.map(|message| Offer { message, timeout, purpose });
        Self { shared, offer: Some(offer), wait_for_room, ticket: None }
    }

    /// The token to wait with; [`Token::NONE`] where there is nothing to wait for.
    #[inline]
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<Token, Error>> {
        if let Some(ticket) = self.ticket {
            let outcome = std::task::ready!(self.shared.with(|state, _| state.room.poll(ticket, cx))?);
            self.ticket = None;
            return Poll::Ready(outcome);
        }
        let accepted = || Err(Error::new(ErrorKind::Closed, "the message was accepted before"));
        let offer = self.offer.take().unwrap_or_else(accepted)?;
        let now = offer.time(self.shared);
        self.shared.with(|state, _| {
            let offer = if state.room.is_empty() {
                match offer.make(state, now)? {
                    Offered::Accepted(token) => return Poll::Ready(Ok(token)),
                    Offered::Full(_, offer) if self.wait_for_room => offer,
                    Offered::Full(error, _) => return Poll::Ready(Err(error)),
                }
            } else {
                offer
            };
            self.ticket = Some(state.room.join(cx.waker(), Some(offer)));
            Poll::Pending
        })?
    }
}

impl Drop for Accepting<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else {
            return;
        };
        let now = self.shared.now();
        // Closed: there is no line any more.
        let _closed = self.shared.with(|state, wakes| {
            if let Some(Ok(token)) = state.leave_line(ticket, wakes) {
                // Nobody learns of the outcome; a request is given up.
                state.operations.forget(token);
                state.engine.forget_request(now, token);
                state.make_room(wakes);
            }
        });
    }
}

/// A message that was accepted: await it for the acknowledgement, or drop it; the message goes its way all the same.
#[derive(Debug)]
pub struct Delivery {
    /// `None` once there is nothing to wait for, as with QoS 0 from the beginning.
    operation: Option<(Arc<Shared>, Token)>,
}

impl Delivery {
    #[inline]
    pub(crate) fn new(shared: &Arc<Shared>, token: Token) -> Self {
        Self { operation: (token != Token::NONE).then(|| (Arc::clone(shared), token)) }
    }

    /// Withdraws the message if it was never sent, else ends its operation as [`ErrorKind::Indeterminate`].
    pub fn cancel(&self) {
        let Some((shared, token)) = &self.operation else {
            return;
        };
        let now = shared.now();
        // Closed: the operation has ended.
        let _closed = shared.with(|state, wakes| {
            if state.engine.cancel(now, *token) {
                state.make_room(wakes);
            }
        });
    }
}

impl Future for Delivery {
    type Output = Result<PublishAck, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((shared, token)) = &self.operation else {
            return Poll::Ready(Ok(PublishAck::SUCCESS));
        };
        let completion = std::task::ready!(shared.poll_operation(*token, cx));
        self.operation = None;
        match completion? {
            Completion::Published(outcome) => Poll::Ready(outcome),
            _ => Poll::Ready(Err(Error::new(ErrorKind::Closed, "the operation was another one"))),
        }
    }
}

impl Drop for Delivery {
    #[inline]
    fn drop(&mut self) {
        if let Some((shared, token)) = &self.operation {
            shared.forget(*token);
        }
    }
}

/// Offers a message to the engine. QoS 0 is done with being accepted, so nobody waits for it.
#[inline]
pub(crate) fn accept(
    state: &mut State,
    now: Timestamp,
    message: Message,
    timeout: Option<Duration>,
) -> Result<Token, Rejected> {
    if message.qos() == QoS::AtMostOnce {
        return state.engine.publish(now, message, timeout, Token::NONE).map(|_record| Token::NONE);
    }
    let token = state.operations.start();
    match state.engine.publish(now, message, timeout, token) {
        Ok(_record) => Ok(token),
        Err(rejected) => {
            state.operations.forget(token);
            Err(rejected)
        }
    }
}

fn text(option: &str, value: &str) -> Result<Utf8String, Error> {
    Utf8String::try_from(value)
        .map_err(|error| Error::new(ErrorKind::InvalidMessage, format!("{option}: {error}")))
}
