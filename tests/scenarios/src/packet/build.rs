//! A packet to be sent, from its fields.

use bytes::Bytes;
use polymqtt_proto::codec::{
    Ack, AckProperties, Auth, AuthProperties, ConnAck, ConnAckProperties, Delivery, Disconnect,
    DisconnectProperties, Packet, Publish, PublishProperties, SubAck, SubscriptionIdentifier,
    SubscriptionIdentifiers, UnsubAck, UserProperties,
};
use polymqtt_proto::qos::{PacketId, QoS};
use polymqtt_proto::reason::ReasonCode;
use polymqtt_proto::text::Utf8String;
use serde_json::{Map, Value};

use super::text::{bytes_of, code_of};

/// A packet that a server sends.
///
/// # Errors
/// What is missing, too much, or can't be.
pub(crate) fn build(packet: &str, fields: Map<String, Value>) -> Result<Packet, String> {
    let mut fields = Fields(fields);
    let packet = match packet {
        "CONNACK" => Packet::ConnAck(Box::new(fields.connack()?)),
        "PUBLISH" => Packet::Publish(fields.publish()?),
        "PUBACK" => Packet::PubAck(fields.ack()?),
        "PUBREC" => Packet::PubRec(fields.ack()?),
        "PUBREL" => Packet::PubRel(fields.ack()?),
        "PUBCOMP" => Packet::PubComp(fields.ack()?),
        "SUBACK" => {
            let (packet_id, properties) = (fields.packet_id()?, fields.ack_properties()?);
            Packet::SubAck(SubAck { packet_id, reason_codes: fields.codes()?, properties })
        }
        "UNSUBACK" => {
            let (packet_id, properties) = (fields.packet_id()?, fields.ack_properties()?);
            Packet::UnsubAck(UnsubAck { packet_id, reason_codes: fields.codes()?, properties })
        }
        "PINGRESP" => Packet::PingResp,
        "DISCONNECT" => Packet::Disconnect(fields.disconnect()?),
        "AUTH" => Packet::Auth(fields.auth()?),
        other => return Err(format!("a server does not send {other:?}")),
    };
    match fields.0.keys().next() {
        None => Ok(packet),
        Some(name) => Err(format!("{} has no field {name:?}", packet.packet_type())),
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    fn number<T: TryFrom<u64>>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let number = value.as_u64().and_then(|number| T::try_from(number).ok());
        number.map(Some).ok_or_else(|| format!("{name}: {value} is not possible"))
    }

    fn flag(&mut self, name: &str) -> Result<Option<bool>, String> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let flag = value.as_bool().or_else(|| value.as_u64().map(|number| number == 1));
        flag.map(Some).ok_or_else(|| format!("{name}: {value} is not true or false"))
    }

    fn text(&mut self, name: &str) -> Result<Option<Utf8String>, String> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        Utf8String::try_from(text).map(Some).map_err(|error| format!("{name}: {error}"))
    }

    fn bytes(&mut self, name: &str) -> Result<Option<Bytes>, String> {
        self.take(name).map(|value| bytes_of(&value).map(Bytes::from)).transpose()
    }

    fn user_properties(&mut self) -> Result<UserProperties, String> {
        let Some(value) = self.take("user_properties") else {
            return Ok(UserProperties::new());
        };
        let list = value.as_array().cloned().unwrap_or_else(|| vec![value]);
        let pair = |value: &Value| {
            let (name, text) = value.as_str()?.split_once(':')?;
            Some((Utf8String::try_from(name).ok()?, Utf8String::try_from(text).ok()?))
        };
        list.iter().map(|value| pair(value).ok_or_else(|| format!("{value} is not name:value"))).collect()
    }

    fn packet_id(&mut self) -> Result<PacketId, String> {
        let id = self.number("packet_id")?.and_then(PacketId::new);
        id.ok_or_else(|| "there is no packet to answer: say packet_id= or `to NAME`".to_owned())
    }

    fn code(&mut self) -> Result<ReasonCode, String> {
        self.take("reason_code").map_or(Ok(ReasonCode::Success), |value| code_of(&value))
    }

    fn codes(&mut self) -> Result<Vec<ReasonCode>, String> {
        match self.take("reason_codes") {
            None => Ok(Vec::new()),
            Some(Value::Array(codes)) => codes.iter().map(code_of).collect(),
            Some(code) => code_of(&code).map(|code| vec![code]),
        }
    }

    fn ack_properties(&mut self) -> Result<Option<Box<AckProperties>>, String> {
        let properties = AckProperties {
            reason_string: self.text("reason_string")?,
            user_properties: self.user_properties()?,
        };
        Ok((properties != AckProperties::default()).then(|| Box::new(properties)))
    }

    fn ack(&mut self) -> Result<Ack, String> {
        Ok(Ack {
            packet_id: self.packet_id()?,
            reason_code: self.code()?,
            properties: self.ack_properties()?,
        })
    }

    fn connack(&mut self) -> Result<ConnAck, String> {
        let properties = ConnAckProperties {
            session_expiry_interval: self.number("session_expiry_interval")?,
            receive_maximum: self.number("receive_maximum")?,
            maximum_qos: self.number::<u8>("maximum_qos")?.and_then(|qos| QoS::try_from(qos).ok()),
            retain_available: self.flag("retain_available")?,
            maximum_packet_size: self.number("maximum_packet_size")?,
            assigned_client_identifier: self.text("assigned_client_identifier")?,
            topic_alias_maximum: self.number("topic_alias_maximum")?,
            reason_string: self.text("reason_string")?,
            wildcard_subscription_available: self.flag("wildcard_subscription_available")?,
            subscription_identifiers_available: self.flag("subscription_identifiers_available")?,
            shared_subscription_available: self.flag("shared_subscription_available")?,
            server_keep_alive: self.number("server_keep_alive")?,
            response_information: self.text("response_information")?,
            server_reference: self.text("server_reference")?,
            authentication_method: self.text("authentication_method")?,
            authentication_data: self.bytes("authentication_data")?,
            user_properties: self.user_properties()?,
        };
        let session_present = self.flag("session_present")?.unwrap_or(false);
        Ok(ConnAck { session_present, reason_code: self.code()?, properties })
    }

    fn publish(&mut self) -> Result<Publish, String> {
        let properties = PublishProperties {
            payload_format_indicator: self.flag("payload_format_indicator")?,
            message_expiry_interval: self.number("message_expiry_interval")?,
            response_topic: self.text("response_topic")?,
            correlation_data: self.bytes("correlation_data")?,
            content_type: self.text("content_type")?,
            user_properties: self.user_properties()?,
        };
        let dup = self.flag("dup")?.unwrap_or(false);
        let delivery = match self.number::<u8>("qos")?.unwrap_or(0) {
            0 => Delivery::AtMostOnce,
            1 => Delivery::AtLeastOnce { packet_id: self.packet_id()?, dup },
            2 => Delivery::ExactlyOnce { packet_id: self.packet_id()?, dup },
            qos => return Err(format!("qos={qos}: send bytes for what does not exist")),
        };
        Ok(Publish {
            delivery,
            retain: self.flag("retain")?.unwrap_or(false),
            topic: self.text("topic")?.unwrap_or_default(),
            topic_alias: self.number::<u16>("topic_alias")?.and_then(std::num::NonZero::new),
            subscription_identifiers: self.subscription_identifiers()?,
            properties: (properties != PublishProperties::default()).then(|| Box::new(properties)),
            payload: self.bytes("payload")?.unwrap_or_default(),
        })
    }

    fn subscription_identifiers(&mut self) -> Result<SubscriptionIdentifiers, String> {
        let mut identifiers = SubscriptionIdentifiers::NONE;
        let value = self.take("subscription_identifier");
        let list = value.map(|value| value.as_array().cloned().unwrap_or_else(|| vec![value]));
        for value in list.into_iter().flatten() {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            let identifier = number.and_then(SubscriptionIdentifier::new);
            identifiers.push(identifier.ok_or_else(|| format!("{value} is no subscription identifier"))?);
        }
        Ok(identifiers)
    }

    fn disconnect(&mut self) -> Result<Disconnect, String> {
        let properties = DisconnectProperties {
            session_expiry_interval: None,
            reason_string: self.text("reason_string")?,
            user_properties: self.user_properties()?,
            server_reference: self.text("server_reference")?,
        };
        let properties = (properties != DisconnectProperties::default()).then(|| Box::new(properties));
        Ok(Disconnect { reason_code: self.code()?, properties })
    }

    fn auth(&mut self) -> Result<Auth, String> {
        let properties = AuthProperties {
            authentication_method: self.text("authentication_method")?,
            authentication_data: self.bytes("authentication_data")?,
            reason_string: self.text("reason_string")?,
            user_properties: self.user_properties()?,
        };
        Ok(Auth { reason_code: self.code()?, properties })
    }
}
