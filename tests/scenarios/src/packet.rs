//! Packets by the names of their fields: to compare what arrives with, and to make what is sent from.

mod build;
mod fields;
mod text;

pub(crate) use build::build;
pub(crate) use fields::fields;

/// The fields that words without a name stand for; the last one takes all that are left where it is a list.
pub(crate) fn positional(packet: &str) -> &'static [&'static str] {
    match packet {
        "PUBLISH" => &["topic", "payload"],
        "SUBSCRIBE" | "UNSUBSCRIBE" => &["filter"],
        "SUBACK" | "UNSUBACK" => &["reason_codes"],
        "CONNACK" | "PUBACK" | "PUBREC" | "PUBREL" | "PUBCOMP" | "DISCONNECT" | "AUTH" => &["reason_code"],
        _ => &[],
    }
}
