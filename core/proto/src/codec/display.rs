//! Control packets as one readable line, for logs and people.
//!
//! Of passwords, payloads, authentication data and correlation data only the length is shown; of the user properties
//! of CONNECT and AUTH only the names, since tokens travel there. Long texts and long lists are cut, control
//! characters escaped: whatever was received, the line stays a line.

use std::fmt::{self, Display, Formatter};

use bytes::Bytes;

use super::ack::{Ack, AckProperties};
use super::auth::Auth;
use super::connack::ConnAck;
use super::connect::Connect;
use super::disconnect::Disconnect;
use super::packet::Packet;
use super::properties::UserProperties;
use super::publish::{Publish, PublishProperties};
use super::suback::SubAck;
use super::subscribe::{RetainHandling, Subscribe, SubscriptionOptions};
use super::unsuback::UnsubAck;
use super::unsubscribe::Unsubscribe;
use super::will::Will;
use crate::reason::ReasonCode;
use crate::text::Utf8String;

/// A text is cut behind so many characters.
const LONGEST_TEXT: usize = 100;

/// A list is cut behind so many entries.
const LONGEST_LIST: usize = 16;

impl Display for Packet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.packet_type().name())?;
        match self {
            Self::Connect(packet) => connect(packet, f),
            Self::ConnAck(packet) => connack(packet, f),
            Self::Publish(packet) => publish(packet, packet.payload.len(), f),
            Self::PubAck(packet) | Self::PubRec(packet) | Self::PubRel(packet) | Self::PubComp(packet) => {
                ack(packet, f)
            }
            Self::Subscribe(packet) => subscribe(packet, f),
            Self::SubAck(packet) => suback(packet, f),
            Self::Unsubscribe(packet) => unsubscribe(packet, f),
            Self::UnsubAck(packet) => unsuback(packet, f),
            Self::PingReq | Self::PingResp => Ok(()),
            Self::Disconnect(packet) => disconnect(packet, f),
            Self::Auth(packet) => auth(packet, f),
        }
    }
}

fn connect(packet: &Connect, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " v{} client={}", packet.version, Text(&packet.client_id))?;
    flag(f, "clean-start", packet.clean_start)?;
    write!(f, " keep-alive={}", packet.keep_alive)?;
    if let Some(username) = &packet.username {
        write!(f, " user={}", Text(username))?;
    }
    noted(f, "password of", packet.password.as_ref().map(Length))?;
    if let Some(it) = &packet.will {
        will(it, f)?;
    }
    let properties = &packet.properties;
    noted(f, "session expiry", properties.session_expiry_interval.map(Expiry))?;
    noted(f, "receive maximum", properties.receive_maximum)?;
    noted(f, "maximum packet size", properties.maximum_packet_size)?;
    noted(f, "topic alias maximum", properties.topic_alias_maximum)?;
    noted(f, "response information", properties.request_response_information.map(Answer))?;
    noted(f, "problem information", properties.request_problem_information.map(Answer))?;
    noted(f, "authentication", properties.authentication_method.as_ref().map(Text))?;
    noted(f, "authentication data of", properties.authentication_data.as_ref().map(Length))?;
    names(f, &properties.user_properties)
}

fn will(will: &Will, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, ", will topic={} qos={}", Quoted(&will.topic), will.qos)?;
    flag(f, "retain", will.retain)?;
    write!(f, " {}", Length(&will.payload))?;
    let properties = &will.properties;
    noted(f, "will delay", properties.delay_interval.map(Seconds))?;
    noted(f, "will expiry", properties.message_expiry_interval.map(Seconds))?;
    noted(f, "will payload format", properties.payload_format_indicator.map(Format))?;
    noted(f, "will content type", properties.content_type.as_ref().map(Text))?;
    noted(f, "will response topic", properties.response_topic.as_ref().map(Text))?;
    noted(f, "will correlation data of", properties.correlation_data.as_ref().map(Length))?;
    pairs(f, &properties.user_properties)
}

