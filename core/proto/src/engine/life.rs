//! From the first connect to the end: attempts, lost connections, waits between them.

use std::time::Duration;

use super::authenticate::another_question;
use super::goodbye::Goodbye;
use super::timers::Timer;
use super::{Action, Answer, Completion, Engine, Event, Request, RequestId, Token, Undelivered, version};
use crate::codec::{Disconnect, Version};
use crate::error::{Error, ErrorKind};
use crate::options::Server;
use crate::session::SlotState;
use crate::time::Timestamp;

/// With a host that gives fresh credentials, this many refusals of them in a row stop the client.
const CREDENTIAL_ATTEMPTS: u32 = 3;

/// Where the client stands.
#[derive(Debug, Default)]
pub(super) struct Life {
    pub(super) phase: Phase,
    /// Waits for the first connect.
    pub(super) connect: Option<Token>,
    pub(super) was_connected: bool,
    /// Whether there is a session of an earlier process to go on with.
    pub(super) restored: bool,
    /// Attempts since the last connection.
    pub(super) attempt: u32,
    pub(super) credential_refusals: u32,
    /// CONNECTs sent since the last CONNACK. One without an answer may have made a new session, of which the next
    /// CONNACK says that it is present.
    pub(super) unanswered: u32,
    pub(super) goodbye: Option<Goodbye>,
    last_request: u64,
    /// When CONNACK came.
    pub(super) connected_at: Timestamp,
    /// Why the last connection or attempt ended.
    pub(super) last_error: Option<Error>,
}

/// Its place between the first attempt and the end.
#[derive(Debug, Default)]
pub(super) enum Phase {
    #[default]
    Idle,
    /// Until the next attempt is due.
    Waiting,
    /// For the host's answer.
    Asking(RequestId),
    /// For the transport.
    Opening,
    /// For CONNACK.
    Handshaking,
    /// For the host's verdict on the server, whose CONNACK is in; what follows it waits.
    Verifying,
    Connected,
    /// For the transport to be closed; with the reason, if that was not in order.
    Closing {
        reason: Option<Error>,
        /// Whether CONNACK had come.
        established: bool,
    },
    Ended,
}

impl Life {
    /// Whether new operations are refused.
    #[inline]
    pub(super) fn is_closing(&self) -> bool {
        self.goodbye.is_some() || self.is_ended()
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Whether packets are expected.
    #[inline]
    pub(super) fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Connected | Phase::Handshaking)
    }

    #[inline]
    pub(super) fn is_handshaking(&self) -> bool {
        matches!(self.phase, Phase::Handshaking)
    }

    /// Whether packets wait for the host's verdict.
    #[inline]
    pub(super) fn is_verifying(&self) -> bool {
        matches!(self.phase, Phase::Verifying)
    }

    pub(super) fn closed_error(&self) -> Error {
        let what = if self.is_ended() { "the client is closed" } else { "the client is disconnecting" };
        Error::new(ErrorKind::Closed, what)
    }
}

