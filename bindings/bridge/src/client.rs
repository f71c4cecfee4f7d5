//! One client, as every foreign binding holds it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use polymqtt::bridged::{Bridged, News as Gathered};
use polymqtt::{
    Acknowledgement, DisconnectOptions, Error, ErrorKind, Event, Grant, Message, Metrics, Options,
    PublishAck, QoS, Status, StreamOptions, TopicFilter, UserProperties,
};
use polymqtt_proto::engine::{Completion, Engine, Rejected, StreamId, SubscribeRequest, Token};
use polymqtt_proto::time::Timestamp;

use crate::bell::Bell;
use crate::line::{Line, Offer, Waiting};
use crate::questions::{Answer, Question, Questions};
use crate::runtime::{Process, runtime};
use crate::stream::Stream;

/// A client: operations are named by tokens, and their outcomes taken together. In a process that was forked from the
/// one where it was made, every call is an error at once.
#[derive(Debug)]
pub struct Client {
    /// Forgotten in a forked process: its lock may be held for ever there.
    bridged: Option<Bridged>,
    process: Process,
    bell: Arc<Bell>,
    questions: Arc<Questions>,
    line: Mutex<Line>,
    /// Whether the line may be passed by.
    line_is_empty: AtomicBool,
}

/// How a client is told what [`Options`] can't hold.
#[derive(Debug, Clone, Default)]
pub struct Hooks {
    /// Whether credentials are [asked for](Question::Credentials) before each attempt.
    pub credentials: bool,
    /// The authentication method whose steps are [asked for](Question::Authentication).
    pub authenticator: Option<String>,
}

/// What a host takes after the bell has rung. Keep one, and hand it to [`Client::take`] again and again.
#[derive(Debug, Default)]
pub struct News {
    /// The outcomes of operations, each once.
    pub completions: Vec<(Token, Completion)>,
    /// Operations that were accepted after having waited in line for room.
    pub accepted: Vec<Token>,
    /// Streams that have become readable, or have ended: told once, until one is found empty.
    pub readable: Vec<StreamId>,
    /// What happened to the connection.
    pub events: VecDeque<Event>,
    /// Whether the client has ended: nothing follows, and whatever still waits ends as closed.
    pub ended: bool,
    gathered: Gathered,
}

/// What became of a message that was offered.
#[derive(Debug)]
pub enum Offered {
    /// It is done: QoS 0 has no outcome but that it was accepted.
    Done,
    /// It was accepted; the outcome comes.
    Accepted,
    /// There is no room for it, and by the queue's policy it may wait: see [`Client::wait_in_line`].
    Full(Message),
}

impl Client {
    /// Makes a client that does not connect yet. `bell` rings when it has news.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] and [`ErrorKind::Unsupported`] for options that can't be.
    pub fn prepare(options: Options, hooks: &Hooks, bell: Arc<Bell>) -> Result<Self, Error> {
        let questions = Questions::new(Arc::clone(&bell));
        let mut connect = polymqtt::Client::connect(options);
        if hooks.credentials {
            connect = questions.ask_for_credentials(connect);
        }
        if let Some(method) = &hooks.authenticator {
            connect = questions.ask_for_authentication(connect, method);
        }
        let _within = runtime()?.enter();
        let bridged = Bridged::prepare(connect, Arc::clone(&bell).into())?;
        Ok(Self {
            bridged: Some(bridged),
            process: Process::current(),
            bell,
            questions,
            line: Mutex::default(),
            line_is_empty: AtomicBool::new(true),
        })
    }

    /// What rings when there is news.
    #[must_use]
    pub fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    /// Where it was made.
    #[must_use]
    pub fn process(&self) -> Process {
        self.process
    }

    /// That the client may be used in this process.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] in a forked one.
    #[inline]
    pub fn check(&self) -> Result<(), Error> {
        self.process.check()
    }