fn connack(packet: &ConnAck, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " {}", packet.reason_code)?;
    flag(f, "session-present", packet.session_present)?;
    let properties = &packet.properties;
    noted(f, "reason", properties.reason_string.as_ref().map(Text))?;
    noted(f, "assigned client", properties.assigned_client_identifier.as_ref().map(Text))?;
    noted(f, "session expiry", properties.session_expiry_interval.map(Expiry))?;
    noted(f, "keep alive", properties.server_keep_alive.map(u32::from).map(Seconds))?;
    noted(f, "receive maximum", properties.receive_maximum)?;
    noted(f, "maximum QoS", properties.maximum_qos)?;
    noted(f, "retain", properties.retain_available.map(Answer))?;
    noted(f, "maximum packet size", properties.maximum_packet_size)?;
    noted(f, "topic alias maximum", properties.topic_alias_maximum)?;
    noted(f, "wildcard subscriptions", properties.wildcard_subscription_available.map(Answer))?;
    noted(f, "subscription identifiers", properties.subscription_identifiers_available.map(Answer))?;
    noted(f, "shared subscriptions", properties.shared_subscription_available.map(Answer))?;
    noted(f, "response information", properties.response_information.as_ref().map(Text))?;
    noted(f, "server reference", properties.server_reference.as_ref().map(Text))?;
    noted(f, "authentication", properties.authentication_method.as_ref().map(Text))?;
    noted(f, "authentication data of", properties.authentication_data.as_ref().map(Length))?;
    pairs(f, &properties.user_properties)
}

/// What follows the name; `payload_len` is the length of the whole payload, of which `packet` may hold the beginning.
pub(super) fn publish(packet: &Publish, payload_len: usize, f: &mut Formatter<'_>) -> fmt::Result {
    if let Some(packet_id) = packet.delivery.packet_id() {
        write!(f, " id={packet_id}")?;
    }
    write!(f, " qos={}", packet.delivery.qos())?;
    flag(f, "dup", packet.delivery.dup())?;
    flag(f, "retain", packet.retain)?;
    if !packet.topic.is_empty() || packet.topic_alias.is_none() {
        write!(f, " topic={}", Text(&packet.topic))?;
    }
    if let Some(alias) = packet.topic_alias {
        write!(f, " alias={alias}")?;
    }
    write!(f, " {}", ByteCount(payload_len))?;
    listed(f, "subscription", packet.subscription_identifiers.iter())?;
    match &packet.properties {
        Some(properties) => publish_properties(properties, f),
        None => Ok(()),
    }
}

fn publish_properties(properties: &PublishProperties, f: &mut Formatter<'_>) -> fmt::Result {
    noted(f, "expiry", properties.message_expiry_interval.map(Seconds))?;
    noted(f, "payload format", properties.payload_format_indicator.map(Format))?;
    noted(f, "content type", properties.content_type.as_ref().map(Text))?;
    noted(f, "response topic", properties.response_topic.as_ref().map(Text))?;
    noted(f, "correlation data of", properties.correlation_data.as_ref().map(Length))?;
    pairs(f, &properties.user_properties)
}

fn ack(packet: &Ack, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " id={}", packet.packet_id)?;
    if packet.reason_code != ReasonCode::Success {
        write!(f, " {}", packet.reason_code)?;
    }
    ack_properties(packet.properties.as_deref(), f)
}

fn ack_properties(properties: Option<&AckProperties>, f: &mut Formatter<'_>) -> fmt::Result {
    let Some(properties) = properties else { return Ok(()) };
    noted(f, "reason", properties.reason_string.as_ref().map(Text))?;
    pairs(f, &properties.user_properties)
}

fn subscribe(packet: &Subscribe, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " id={}", packet.packet_id)?;
    let filters = packet.filters.iter().map(|(filter, options)| Requested(filter, *options));
    sequence(f, " ", filters)?;
    noted(f, "identifier", packet.properties.subscription_identifier)?;
    pairs(f, &packet.properties.user_properties)
}

fn suback(packet: &SubAck, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " id={}", packet.packet_id)?;
    sequence(f, " ", packet.reason_codes.iter().copied().map(GrantedOrNot))?;
    ack_properties(packet.properties.as_deref(), f)
}

fn unsubscribe(packet: &Unsubscribe, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " id={}", packet.packet_id)?;
    sequence(f, " ", packet.filters.iter().map(|filter| Quoted(filter)))?;
    pairs(f, &packet.user_properties)
}

fn unsuback(packet: &UnsubAck, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " id={}", packet.packet_id)?;
    sequence(f, " ", packet.reason_codes.iter())?;
    ack_properties(packet.properties.as_deref(), f)
}