impl Engine {
    /// Connects, and goes on reconnecting as the options say. The outcome of the first connect is a
    /// [`Completion::Connected`].
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] when the client was connected before: an engine has one life.
    pub fn connect(&mut self, now: Timestamp, token: Token) -> Result<(), Error> {
        let now = self.tick(now);
        if !matches!(self.life.phase, Phase::Idle) {
            return Err(Error::new(ErrorKind::Closed, "a client connects once: make a new one"));
        }
        self.life.connect = Some(token);
        self.begin_attempt(now);
        Ok(())
    }

    /// Ends the client at once, as when its host can't go on: every operation and stream ends with this error.
    pub fn close(&mut self, now: Timestamp, error: Error) {
        self.tick(now);
        if !self.life.is_ended() {
            self.end(Some(error));
        }
    }

    /// Whether the client has ended: nothing more will come of it but what can still be received.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.life.is_ended()
    }

    /// Whether this request still waits for its answer.
    #[must_use]
    pub fn is_asking(&self, request: RequestId) -> bool {
        let asks_first = matches!(self.life.phase, Phase::Asking(asked) if asked == request);
        asks_first || self.asks_to_authenticate(request)
    }

    /// Answers a request of the engine. One that is no longer asked is ignored.
    pub fn answer(&mut self, now: Timestamp, request: RequestId, answer: Answer) {
        let now = self.tick(now);
        if !self.is_asking(request) {
            return;
        }
        if self.asks_to_authenticate(request) {
            return self.authentication_answered(now, answer);
        }
        match answer {
            Answer::Credentials(credentials) => match credentials.check() {
                Ok(()) => {
                    self.settings.credentials = credentials;
                    self.authenticate_and_open();
                }
                Err(error) => self.attempt_failed(now, error),
            },
            Answer::Failed(error) => self.attempt_failed(now, error),
            _ => self.attempt_failed(now, another_question()),
        }
    }

    /// The transport is closed, could not be opened, or failed: why.
    pub fn handle_closed(&mut self, now: Timestamp, error: Error) {
        let now = self.tick(now);
        match std::mem::take(&mut self.life.phase) {
            phase @ (Phase::Idle | Phase::Waiting | Phase::Asking(_) | Phase::Ended) => {
                self.life.phase = phase;
            }
            Phase::Opening | Phase::Verifying => self.attempt_failed(now, error),
            Phase::Handshaking => {
                let what = format!("the connection was closed before CONNACK ({error})");
                let error = Error::new(ErrorKind::Transport, what);
                if !self.fell_back(now, &error) {
                    self.attempt_failed(now, error);
                }
            }
            Phase::Connected => self.connection_lost(now, error),
            Phase::Closing { reason: Some(reason), established: true } => self.connection_lost(now, reason),
            Phase::Closing { reason: Some(reason), .. } => {
                let falls_back = version::is_refused(&reason) && self.fell_back(now, &reason);
                if !falls_back {
                    self.attempt_failed(now, reason);
                }
            }
            Phase::Closing { reason: None, .. } => self.end(None),
        }
    }

    /// The server says goodbye (section 3.14).
    pub(super) fn handle_disconnect(&mut self, disconnect: Disconnect) {
        let properties = disconnect.properties.map(|boxed| *boxed).unwrap_or_default();
        self.note_redirect(disconnect.reason_code, properties.server_reference.as_ref());
        let error = Error::from_reason("the server disconnected", disconnect.reason_code)
            .with_details(properties.reason_string, properties.user_properties);
        self.close_transport(Action::Shutdown, Some(error));
    }

    /// The connection can't go on: tells the server why where the protocol allows, and closes [MQTT-4.13.2-1].
    pub(super) fn fail_connection(&mut self, error: Error) {
        if let (Version::V5, Some(reason_code)) = (self.version(), error.reason_code()) {
            let disconnect = Disconnect::with_reason(reason_code);
            self.put(|out| disconnect.encode(Version::V5, out));
        }
        self.close_transport(Action::Shutdown, Some(error));
    }

    /// Nothing arrives any more: closes without a goodbye that nobody would read.
    pub(super) fn abandon_connection(&mut self, error: Error) {
        self.close_transport(Action::Abort, Some(error));
    }

    /// Deadlines of connecting and disconnecting.
    pub(super) fn sweep_life(&mut self, now: Timestamp) {
        if self.timers.take_due(Timer::Reconnect, now) && matches!(self.life.phase, Phase::Waiting) {
            self.begin_attempt(now);
        }
        if self.timers.take_due(Timer::Connect, now) {
            let timeout = self.settings.connect_timeout.as_secs_f64();
            let error = |what: &str| Error::new(ErrorKind::Timeout, format!("{what} within {timeout} s"));
            match self.life.phase {
                Phase::Asking(_) => {
                    self.attempt_failed(now, error("the host did not say how to authenticate"));
                }
                Phase::Opening => {
                    self.close_transport(Action::Abort, Some(error("the server could not be reached")));
                }
                Phase::Verifying => {
                    let late = error("the host did not verify the server");
                    self.close_transport(Action::Abort, Some(late));
                }
                Phase::Handshaking => {
                    self.close_transport(Action::Abort, Some(error("the server sent no CONNACK")));
                }
                _ => {}
            }
        }
        if self.timers.take_due(Timer::Stable, now) {
            self.backoff.reset();
            self.servers.settled();
            self.flapping.settled();
        }
        if self.timers.take_due(Timer::Drain, now) {
            self.say_goodbye();
        }
    }

    /// The host is to close the transport; what comes until then is ignored.
    pub(super) fn close_transport(&mut self, action: Action, reason: Option<Error>) {
        self.timers.set(Timer::Connect, None);
        self.timers.set(Timer::KeepAlive, None);
        self.timers.set(Timer::Authenticate, None);
        self.authenticating.connection_closing();
        // Without it nothing more is sent: DISCONNECT was the last packet [MQTT-3.14.4-1].
        let established = self.connection.take().is_some();
        self.life.phase = Phase::Closing { reason, established };
        self.actions.push_back(action);
    }

    fn begin_attempt(&mut self, now: Timestamp) {
        self.life.attempt += 1;
        let Some(server) = self.servers.choose() else {
            return self.end(Some(Error::new(ErrorKind::InvalidOption, "no server to connect to")));
        };
        self.choose_version(&server);
        self.need_client_id();
        self.ask_and_open(now, server);
    }

    /// The same attempt again, as after an answer that asks for another try in another way.
    pub(super) fn repeat_attempt(&mut self, now: Timestamp, error: &Error) {
        self.outbox.reset();
        if let Some(server) = self.servers.current().cloned() {
            let wait = Some(Duration::ZERO);
            self.events.push_back(Event::Disconnected { error: Some(error.clone()), retry_in: wait });
            self.ask_and_open(now, server);
        }
    }

    fn ask_and_open(&mut self, now: Timestamp, server: Server) {
        let attempt = self.life.attempt;
        self.events.push_back(Event::Connecting { server: server.clone(), attempt });
        self.timers.set(Timer::Connect, Some(now + self.settings.connect_timeout));
        // What the host gives is for the servers that the user named, unless others are trusted.
        if !self.settings.credentials_from_host || !self.shares_secrets() {
            return self.authenticate_and_open();
        }
        let request = self.ask_host(Request::Credentials { server, attempt });
        self.life.phase = Phase::Asking(request);
    }

    pub(super) fn ask_host(&mut self, question: Request) -> RequestId {
        self.life.last_request += 1;
        let request = RequestId(self.life.last_request);
        self.questions.push_back((request, question));
        request
    }

    fn authenticate_and_open(&mut self) {
        if !self.begin_authentication() {
            self.open();
        }
    }

    pub(super) fn open(&mut self) {
        if let Some(server) = self.servers.current().cloned() {
            self.life.phase = Phase::Opening;
            self.actions.push_back(Action::Open(server));
        }
    }

    /// An established connection is gone.
    fn connection_lost(&mut self, now: Timestamp, error: Error) {
        self.connection = None;
        self.timers.set(Timer::Stable, None);
        self.timers.set(Timer::KeepAlive, None);
        self.outbox.reset();
        self.inbound.connection_lost();
        self.overrun = false;
        self.unclaimed.connection_lost();
        self.forget_subscribe_packets();
        self.fail_flushes(false, &error);
        self.timers.set(Timer::Authenticate, None);
        self.authenticating.connection_closing();
        self.fail_reauthentication(&error);
        if let Some(connections) = self.flapping.lost() {
            self.events.push_back(Event::Flapping { connections });
        }
        let reconnects = self.settings.reconnect.is_some();
        if !(reconnects && self.redirected(now, &error)) {
            self.retry_or_end(now, error);
        }
    }

    /// An attempt failed before CONNACK accepted it.
    pub(super) fn attempt_failed(&mut self, now: Timestamp, error: Error) {
        self.timers.set(Timer::Connect, None);
        self.authenticating.connection_closing();
        self.outbox.reset();
        if self.redirected(now, &error) {
            return;
        }
        let first = self.life.connect.is_some() && !self.settings.keep_trying;
        self.servers.failed();
        if first && self.life.attempt >= self.servers.len() && !self.servers.has_detour() {
            return self.end(Some(error));
        }
        self.retry_or_end(now, error);
    }

    fn retry_or_end(&mut self, now: Timestamp, error: Error) {
        if self.life.goodbye.as_ref().is_some_and(|goodbye| goodbye.sent) {
            return self.end(None);
        }
        let Some(reconnect) = self.settings.reconnect.filter(|_| self.may_retry(&error)) else {
            return self.end(Some(error));
        };
        // Every server of the list is tried before the next wait.
        let wraps = self.life.attempt.is_multiple_of(self.servers.len()) && !self.servers.has_detour();
        let wait = if wraps { self.backoff.next(&reconnect) } else { Duration::ZERO };
        self.wait(now, wait, error);
    }

    /// Goes on with the next attempt without waiting.
    pub(super) fn retry_at_once(&mut self, now: Timestamp, error: Error) {
        self.wait(now, Duration::ZERO, error);
    }

    fn wait(&mut self, now: Timestamp, wait: Duration, error: Error) {
        self.life.phase = Phase::Waiting;
        self.life.last_error = Some(error.clone());
        self.timers.set(Timer::Reconnect, Some(now + wait));
        self.events.push_back(Event::Disconnected { error: Some(error), retry_in: Some(wait) });
        self.settle_goodbye();
    }

    fn may_retry(&mut self, error: &Error) -> bool {
        if error.kind() == ErrorKind::NotAuthorized && self.settings.credentials_from_host {
            self.life.credential_refusals += 1;
            return self.life.credential_refusals < CREDENTIAL_ATTEMPTS;
        }
        error.retry_may_help()
    }

    /// The end, in order or with an error: every operation ends.
    pub(super) fn end(&mut self, error: Option<Error>) {
        let undelivered = self.undelivered();
        self.life.phase = Phase::Ended;
        self.life.last_error.clone_from(&error);
        self.connection = None;
        self.outbox.reset();
        self.inbound.connection_lost();
        self.timers.clear();
        self.authenticating.connection_closing();
        let closed = match &error {
            Some(error) => error.clone(),
            None => Error::new(ErrorKind::Closed, "the client is closed"),
        };
        if let Some(token) = self.life.connect.take() {
            self.complete(token, Completion::Connected(Err(closed.clone())));
        }
        self.fail_reauthentication(&closed);
        self.fail_requests(&closed);
        self.fail_publishes(&closed);
        self.fail_subscriptions(&closed, error.as_ref());
        self.events.push_back(Event::Disconnected { error, retry_in: None });
        if let Some(goodbye) = self.life.goodbye.take() {
            self.complete(goodbye.token, Completion::Disconnected(undelivered));
        }
    }

    pub(super) fn undelivered(&self) -> Undelivered {
        Undelivered {
            queued: self.queue.len() + self.requests.held(),
            unacknowledged: self.slots.in_order(SlotState::is_under_way).len(),
        }
    }
}