    /// Takes all news, and has those in line for room try again. Gives nothing in a forked process.
    pub fn take(&self, news: &mut News) {
        news.clear();
        let Ok(bridged) = self.bridged() else {
            news.ended = true;
            return;
        };
        bridged.take(&mut news.gathered);
        std::mem::swap(&mut news.completions, &mut news.gathered.completions);
        std::mem::swap(&mut news.readable, &mut news.gathered.readable);
        std::mem::swap(&mut news.events, &mut news.gathered.events);
        news.ended = std::mem::take(&mut news.gathered.ended);
        if std::mem::take(&mut news.gathered.room) || news.ended {
            // Closed by a panic: then whoever waits ends with the client.
            news.ended |= self.serve_line(bridged, news).is_err();
        }
    }

    /// The questions that were not seen yet; each by the number to [answer](Client::answer) it with.
    ///
    /// # Errors
    /// That the client can't be used.
    pub fn take_questions(&self) -> Result<Vec<(u64, Question)>, Error> {
        self.check()?;
        Ok(self.questions.take())
    }

    /// Whether there are questions that were not seen yet.
    #[must_use]
    pub fn has_questions(&self) -> bool {
        self.check().is_ok() && !self.questions.is_empty()
    }

    /// Answers a question. One that nobody waits for any more is forgotten.
    pub fn answer(&self, question: u64, answer: Answer) {
        if self.check().is_ok() {
            self.questions.answer(question, answer);
        }
    }

