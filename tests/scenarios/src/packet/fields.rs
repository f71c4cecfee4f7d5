//! A packet that arrived, as its fields.

use bytes::Bytes;
use polymqtt_proto::codec::{
    Ack, AckProperties, Auth, Connect, Disconnect, Packet, Publish, Subscribe, SubscriptionIdentifier,
    Unsubscribe, UserProperties, Will,
};
use polymqtt_proto::qos::PacketId;
use polymqtt_proto::text::Utf8String;
use serde_json::{Map, Value, json};

use super::text::text_of;

/// The fields of a packet that a client sends, by the names of the specification; those that are absent are left out.
pub(crate) fn fields(packet: &Packet) -> Map<String, Value> {
    let mut fields = Fields::default();
    match packet {
        Packet::Connect(connect) => fields.connect(connect),
        Packet::Publish(publish) => fields.publish(publish),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            fields.ack(ack);
        }
        Packet::Subscribe(subscribe) => fields.subscribe(subscribe),
        Packet::Unsubscribe(unsubscribe) => fields.unsubscribe(unsubscribe),
        Packet::Disconnect(disconnect) => fields.disconnect(disconnect),
        Packet::Auth(auth) => fields.auth(auth),
        Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingReq | Packet::PingResp => {
        }
    }
    fields.0
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn maybe<T: Into<Value>>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn text(&mut self, name: &str, text: Option<&Utf8String>) {
        self.maybe(name, text.map(Utf8String::as_str));
    }

    fn bytes(&mut self, name: &str, bytes: Option<&Bytes>) {
        self.maybe(name, bytes.map(|bytes| text_of(bytes)));
    }

    fn user_properties(&mut self, properties: &UserProperties) {
        if !properties.is_empty() {
            let pairs = properties.iter().map(|(name, value)| Value::from(format!("{name}:{value}")));
            self.put("user_properties", pairs.collect::<Vec<_>>());
        }
    }

    fn connect(&mut self, connect: &Connect) {
        self.put("version", if connect.version.has_properties() { "5" } else { "3.1.1" });
        self.put("clean_start", connect.clean_start);
        self.put("keep_alive", connect.keep_alive);
        self.put("client_id", connect.client_id.as_str());
        self.text("username", connect.username.as_ref());
        self.bytes("password", connect.password.as_ref());
        if let Some(will) = &connect.will {
            let mut fields = Self::default();
            fields.will(will);
            self.put("will", fields.0);
        }
        let properties = &connect.properties;
        self.maybe("session_expiry_interval", properties.session_expiry_interval);
        self.maybe("receive_maximum", properties.receive_maximum);
        self.maybe("maximum_packet_size", properties.maximum_packet_size);
        self.maybe("topic_alias_maximum", properties.topic_alias_maximum);
        self.maybe("request_response_information", properties.request_response_information);
        self.maybe("request_problem_information", properties.request_problem_information);
        self.text("authentication_method", properties.authentication_method.as_ref());
        self.bytes("authentication_data", properties.authentication_data.as_ref());
        self.user_properties(&properties.user_properties);
    }

    fn will(&mut self, will: &Will) {
        self.put("topic", will.topic.as_str());
        self.put("payload", text_of(&will.payload));
        self.put("qos", will.qos as u8);
        self.put("retain", will.retain);
        let properties = &will.properties;
        self.maybe("delay_interval", properties.delay_interval);
        self.maybe("payload_format_indicator", properties.payload_format_indicator.map(u8::from));
        self.maybe("message_expiry_interval", properties.message_expiry_interval);
        self.text("content_type", properties.content_type.as_ref());
        self.text("response_topic", properties.response_topic.as_ref());
        self.bytes("correlation_data", properties.correlation_data.as_ref());
        self.user_properties(&properties.user_properties);
    }

    fn publish(&mut self, publish: &Publish) {
        self.put("topic", publish.topic.as_str());
        self.put("payload", text_of(&publish.payload));
        self.put("qos", publish.delivery.qos() as u8);
        self.put("retain", publish.retain);
        self.put("dup", publish.delivery.dup());
        self.maybe("packet_id", publish.delivery.packet_id().map(PacketId::get));
        self.maybe("topic_alias", publish.topic_alias.map(std::num::NonZero::get));
        let Some(properties) = &publish.properties else {
            return;
        };
        self.maybe("payload_format_indicator", properties.payload_format_indicator.map(u8::from));
        self.maybe("message_expiry_interval", properties.message_expiry_interval);
        self.text("response_topic", properties.response_topic.as_ref());
        self.bytes("correlation_data", properties.correlation_data.as_ref());
        self.text("content_type", properties.content_type.as_ref());
        self.user_properties(&properties.user_properties);
    }

    fn ack(&mut self, ack: &Ack) {
        self.put("packet_id", ack.packet_id.get());
        self.put("reason_code", ack.reason_code as u8);
        let Some(AckProperties { reason_string, user_properties }) = ack.properties.as_deref() else {
            return;
        };
        self.text("reason_string", reason_string.as_ref());
        self.user_properties(user_properties);
    }

    fn subscribe(&mut self, subscribe: &Subscribe) {
        self.put("packet_id", subscribe.packet_id.get());
        let list = |value: fn(&_) -> Value| one_or_list(subscribe.filters.iter().map(value).collect());
        self.put("filter", list(|(filter, _)| filter.as_str().into()));
        self.put("qos", list(|(_, options)| json!(options.maximum_qos as u8)));
        self.put("no_local", list(|(_, options)| options.no_local.into()));
        self.put("retain_as_published", list(|(_, options)| options.retain_as_published.into()));
        self.put("retain_handling", list(|(_, options)| json!(options.retain_handling as u8)));
        let properties = &subscribe.properties;
        self.maybe(
            "subscription_identifier",
            properties.subscription_identifier.map(SubscriptionIdentifier::get),
        );
        self.user_properties(&properties.user_properties);
    }

    fn unsubscribe(&mut self, unsubscribe: &Unsubscribe) {
        self.put("packet_id", unsubscribe.packet_id.get());
        let filters = unsubscribe.filters.iter().map(|filter| Value::from(filter.as_str()));
        self.put("filter", one_or_list(filters.collect()));
        self.user_properties(&unsubscribe.user_properties);
    }

    fn disconnect(&mut self, disconnect: &Disconnect) {
        self.put("reason_code", disconnect.reason_code as u8);
        let Some(properties) = &disconnect.properties else {
            return;
        };
        self.maybe("session_expiry_interval", properties.session_expiry_interval);
        self.text("reason_string", properties.reason_string.as_ref());
        self.user_properties(&properties.user_properties);
    }

    fn auth(&mut self, auth: &Auth) {
        self.put("reason_code", auth.reason_code as u8);
        let properties = &auth.properties;
        self.text("authentication_method", properties.authentication_method.as_ref());
        self.bytes("authentication_data", properties.authentication_data.as_ref());
        self.text("reason_string", properties.reason_string.as_ref());
        self.user_properties(&properties.user_properties);
    }
}

/// Mostly there is one.
fn one_or_list(mut values: Vec<Value>) -> Value {
    match values.pop() {
        Some(only) if values.is_empty() => only,
        last => values.into_iter().chain(last).collect(),
    }
}
