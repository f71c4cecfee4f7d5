//! From the first connect to the end: attempts, CONNACK, lost connections, the orderly goodbye.

use std::collections::VecDeque;
use std::time::Duration;

use super::authenticate::another_question;
use super::goodbye::Goodbye;
use super::round_trip::Probed;
use super::timers::Timer;
use super::{Action, Answer, Completion, Engine, Event, Request, RequestId, Token, Undelivered, version};
use crate::codec::{Ack, ConnAck, Connect, ConnectProperties, Disconnect, Frames, PacketType, Version};
use crate::connection::{Connection, Grant, IncomingAliases, KeepAlive, OutgoingAliases};
use crate::error::{Error, ErrorKind};
use crate::options::{OnSessionLost, Server};
use crate::reason::ReasonCode;
use crate::session::{Record, SlotState};
use crate::text::Utf8String;
use crate::time::Timestamp;

/// With a host that gives fresh credentials, this many refusals of them in a row stop the client.
const CREDENTIAL_ATTEMPTS: u32 = 3;

/// Where the client stands.
#[derive(Debug, Default)]
pub(super) struct Life {
    pub(super) phase: Phase,
    /// Waits for the first connect.
    connect: Option<Token>,
    was_connected: bool,
    /// Whether there is a session of an earlier process to go on with.
    pub(super) restored: bool,
    /// Attempts since the last connection.
    pub(super) attempt: u32,
    credential_refusals: u32,
    /// CONNECTs sent since the last CONNACK. One without an answer may have made a new session, of which the next
    /// CONNACK says that it is present.
    unanswered: u32,
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

