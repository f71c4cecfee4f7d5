//! Requests and responses for programs that wait.

use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use polymqtt_proto::engine::{Granted, PublishAck, UnsubscribeAck};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::Message;
use polymqtt_proto::topic::{TopicError, TopicName};

use super::{Client, wait};
use crate::{IntoFilters, Publish, Respond, SendRequest};

impl Client {
    /// Publishes a request, and waits for the answer for at most 30 seconds; see [`crate::Client::request`].
    ///
    /// # Errors
    /// As [`crate::Client::request`].
    pub fn request<T>(&self, topic: T, payload: impl Into<Bytes>) -> Result<Message, Error>
    where
        T: TryInto<TopicName>,
        TopicError: From<T::Error>,
    {
        self.request_with(topic, payload, |request| request)
    }

    /// As [`Client::request`], with all that [`SendRequest`] can set:
    /// `client.request_with("rows/7", "", |request| request.timeout(Duration::from_secs(1)))`.
    ///
    /// # Errors
    /// As [`crate::Client::request`].
    pub fn request_with<T>(
        &self,
        topic: T,
        payload: impl Into<Bytes>,
        set: impl for<'a> FnOnce(SendRequest<'a>) -> SendRequest<'a>,
    ) -> Result<Message, Error>
    where
        T: TryInto<TopicName>,
        TopicError: From<T::Error>,
    {
        wait(set(self.0.request(topic, payload)).into_future())
    }

    /// Subscribes to requests, and waits for the server's answer; see [`crate::Client::respond`].
    ///
    /// # Errors
    /// As [`crate::Client::respond`].
    pub fn respond(&self, filters: impl IntoFilters) -> Result<Responder, Error> {
        self.respond_with(filters, |respond| respond)
    }

    /// As [`Client::respond`], with all that [`Respond`] can set.
    ///
    /// # Errors
    /// As [`crate::Client::respond`].
    pub fn respond_with(
        &self,
        filters: impl IntoFilters,
        set: impl for<'a> FnOnce(Respond<'a>) -> Respond<'a>,
    ) -> Result<Responder, Error> {
        wait(set(self.0.respond(filters)).into_future()).map(Responder)
    }
}

/// The requests that arrive; otherwise as [`crate::Responder`].
#[derive(Debug)]
pub struct Responder(crate::Responder);

impl Responder {
    /// What the server granted, filter by filter in the order of the request.
    #[must_use]
    pub fn granted(&self) -> &[Granted] {
        self.0.granted()
    }

    /// Messages that were no requests; see [`crate::Responder::skipped`].
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.0.skipped()
    }

    /// Waits for the next request; see [`crate::Responder::recv`].
    ///
    /// # Errors
    /// As [`crate::Responder::recv`].
    pub fn recv(&mut self) -> Result<Option<Request>, Error> {
        wait(self.0.recv()).map(|request| request.map(Request))
    }

    /// Waits for the next request for at most `timeout`.
    ///
    /// # Errors
    /// As [`crate::Responder::recv`]; [`ErrorKind::Timeout`] when none came in time.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<Request>, Error> {
        let received = self.0.recv();
        let request = wait(async move {
            let none = |_| Err(Error::new(ErrorKind::Timeout, format!("no request came within {timeout:?}")));
            tokio::time::timeout(timeout, received).await.unwrap_or_else(none)
        });
        request.map(|request| request.map(Request))
    }

    /// Unsubscribes, and waits for the server's answer; see [`crate::Responder::unsubscribe`].
    ///
    /// # Errors
    /// As [`crate::Responder::unsubscribe`].
    pub fn unsubscribe(self) -> Result<UnsubscribeAck, Error> {
        wait(self.0.unsubscribe().into_future())
    }
}

impl Iterator for Responder {
    type Item = Result<Request, Error>;

    /// Waits for the next request; the end when the client has disconnected in order.
    fn next(&mut self) -> Option<Self::Item> {
        self.recv().transpose()
    }
}

/// A request that arrived; otherwise as [`crate::Request`].
#[derive(Debug)]
pub struct Request(crate::Request);

impl Request {
    /// The message, with the topic and payload that say what is asked for.
    #[must_use]
    pub fn message(&self) -> &Message {
        self.0.message()
    }

    /// Answers, and waits for the acknowledgement of the server; see [`crate::Request::respond`].
    ///
    /// # Errors
    /// As [`crate::Request::respond`].
    pub fn respond(&self, payload: impl Into<Bytes>) -> Result<PublishAck, Error> {
        self.respond_with(payload, |publish| publish)
    }

    /// As [`Request::respond`], with all that [`Publish`] can set.
    ///
    /// # Errors
    /// As [`crate::Request::respond`].
    pub fn respond_with(
        &self,
        payload: impl Into<Bytes>,
        set: impl for<'a> FnOnce(Publish<'a>) -> Publish<'a>,
    ) -> Result<PublishAck, Error> {
        wait(set(self.0.respond(payload)).into_future())
    }
}