    /// Connects; the outcome is a [`Completion::Connected`].
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] for one that was connected before.
    pub fn start(&self, token: Token) -> Result<(), Error> {
        self.with(|engine, now| engine.connect(now, token))?
    }

    /// Publishes a message; the outcome is a [`Completion::Published`].
    ///
    /// # Errors
    /// Each rule that the message breaks, `queue full` by policy, or that the client is closed.
    #[inline]
    pub fn publish(
        &self,
        token: Token,
        message: Message,
        timeout: Option<Duration>,
    ) -> Result<Offered, Error> {
        // The clock is read only for messages that something is timed by: the engine's last time does for the others.
        let timed = timeout.is_some() || message.properties().is_some();
        self.offer(Waiting { token, message, offer: Offer::Publish(timeout) }, timed)
    }

    /// Publishes a message and waits for the answer; the outcome is a [`Completion::Responded`].
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub fn request(&self, token: Token, message: Message, timeout: Duration) -> Result<Offered, Error> {
        self.offer(Waiting { token, message, offer: Offer::Request(timeout) }, true)
    }

    /// Publishes messages in order, with one lock for all, until `next` has none, or one finds no room though it may
    /// wait: that one is given back.
    ///
    /// # Errors
    /// The first message that is not accepted, and why; those before it go their way.
    pub fn publish_many(
        &self,
        mut next: impl FnMut() -> Option<(Token, Message)>,
    ) -> Result<Option<(Token, Message)>, Error> {
        let bridged = self.bridged()?;
        let now = bridged.now();
        let line_is_empty = self.line_is_empty.load(Ordering::Acquire);
        bridged.with(|engine| {
            while let Some((token, message)) = next() {
                if !line_is_empty {
                    return Ok(Some((token, message)));
                }
                match offer(engine, now, Waiting { token, message, offer: Offer::Publish(None) }) {
                    Ok(_done_or_accepted) => {}
                    Err(rejected) if may_wait(bridged, &rejected) => {
                        return Ok(Some((token, rejected.message)));
                    }
                    Err(rejected) => return Err(rejected.error),
                }
            }
            Ok(None)
        })?
    }

    /// Puts a message in the line for room. It is offered again when there is some: the news tell that it was accepted,
    /// then its outcome.
    ///
    /// # Errors
    /// That the client can't be used.
    pub fn wait_in_line(&self, token: Token, message: Message, offer: Offer) -> Result<(), Error> {
        let bridged = self.bridged()?;
        let mut line = self.line();
        line.join(Waiting { token, message, offer });
        self.line_is_empty.store(false, Ordering::Release);
        drop(line);
        bridged.await_room()
    }

    /// Leaves the line: gives the message back, unless it was accepted meanwhile.
    #[must_use]
    pub fn leave_line(&self, token: Token) -> Option<Message> {
        self.check().ok()?;
        let mut line = self.line();
        let message = line.leave(token);
        self.line_is_empty.store(line.is_empty(), Ordering::Release);
        message
    }

    /// Withdraws a message that was never sent, or ends its operation as indeterminate.
    ///
    /// # Errors
    /// That the client can't be used.
    pub fn cancel(&self, token: Token) -> Result<(), Error> {
        self.with(|engine, now| engine.cancel(now, token)).map(|_found| ())
    }

    /// Nobody waits for the answer to a request any more: it has no outcome, and is withdrawn if it was never sent.
    pub fn forget_request(&self, token: Token) {
        // Closed: it has ended with the client.
        let _closed = self.with(|engine, now| engine.forget_request(now, token));
    }

    /// Waits for everything accepted to be handed to the operating system; the outcome is a [`Completion::Flushed`].
    ///
    /// # Errors
    /// That the client can't be used.
    pub fn flush(&self, token: Token) -> Result<(), Error> {
        self.with(|engine, now| engine.flush(now, token))
    }

    /// Subscribes; the outcome is a [`Completion::Subscribed`].
    ///
    /// # Errors
    /// A filter or option that is not allowed, or that the client is closed.
    pub fn subscribe(self: &Arc<Self>, token: Token, request: SubscribeRequest) -> Result<Stream, Error> {
        let stream = self.with(|engine, now| engine.subscribe(now, request, token))??;
        Ok(Stream::new(Arc::clone(self), stream))
    }

    /// Subscribes without an outcome, as before the client is started.
    ///
    /// # Errors
    /// As [`Client::subscribe`].
    pub fn declare(self: &Arc<Self>, request: SubscribeRequest) -> Result<Stream, Error> {
        let stream = self.with(|engine, now| engine.declare(now, request))??;
        Ok(Stream::new(Arc::clone(self), stream))
    }

    /// The messages that no other stream is for.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] when it is open already, or that the client is closed.
    pub fn unclaimed(self: &Arc<Self>, options: StreamOptions) -> Result<Stream, Error> {
        let stream = self.with(|engine, now| engine.unclaimed(now, options))??;
        Ok(Stream::new(Arc::clone(self), stream))
    }

    /// Whether the protocol version in use has requests and responses.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] in version 3.1.1.
    pub fn check_requests(&self) -> Result<(), Error> {
        self.with(|engine, _| engine.check_requests())?
    }

    /// Unsubscribes filters that no stream of this client has; the outcome is a [`Completion::Unsubscribed`].
    ///
    /// # Errors
    /// A filter that is not allowed, or that the client is closed.
    pub fn unsubscribe_filters(
        &self,
        token: Token,
        filters: Vec<TopicFilter>,
        user_properties: UserProperties,
    ) -> Result<(), Error> {
        self.with(|engine, now| engine.unsubscribe_filters(now, filters, user_properties, token))?
    }

    /// Authenticates again; the outcome is a [`Completion::Reauthenticated`].
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] without a method, [`ErrorKind::Transport`] without a connection.
    pub fn reauthenticate(&self, token: Token) -> Result<(), Error> {
        self.bridged()?.reauthenticate(token)
    }

    /// Disconnects in order; the outcome is a [`Completion::Disconnected`].
    ///
    /// # Errors
    /// Options that the version or the session does not allow.
    pub fn disconnect(&self, token: Token, options: DisconnectOptions) -> Result<(), Error> {
        self.with(|engine, now| engine.disconnect(now, options, token))?
    }

    /// What the server granted for the connection as it stands; `None` while there is none.
    #[must_use]
    pub fn connected(&self) -> Option<Grant> {
        self.with(|engine, _| engine.grant().cloned()).ok().flatten()
    }

    /// The client identifier in use; empty while there is none.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.with(|engine, _| engine.client_id().to_owned()).unwrap_or_default()
    }

    /// Figures since the client was made, and as they stand.
    ///
    /// # Errors
    /// That the client can't be used.
    pub fn metrics(&self) -> Result<Metrics, Error> {
        self.with(|engine, _| engine.metrics())
    }

    /// Where the client stands.
    ///
    /// # Errors
    /// That the client can't be used.
    pub fn status(&self) -> Result<Status, Error> {
        self.with(|engine, now| engine.status(now))
    }

    pub(crate) fn acknowledge(&self, message: &Message, answer: Acknowledgement) -> Result<(), Error> {
        let plain = answer == Acknowledgement::default();
        self.with(|engine, now| {
            if plain {
                engine.acknowledge(now, message);
                return Ok(());
            }
            engine.acknowledge_with(now, message, answer)
        })?
    }

    #[inline]
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Engine, Timestamp) -> T) -> Result<T, Error> {
        let bridged = self.bridged()?;
        let now = bridged.now();
        bridged.with(|engine| act(engine, now))
    }

    /// Offers a message to the engine, unless others wait in line.
    #[inline]
    fn offer(&self, waiting: Waiting, timed: bool) -> Result<Offered, Error> {
        let bridged = self.bridged()?;
        if !self.line_is_empty.load(Ordering::Acquire) {
            return Ok(Offered::Full(waiting.message));
        }
        let now = if timed { bridged.now() } else { Timestamp::ZERO };
        match bridged.with(|engine| offer(engine, now, waiting))? {
            Ok(offered) => Ok(offered),
            Err(rejected) if may_wait(bridged, &rejected) => Ok(Offered::Full(rejected.message)),
            Err(rejected) => Err(rejected.error),
        }
    }

    /// Offers again what waits in line, as far as there is room.
    fn serve_line(&self, bridged: &Bridged, news: &mut News) -> Result<(), Error> {
        let mut line = self.line();
        while let Some(waiting) = line.first() {
            let Waiting { token, offer: wanted, .. } = waiting;
            let now = bridged.now();
            match bridged.with(|engine| offer(engine, now, waiting))? {
                Ok(Offered::Done) => {
                    news.completions.push((token, Completion::Published(Ok(PublishAck::SUCCESS))));
                }
                Ok(_) => news.accepted.push(token),
                Err(rejected) if may_wait(bridged, &rejected) => {
                    line.put_back(Waiting { token, message: rejected.message, offer: wanted });
                    bridged.await_room()?;
                    break;
                }
                Err(rejected) => news.completions.push((token, Completion::Published(Err(rejected.error)))),
            }
        }
        self.line_is_empty.store(line.is_empty(), Ordering::Release);
        Ok(())
    }

    #[inline]
    fn bridged(&self) -> Result<&Bridged, Error> {
        self.check()?;
        let gone = || Error::new(ErrorKind::Closed, "the client is closed");
        self.bridged.as_ref().ok_or_else(gone)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.check().is_err() {
            std::mem::forget(self.bridged.take());
        }
    }
}