    /// The transport is open: CONNECT goes first [MQTT-3.1.0-1].
    pub fn handle_opened(&mut self, now: Timestamp) {
        self.tick(now);
        if !matches!(self.life.phase, Phase::Opening) {
            return;
        }
        self.life.phase = Phase::Handshaking;
        self.life.unanswered += 1;
        self.outbox.reset();
        self.unparsed = 0;
        self.unhandled = Frames::default();
        let connect = self.connect_packet();
        self.put(|out| connect.encode(out));
        self.round_trip.connection_lost();
        self.round_trip.start(Probed::Connect, self.outbox.encoded());
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

    /// CONNACK (section 3.2).
    pub(super) fn handle_connack(&mut self, now: Timestamp, connack: &ConnAck) -> Result<(), Error> {
        self.round_trip.answered(Probed::Connect, now);
        if connack.reason_code.is_error() {
            self.life.unanswered = self.life.unanswered.saturating_sub(1);
            let properties = &connack.properties;
            self.note_redirect(connack.reason_code, properties.server_reference.as_ref());
            let error = Error::from_reason("the server refused the connection", connack.reason_code)
                .with_details(properties.reason_string.clone(), properties.user_properties.clone());
            if !version::is_refused(&error) {
                self.version_answered();
            }
            self.close_transport(Action::Shutdown, Some(error));
            return Ok(());
        }
        self.version_answered();
        let clean = self.clean_start();
        if clean && connack.session_present {
            let what = "CONNACK says that a session is present after a clean start [MQTT-3.2.2-2]";
            return Err(Error::new(ErrorKind::Protocol, what).with_reason_code(ReasonCode::ProtocolError));
        }
        if self.connack_authenticates(connack)? {
            self.accepted(now, connack);
        }
        Ok(())
    }

    /// The server accepts the client, and the client accepts the server.
    pub(super) fn accepted(&mut self, now: Timestamp, connack: &ConnAck) {
        let version = self.version();
        let expiry = self.settings.session_expiry(version);
        let grant = Grant::new(version, connack, &self.client_id, expiry, self.settings.keep_alive);
        self.established(now, grant);
    }

    /// The server says goodbye (section 3.14).
    pub(super) fn handle_disconnect(&mut self, disconnect: Disconnect) {
        let properties = disconnect.properties.map(|boxed| *boxed).unwrap_or_default();
        self.note_redirect(disconnect.reason_code, properties.server_reference.as_ref());
        let error = Error::from_reason("the server disconnected", disconnect.reason_code)
            .with_details(properties.reason_string, properties.user_properties);
        self.close_transport(Action::Shutdown, Some(error));
    }

    /// The connection can't go on: tells the server why where the protocol allows, and closes [MQTT-4.13.1-1].
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
        if !self.settings.credentials_from_host {
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

    fn connect_packet(&mut self) -> Connect {
        let (authentication_method, authentication) = self.authenticating.take_opening();
        let settings = &self.settings;
        let version = self.version();
        let session_expiry = settings.session_expiry(version);
        let shares_secrets = self.shares_secrets();
        // A provider was asked for this very server.
        let credentials =
            Some(&settings.credentials).filter(|_| shares_secrets || settings.credentials_from_host);
        let properties = match version {
            Version::V311 => ConnectProperties::default(),
            Version::V5 => ConnectProperties {
                session_expiry_interval: (session_expiry > 0).then_some(session_expiry),
                receive_maximum: Some(settings.receive_maximum),
                maximum_packet_size: Some(settings.maximum_packet_size),
                topic_alias_maximum: Some(settings.topic_alias_maximum).filter(|maximum| *maximum > 0),
                request_response_information: settings.responses.ask_server.then_some(true),
                user_properties: [&settings.user_properties[..], &authentication.user_properties].concat(),
                authentication_method,
                authentication_data: authentication.data,
                ..ConnectProperties::default()
            },
        };
        Connect {
            version,
            clean_start: self.clean_start(),
            keep_alive: settings.keep_alive,
            client_id: self.client_id.clone(),
            username: credentials.and_then(|credentials| credentials.username.clone()),
            password: credentials.and_then(|credentials| credentials.password.clone()),
            will: settings.will.clone().filter(|_| shares_secrets),
            properties,
        }
    }

    /// Version 3.1.1 gets a generated client identifier where the user gave none: of at most 23 characters of 0-9 and
    /// a-z, which every server accepts [MQTT-3.1.3-5].
    pub(super) fn need_client_id(&mut self) {
        if self.version() == Version::V311 && self.client_id.is_empty() {
            let generated = format!("polymqtt{:015x}", self.number >> 68);
            self.client_id = Utf8String::try_from(generated).unwrap_or_default();
        }
    }

    /// Clean start governs the first connect; reconnects go on with the session. The clean session of version 3.1.1
    /// is its expiry too, so there it is the same each time.
    fn clean_start(&self) -> bool {
        let goes_on = self.life.was_connected || self.life.restored;
        self.settings.clean_start && (self.version() == Version::V311 || !goes_on)
    }

    fn established(&mut self, now: Timestamp, grant: Grant) {
        let resumed = grant.session_present;
        self.timers.set(Timer::Connect, None);
        self.life.phase = Phase::Connected;
        self.life.connected_at = now;
        self.life.attempt = 0;
        self.life.credential_refusals = 0;
        if grant.client_id != self.client_id {
            self.client_id = grant.client_id.clone();
        }
        let client_id = &self.client_id;
        self.journal.append(|| Record::ClientId(client_id.clone()));
        let keep_alive = KeepAlive::new(grant.keep_alive, now);
        self.timers.set(Timer::KeepAlive, keep_alive.first_look());
        self.flapping.connected();
        if let Some(reconnect) = &self.settings.reconnect {
            self.timers.set(Timer::Stable, Some(now + reconnect.stable_after));
        }
        let outgoing_aliases = self.settings.outgoing_topic_aliases.min(grant.limits.topic_alias_maximum);
        self.events.push_back(Event::Connected(Box::new(grant.clone())));
        self.connection = Some(Connection {
            send_quota: i32::from(grant.limits.receive_maximum),
            replay: VecDeque::new(),
            incoming_aliases: IncomingAliases::new(self.settings.topic_alias_maximum),
            outgoing_aliases: OutgoingAliases::new(outgoing_aliases),
            keep_alive,
            grant: grant.clone(),
        });
        let earlier_unanswered = std::mem::take(&mut self.life.unanswered) > 1;
        if resumed {
            self.resume();
            if earlier_unanswered {
                self.subscriptions.session_doubted();
                self.inbound.session_doubted();
            }
        } else {
            self.start_session(now);
        }
        if self.life.was_connected {
            self.metrics.reconnects += 1;
        }
        self.life.was_connected = true;
        self.renew_response_topic();
        self.send_unsubscribes();
        self.send_subscribes();
        self.pump(now);
        if let Some(token) = self.life.connect.take() {
            self.complete(token, Completion::Connected(Ok(Box::new(grant))));
        }
        self.settle_goodbye();
    }

    /// Goes on with the session [MQTT-4.4.0-1]: PUBRELs at once and in the order of their PUBRECs, PUBLISHes in
    /// their order as the quota allows. A pending PUBREL counts against the new receive maximum: its PUBCOMP gives
    /// back what it took.
    fn resume(&mut self) {
        self.subscriptions.session_resumed();
        let released = self.slots.in_order(|state| matches!(state, SlotState::Released));
        let published = self.slots.in_order(|state| matches!(state, SlotState::Publish { .. }));
        if let Some(connection) = &mut self.connection {
            connection.send_quota -= i32::try_from(released.len()).unwrap_or(i32::MAX);
            connection.replay = published.into();
        }
        for packet_id in released {
            self.put_ack(PacketType::PubRel, &Ack::success(packet_id));
        }
    }

    /// The server has no session: subscriptions are made anew, what was in flight is sent again or ends.
    fn start_session(&mut self, now: Timestamp) {
        self.inbound.session_lost();
        self.subscriptions.session_lost();
        self.settle_unsubscriptions();
        if self.life.was_connected || self.life.restored {
            self.journal.append(|| Record::SessionLost);
            // Without subscriptions the new session brings no messages: none arrives before the loss is safe, else
            // its packet identifier would be taken for one of the old session after a crash.
            self.outbox.gate(&self.journal);
            self.events.push_back(Event::SessionLost);
        }
        self.resend_as_new(now, self.settings.on_session_lost == OnSessionLost::Resend);
    }

    /// An established connection is gone.
    fn connection_lost(&mut self, now: Timestamp, error: Error) {
        self.connection = None;
        self.timers.set(Timer::Stable, None);
        self.timers.set(Timer::KeepAlive, None);
        self.outbox.reset();
        self.inbound.connection_lost();
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
            unacknowledged: self.slots.in_order(SlotState::is_publish).len(),
        }
    }
}
