//! Enhanced authentication (v5, section 4.12): the exchange around CONNECT and CONNACK, and doing it again on a
//! connection that stands.
//!
//! An exchange alternates between the host, who is asked for what takes randomness, time or a method of its own, and
//! the server. The server has the last word, in CONNACK or in AUTH with "success": it is verified before anything
//! else happens.
//!
//! Only a client starts a re-authentication (section 4.12.1). A server that sends AUTH with "re-authenticate" all the
//! same can only mean to ask for one: this client then starts it.

use bytes::Bytes;

use super::life::Phase;
use super::timers::Timer;
use super::{Answer, Completion, Engine, Event, Request, RequestId, Token};
use crate::codec::{Auth, AuthProperties, ConnAck, PacketType, UserProperties, Version};
use crate::connection::scram::{self, Challenged, Opened, Proved};
use crate::connection::{
    AuthenticationReply, AuthenticationStage, AuthenticationStep, KeyDerivation, ScramKeys,
};
use crate::error::{Error, ErrorKind};
use crate::options::{AuthenticationSettings, Server};
use crate::reason::ReasonCode;
use crate::text::Utf8String;
use crate::time::Timestamp;

/// Where the authentication of the connection, or of the attempt, stands.
#[derive(Debug, Default)]
pub(super) struct Authenticating {
    /// What CONNECT named; `None` when it named none.
    method: Option<Utf8String>,
    /// Who is authenticated to.
    server: Option<Server>,
    exchange: Option<Exchange>,
    /// What CONNECT is to carry.
    opening: AuthenticationReply,
    /// Who waits for the re-authentication.
    waiting: Vec<Token>,
    /// Those computed last: the server mostly asks for the same again.
    keys: Option<(Bytes, u32, ScramKeys)>,
}

/// Who has the next word.
#[derive(Debug)]
enum Exchange {
    Host(RequestId, Asked),
    Server(Expected),
}

/// What the host is asked for.
#[derive(Debug)]
enum Asked {
    Nonce,
    Keys(Challenged),
    /// The data of a step; nothing was sent before the first.
    Data {
        first: bool,
    },
    /// Whether the server is to be trusted.
    Verdict(LastWord),
}

/// What the server's answer is for.
#[derive(Debug)]
enum Expected {
    ServerFirst(Opened),
    ServerFinal(Proved),
    ForHost,
}

/// The packet that ended the exchange.
#[derive(Debug)]
enum LastWord {
    ConnAck(Box<ConnAck>),
    Auth,
}

impl Authenticating {
    fn is_asking(&self, request: RequestId) -> bool {
        matches!(self.exchange, Some(Exchange::Host(asked, _)) if asked == request)
    }

    /// Whether an exchange waits for somebody.
    pub(super) fn is_under_way(&self) -> bool {
        self.exchange.is_some()
    }

    /// What it belongs to is going: answers are of no use any more.
    pub(super) fn connection_closing(&mut self) {
        self.method = None;
        self.server = None;
        self.exchange = None;
        self.opening = AuthenticationReply::default();
    }

    /// For CONNECT: the method, the data, and user properties besides those of the options.
    pub(super) fn take_opening(&mut self) -> (Option<Utf8String>, AuthenticationReply) {
        (self.method.clone(), std::mem::take(&mut self.opening))
    }
}