fn disconnect(packet: &Disconnect, f: &mut Formatter<'_>) -> fmt::Result {
    match packet.reason_code {
        // The code 0 has this name here (section 3.14.2.1).
        ReasonCode::Success => f.write_str(" normal disconnection (0x00)")?,
        other => write!(f, " {other}")?,
    }
    let Some(properties) = &packet.properties else { return Ok(()) };
    noted(f, "reason", properties.reason_string.as_ref().map(Text))?;
    noted(f, "session expiry", properties.session_expiry_interval.map(Expiry))?;
    noted(f, "server reference", properties.server_reference.as_ref().map(Text))?;
    pairs(f, &properties.user_properties)
}

fn auth(packet: &Auth, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, " {}", packet.reason_code)?;
    let properties = &packet.properties;
    noted(f, "authentication", properties.authentication_method.as_ref().map(Text))?;
    noted(f, "authentication data of", properties.authentication_data.as_ref().map(Length))?;
    noted(f, "reason", properties.reason_string.as_ref().map(Text))?;
    names(f, &properties.user_properties)
}

fn flag(f: &mut Formatter<'_>, name: &str, set: bool) -> fmt::Result {
    if set { write!(f, " {name}") } else { Ok(()) }
}

fn noted(f: &mut Formatter<'_>, name: &str, value: Option<impl Display>) -> fmt::Result {
    match value {
        Some(value) => write!(f, ", {name} {value}"),
        None => Ok(()),
    }
}

/// A named list; nothing where it is empty.
fn listed<T: Display>(f: &mut Formatter<'_>, name: &str, values: impl Iterator<Item = T>) -> fmt::Result {
    let mut values = values.peekable();
    if values.peek().is_none() {
        return Ok(());
    }
    write!(f, ", {name}")?;
    sequence(f, " ", values)
}

/// Values with commas between, behind `start`.
fn sequence<T: Display>(f: &mut Formatter<'_>, start: &str, values: impl Iterator<Item = T>) -> fmt::Result {
    let mut values = values.fuse();
    for (index, value) in values.by_ref().take(LONGEST_LIST).enumerate() {
        write!(f, "{}{value}", if index == 0 { start } else { ", " })?;
    }
    match values.count() {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

fn pairs(f: &mut Formatter<'_>, properties: &UserProperties) -> fmt::Result {
    listed(f, "user properties", properties.iter().map(|(name, value)| Pair(name, value)))
}

fn names(f: &mut Formatter<'_>, properties: &UserProperties) -> fmt::Result {
    listed(f, "user properties named", properties.iter().map(|(name, _secret)| Text(name)))
}

/// A text in quotes, cut and escaped.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some((end, _)) = self.0.char_indices().nth(LONGEST_TEXT) else {
            return write!(f, "{:?}", self.0);
        };
        let start = self.0.get(..end).unwrap_or_default();
        write!(f, "{start:?}... ({})", ByteCount(self.0.len()))
    }
}

struct Text<'a>(&'a Utf8String);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Quoted(self.0).fmt(f)
    }
}

struct Pair<'a>(&'a Utf8String, &'a Utf8String);

impl Display for Pair<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", Text(self.0), Text(self.1))
    }
}

/// How long a secret or a payload is.
struct Length<'a>(&'a Bytes);

impl Display for Length<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        ByteCount(self.0.len()).fmt(f)
    }
}

/// A number of bytes.
pub(super) struct ByteCount(pub(super) usize);

impl Display for ByteCount {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

struct Seconds(u32);

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}

/// Of a session: the greatest number means that it does not expire.
struct Expiry(u32);

impl Display for Expiry {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            u32::MAX => f.write_str("never"),
            seconds => Seconds(seconds).fmt(f),
        }
    }
}

struct Answer(bool);

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "yes" } else { "no" })
    }
}

struct Format(bool);

impl Display for Format {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "UTF-8" } else { "bytes" })
    }
}

/// A filter of a SUBSCRIBE with its options, those at their default left out.
struct Requested<'a>(&'a str, SubscriptionOptions);

impl Display for Requested<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(filter, options) = self;
        write!(f, "{} qos={}", Quoted(filter), options.maximum_qos)?;
        flag(f, "no-local", options.no_local)?;
        flag(f, "retain-as-published", options.retain_as_published)?;
        f.write_str(match options.retain_handling {
            RetainHandling::SendAtSubscribe => "",
            RetainHandling::SendIfNew => " retained-if-new",
            RetainHandling::DoNotSend => " no-retained",
        })
    }
}

/// A reason code of SUBACK: the first three are the granted quality of service (section 3.9.3).
struct GrantedOrNot(ReasonCode);

impl Display for GrantedOrNot {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            code if !code.is_error() => write!(f, "qos={}", code as u8),
            refused => refused.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
