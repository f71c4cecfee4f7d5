//! The handshake: CONNECT, CONNACK, and what of the session goes on (sections 3.1 and 3.2).

use std::collections::VecDeque;

use super::life::Phase;
use super::round_trip::Probed;
use super::timers::Timer;
use super::{Action, Completion, Engine, Event, version};
use crate::codec::{Ack, ConnAck, Connect, ConnectProperties, Frames, PacketType, PublishDecoder, Version};
use crate::connection::{Connection, Grant, IncomingAliases, KeepAlive, OutgoingAliases};
use crate::error::{Error, ErrorKind};
use crate::mutant::Mutant;
use crate::options::OnSessionLost;
use crate::reason::ReasonCode;
use crate::session::{Record, SlotState};
use crate::text::Utf8String;
use crate::time::Timestamp;

impl Engine {
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

    fn connect_packet(&mut self) -> Connect {
        let (authentication_method, authentication) = self.authenticating.take_opening();
        let settings = &self.settings;
        let version = self.version();
        let session_expiry = settings.session_expiry(version);
        let shares_secrets = self.shares_secrets();
        let credentials = Some(&settings.credentials).filter(|_| shares_secrets);
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
        if let Some(maximum) =
            connack.properties.maximum_packet_size.filter(|most| *most < NEEDED_PACKET_SIZE)
        {
            let what = format!(
                "the server takes packets of at most {maximum} bytes: acknowledgements need {NEEDED_PACKET_SIZE}"
            );
            // Without a DISCONNECT, which would be too large as well.
            self.close_transport(Action::Shutdown, Some(Error::new(ErrorKind::PacketTooLarge, what)));
            return Ok(());
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
            publish_decoder: PublishDecoder::new(self.version()),
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
        let released = self.slots.in_order(|state| matches!(state, SlotState::Released(_)));
        let published = self.slots.in_order(|state| matches!(state, SlotState::Publish { .. }));
        if let Some(connection) = &mut self.connection {
            if !Mutant::PubrelNotCountedOnResume.is_active() {
                connection.send_quota -= i32::try_from(released.len()).unwrap_or(i32::MAX);
            }
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
}

/// Bytes of an acknowledgement with a reason code: the longest packet that a client can't do without.
const NEEDED_PACKET_SIZE: u32 = 5;