impl News {
    /// Whether there is nothing to be told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.completions.is_empty()
            && self.accepted.is_empty()
            && self.readable.is_empty()
            && self.events.is_empty()
            && !self.ended
    }

    fn clear(&mut self) {
        self.completions.clear();
        self.accepted.clear();
        self.readable.clear();
        self.events.clear();
        self.ended = false;
    }
}

/// Offers a message to the engine. QoS 0 is done with being accepted, so nothing is told of it.
#[inline]
fn offer(engine: &mut Engine, now: Timestamp, waiting: Waiting) -> Result<Offered, Rejected> {
    let Waiting { token, message, offer } = waiting;
    match offer {
        Offer::Publish(timeout) if message.qos() == QoS::AtMostOnce => {
            engine.publish(now, message, timeout, Token::NONE).map(|_record| Offered::Done)
        }
        Offer::Publish(timeout) => {
            engine.publish(now, message, timeout, token).map(|_record| Offered::Accepted)
        }
        Offer::Request(timeout) => engine.request(now, message, timeout, token).map(|()| Offered::Accepted),
    }
}

fn may_wait(bridged: &Bridged, rejected: &Rejected) -> bool {
    bridged.waits_for_room() && rejected.error.kind() == ErrorKind::QueueFull
}

#[cfg(test)]
mod tests;