impl Engine {
    /// Authenticates again on the connection as it stands (v5, section 4.12.1), by the method of the options. Everything
    /// else goes on meanwhile. The outcome is a [`Completion::Reauthenticated`]; a failure ends the connection
    /// [MQTT-4.12.1-2], unless the host could not even begin. It takes the connect timeout at most; while one is under
    /// way, a second call shares its outcome.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the connection does not authenticate by a method [MQTT-4.12.0-7],
    /// [`ErrorKind::Transport`] when there is no connection: connecting authenticates anyway;
    /// [`ErrorKind::Closed`] when the client is closed or disconnecting.
    pub fn reauthenticate(&mut self, now: Timestamp, token: Token) -> Result<(), Error> {
        let now = self.tick(now);
        if self.life.is_closing() {
            return Err(self.life.closed_error());
        }
        if self.settings.authentication.is_none() {
            let what = "authenticating again needs the option authentication";
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        if !matches!(self.life.phase, Phase::Connected) {
            let what = "there is no connection: connecting will authenticate";
            return Err(Error::new(ErrorKind::Transport, what));
        }
        if self.authenticating.method.is_none() {
            let what = "this server, which the options do not name, was not told of the authentication";
            return Err(Error::new(ErrorKind::Unsupported, what));
        }
        self.authenticating.waiting.push(token);
        self.restart_authentication(now);
        Ok(())
    }

    /// The host's part before the transport opens; whether there is one.
    pub(super) fn begin_authentication(&mut self) -> bool {
        self.authenticating.connection_closing();
        // A server that sent the client elsewhere does not decide who gets to know what.
        let shared = self.shares_secrets() && self.version() == Version::V5;
        self.authenticating.method =
            self.settings.authentication.as_ref().filter(|_| shared).map(AuthenticationSettings::method);
        if self.authenticating.method.is_none() {
            return false;
        }
        self.authenticating.server = self.servers.current().cloned();
        let Some(request) = self.ask_first(AuthenticationStage::Start) else {
            return false;
        };
        self.life.phase = Phase::Asking(request);
        true
    }

    fn restart_authentication(&mut self, now: Timestamp) {
        if self.authenticating.exchange.is_none() {
            self.timers.set(Timer::Authenticate, Some(now + self.settings.connect_timeout));
            self.ask_first(AuthenticationStage::Restart);
        }
    }

    fn ask_first(&mut self, stage: AuthenticationStage) -> Option<RequestId> {
        match &self.settings.authentication {
            Some(AuthenticationSettings::ScramSha256(_)) => {
                Some(self.ask_about(Request::Randomness, Asked::Nonce))
            }
            Some(AuthenticationSettings::Method(_)) | None => {
                self.ask_step(stage, AuthProperties::default(), Asked::Data { first: true })
            }
        }
    }

    fn ask_about(&mut self, question: Request, asked: Asked) -> RequestId {
        let request = self.ask_host(question);
        self.authenticating.exchange = Some(Exchange::Host(request, asked));
        request
    }

    /// `None` without a connection to authenticate, or an attempt at one.
    fn ask_step(
        &mut self,
        stage: AuthenticationStage,
        said: AuthProperties,
        asked: Asked,
    ) -> Option<RequestId> {
        let Authenticating { method, server, .. } = &self.authenticating;
        let step = AuthenticationStep {
            server: server.clone()?,
            method: method.clone()?,
            stage,
            data: said.authentication_data,
            reason_string: said.reason_string,
            user_properties: said.user_properties,
        };
        Some(self.ask_about(Request::Authenticate(Box::new(step)), asked))
    }

    /// Whether the host is asked this for an authentication.
    pub(super) fn asks_to_authenticate(&self, request: RequestId) -> bool {
        self.authenticating.is_asking(request)
    }

    /// The host has answered.
    pub(super) fn authentication_answered(&mut self, now: Timestamp, answer: Answer) {
        let Some(Exchange::Host(_, asked)) = self.authenticating.exchange.take() else {
            return;
        };
        let unsent = matches!(asked, Asked::Nonce | Asked::Data { first: true });
        if let Err(error) = self.go_on(now, asked, answer) {
            self.authentication_failed(now, unsent, error);
        }
    }

    fn go_on(&mut self, now: Timestamp, asked: Asked, answer: Answer) -> Result<(), Error> {
        match (asked, answer) {
            (_, Answer::Failed(error)) => Err(error),
            (Asked::Nonce, Answer::Randomness(random)) => {
                let Some(AuthenticationSettings::ScramSha256(scram)) = &self.settings.authentication else {
                    return Ok(());
                };
                let (opened, client_first) = Opened::new(&scram.username, random);
                self.tell_server(true, AuthenticationReply::new(client_first), Expected::ServerFirst(opened))
            }
            (Asked::Keys(challenged), Answer::Keys(keys)) => {
                self.authenticating.keys =
                    Some((challenged.salt.clone(), challenged.iterations, keys.clone()));
                self.prove(challenged, &keys)
            }
            (Asked::Data { first }, Answer::Authenticate(reply)) => {
                self.tell_server(first, reply, Expected::ForHost)
            }
            (Asked::Verdict(last_word), Answer::Authenticate(_)) => {
                match last_word {
                    LastWord::ConnAck(connack) => self.accepted(now, &connack),
                    LastWord::Auth => self.reauthenticated(),
                }
                Ok(())
            }
            (_, _) => Err(another_question()),
        }
    }

    /// Sends the client's part of a step: with CONNECT once the transport is open, or in AUTH.
    fn tell_server(
        &mut self,
        first: bool,
        reply: AuthenticationReply,
        expected: Expected,
    ) -> Result<(), Error> {
        check_reply(&reply)?;
        self.authenticating.exchange = Some(Exchange::Server(expected));
        if matches!(self.life.phase, Phase::Asking(_)) {
            self.authenticating.opening = reply;
            self.open();
            return Ok(());
        }
        let reason_code = if first { ReasonCode::ReAuthenticate } else { ReasonCode::ContinueAuthentication };
        self.put_auth(reason_code, reply)
    }

    fn put_auth(&mut self, reason_code: ReasonCode, reply: AuthenticationReply) -> Result<(), Error> {
        let auth = |reason_string, user_properties| Auth {
            reason_code,
            properties: AuthProperties {
                authentication_method: self.authenticating.method.clone(),
                authentication_data: reply.data.clone(),
                reason_string,
                user_properties,
            },
        };
        let bare = auth(None, UserProperties::new());
        let full = auth(reply.reason_string, reply.user_properties);
        let size = full.encoded_len(Version::V5);
        // What is only for people must not make the packet too large [MQTT-3.15.2-2], [MQTT-3.15.2-3].
        if self.put_checked(size, |out| full.encode(Version::V5, out)).is_none() {
            return Ok(());
        }
        let size = bare.encoded_len(Version::V5);
        self.put_checked(size, |out| bare.encode(Version::V5, out)).map_or(Ok(()), Err)
    }

    /// AUTH from the server (section 3.15).
    pub(super) fn handle_auth(&mut self, now: Timestamp, auth: Auth) -> Result<(), Error> {
        let Some(method) = &self.authenticating.method else {
            return Err(wrong("the server sent AUTH although no authentication method was asked for"));
        };
        let handshaking = self.life.is_handshaking();
        let properties = auth.properties;
        // Success without anything to say has no properties at all (section 3.15.2.1).
        let short = auth.reason_code == ReasonCode::Success && properties == AuthProperties::default();
        if !short {
            check_method(PacketType::Auth, method, properties.authentication_method.as_ref())?;
        }
        match (auth.reason_code, handshaking) {
            (ReasonCode::ReAuthenticate, false) => {
                self.restart_authentication(now);
                Ok(())
            }
            (ReasonCode::ContinueAuthentication, _) => self.challenged(properties),
            (ReasonCode::Success, false) => {
                if self.is_verified(properties, LastWord::Auth)? {
                    self.reauthenticated();
                }
                Ok(())
            }
            (other, _) => Err(wrong(&format!("the server sent AUTH with {other} before CONNACK"))),
        }
    }

    /// The server wants another answer.
    fn challenged(&mut self, said: AuthProperties) -> Result<(), Error> {
        match self.servers_turn()? {
            Expected::ServerFirst(opened) => {
                let Some(AuthenticationSettings::ScramSha256(scram)) = &self.settings.authentication else {
                    return Ok(());
                };
                let message = said.authentication_data.unwrap_or_default();
                let challenged = opened.challenged(&message, &scram.iterations)?;
                let (salt, iterations) = (challenged.salt.clone(), challenged.iterations);
                if let Some((known_salt, known_iterations, keys)) = &self.authenticating.keys
                    && *known_salt == salt
                    && *known_iterations == iterations
                {
                    let keys = keys.clone();
                    return self.prove(challenged, &keys);
                }
                let derivation = KeyDerivation { password: scram.password.clone(), salt, iterations };
                self.ask_about(Request::DeriveKeys(Box::new(derivation)), Asked::Keys(challenged));
                Ok(())
            }
            Expected::ServerFinal(_) => {
                Err(wrong("SCRAM: the server goes on with AUTH where the end of the exchange must come"))
            }
            Expected::ForHost => {
                self.ask_step(AuthenticationStage::Continue, said, Asked::Data { first: false });
                Ok(())
            }
        }
    }

    fn prove(&mut self, challenged: Challenged, keys: &ScramKeys) -> Result<(), Error> {
        let (proved, client_final) = challenged.prove(keys);
        self.tell_server(false, AuthenticationReply::new(client_final), Expected::ServerFinal(proved))
    }

    /// CONNACK with success: whether it ends the authentication well; if not, the host is asked.
    pub(super) fn connack_authenticates(&mut self, connack: &ConnAck) -> Result<bool, Error> {
        let properties = &connack.properties;
        let Some(method) = &self.authenticating.method else {
            if properties.authentication_method.is_some() {
                let what =
                    "CONNACK names an authentication method although none was asked for [MQTT-4.12.0-6]";
                return Err(wrong(what));
            }
            return Ok(true);
        };
        check_method(PacketType::ConnAck, method, properties.authentication_method.as_ref())?;
        let said = AuthProperties {
            authentication_method: None,
            authentication_data: properties.authentication_data.clone(),
            reason_string: properties.reason_string.clone(),
            user_properties: properties.user_properties.clone(),
        };
        let verified = self.is_verified(said, LastWord::ConnAck(Box::new(connack.clone())))?;
        if !verified {
            self.life.phase = Phase::Verifying;
        }
        Ok(verified)
    }

    /// Whether the server's last word is good; if only the host can tell, it is asked.
    fn is_verified(&mut self, said: AuthProperties, last_word: LastWord) -> Result<bool, Error> {
        match self.servers_turn()? {
            Expected::ServerFirst(_) => Err(scram::unproved("it accepted the client without an exchange")),
            Expected::ServerFinal(proved) => {
                proved.verify(said.authentication_data.as_deref())?;
                Ok(true)
            }
            Expected::ForHost => {
                self.ask_step(AuthenticationStage::Complete, said, Asked::Verdict(last_word));
                Ok(false)
            }
        }
    }

    /// The server has said something: what it was expected for.
    fn servers_turn(&mut self) -> Result<Expected, Error> {
        match self.authenticating.exchange.take() {
            Some(Exchange::Server(expected)) => Ok(expected),
            Some(Exchange::Host(..)) => {
                Err(wrong("the server goes on authenticating before the client answered"))
            }
            None => Err(wrong("the server sent AUTH although no authentication was under way")),
        }
    }

    fn reauthenticated(&mut self) {
        self.timers.set(Timer::Authenticate, None);
        self.events.push_back(Event::Reauthenticated);
        for token in std::mem::take(&mut self.authenticating.waiting) {
            self.complete(token, Completion::Reauthenticated(Ok(())));
        }
    }

    /// By this side. `unsent`: the server knows nothing of this authentication yet.
    fn authentication_failed(&mut self, now: Timestamp, unsent: bool, error: Error) {
        self.authenticating.exchange = None;
        match self.life.phase {
            Phase::Asking(_) => self.attempt_failed(now, error),
            Phase::Connected if unsent => {
                self.timers.set(Timer::Authenticate, None);
                self.events.push_back(Event::ReauthenticationFailed { error: error.clone() });
                self.fail_reauthentication(&error);
            }
            _ if error.reason_code().is_some() => self.fail_connection(error),
            // DISCONNECT has to say something.
            _ => self.fail_connection(error.with_reason_code(ReasonCode::ImplementationSpecificError)),
        }
    }

    /// Whoever waits for a re-authentication learns that there will be none.
    pub(super) fn fail_reauthentication(&mut self, error: &Error) {
        for token in std::mem::take(&mut self.authenticating.waiting) {
            self.complete(token, Completion::Reauthenticated(Err(error.clone())));
        }
    }

    pub(super) fn sweep_authentication(&mut self, now: Timestamp) {
        if !self.timers.take_due(Timer::Authenticate, now) {
            return;
        }
        let (unsent, who) = match &self.authenticating.exchange {
            Some(Exchange::Host(_, asked)) => {
                (matches!(asked, Asked::Nonce | Asked::Data { first: true }), "host")
            }
            Some(Exchange::Server(_)) => (false, "server"),
            None => return,
        };
        let timeout = self.settings.connect_timeout.as_secs_f64();
        let what = format!("authenticating again: the {who} did not answer within {timeout} s");
        self.authentication_failed(now, unsent, Error::new(ErrorKind::Timeout, what));
    }
}

/// [MQTT-4.12.0-5]
fn check_method(packet: PacketType, asked: &Utf8String, said: Option<&Utf8String>) -> Result<(), Error> {
    if said == Some(asked) {
        return Ok(());
    }
    let what = match said {
        Some(_) => format!("the server's {packet} names another authentication method than CONNECT"),
        None => format!("the server's {packet} lacks the authentication method that CONNECT named"),
    };
    Err(Error::new(ErrorKind::Protocol, what).with_reason_code(ReasonCode::BadAuthenticationMethod))
}

fn check_reply(reply: &AuthenticationReply) -> Result<(), Error> {
    match &reply.data {
        Some(data) if data.len() > usize::from(u16::MAX) => {
            let what =
                format!("the authentication data has {} bytes: at most 65,535 are allowed", data.len());
            Err(Error::new(ErrorKind::InvalidOption, what))
        }
        _ => Ok(()),
    }
}

/// The host mixed up its answers.
pub(super) fn another_question() -> Error {
    Error::new(ErrorKind::InvalidOption, "the host answered another question than it was asked")
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, what).with_reason_code(ReasonCode::ProtocolError)
}
