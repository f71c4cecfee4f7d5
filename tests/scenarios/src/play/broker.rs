//! The broker's side of a play: packets that come are compared, packets that go are made.

use std::time::Duration;

use bytes::BytesMut;
use polymqtt_proto::codec::{Frames, Packet, PacketType, Version, take_frames};
use serde_json::{Map, Value};

use super::Play;
use crate::compare::compare;
use crate::packet;
use crate::scenario::{BrokerAct, PacketWords};
use crate::scram;
use crate::stage::Received;
use crate::words::Words;

/// More than any scenario's packet.
const LARGEST: u32 = 64 * 1024 * 1024;

/// What a broker gets.
enum Came {
    Packet(Packet),
    Nothing,
    Closed,
}

impl Play<'_> {
    pub(super) fn broker(&mut self, server: Option<&str>, act: &BrokerAct) -> Result<(), String> {
        match act {
            BrokerAct::Expects(words) => self.expects(server, words).map(drop),
            BrokerAct::ExpectsNothing(during) => self.expects_nothing(*during),
            BrokerAct::ExpectsClose => self.expects_close(),
            BrokerAct::Sends(words) => self.sends(words),
            BrokerAct::SendsBytes(bytes) => {
                self.stage.write(bytes);
                Ok(())
            }
            BrokerAct::Accepts(words) => {
                self.expects(server, &bare("CONNECT"))?;
                self.sends(&PacketWords { words: words.clone(), ..bare("CONNACK") })
            }
            BrokerAct::Grants(words) => self.grants(words),
            BrokerAct::Authenticates(fields) => self.authenticates(server, fields),
            BrokerAct::Closes => {
                self.stage.close();
                self.connected = false;
                Ok(())
            }
        }
    }

    /// Takes the next packet and compares it; gives its fields.
    fn expects(&mut self, server: Option<&str>, words: &PacketWords) -> Result<Map<String, Value>, String> {
        if words.packet == "CONNECT" {
            self.accept(server.unwrap_or("a"))?;
        }
        let came = match self.next_packet(self.stage.patience())? {
            Came::Packet(packet) => packet,
            Came::Nothing => return Err("nothing comes".to_owned()),
            Came::Closed => return Err("the client closes the connection".to_owned()),
        };
        if let Packet::Connect(connect) = &came {
            self.version = connect.version;
        }
        let fields = packet::fields(&came);
        let told = || format!("{} {}", came.packet_type(), Value::Object(fields.clone()));
        if came.packet_type().name() != words.packet {
            return Err(format!("{} comes", told()));
        }
        let mut said = self.fields(words)?;
        if let Some(to) = words.to.as_deref() {
            said.insert("packet_id".to_owned(), self.packet_id_of(to)?);
        } else if is_acknowledgement(&words.packet) && !said.contains_key("packet_id") {
            said.insert("packet_id".to_owned(), self.last_sent_id.clone().unwrap_or_default());
        }
        compare(&said, &fields).map_err(|what| format!("{what}, in {}", told()))?;
        if let Some(id) = fields.get("packet_id") {
            self.last_received_id = Some(id.clone());
        }
        self.remember(words, &fields);
        Ok(fields)
    }

    fn accept(&mut self, server: &str) -> Result<(), String> {
        if !self.stage.accept(server, self.stage.patience()) {
            return Err(format!("no connection comes to {server}"));
        }
        self.connected = true;
        self.version = Version::V5;
        self.received = BytesMut::new();
        self.frames = Frames::default();
        Ok(())
    }

    fn expects_nothing(&mut self, during: Duration) -> Result<(), String> {
        match self.next_packet(during)? {
            Came::Nothing => Ok(()),
            Came::Packet(packet) => Err(unexpected(&packet)),
            Came::Closed => Err("the client closes the connection".to_owned()),
        }
    }

    fn expects_close(&mut self) -> Result<(), String> {
        match self.next_packet(self.stage.patience())? {
            Came::Closed => {
                self.stage.close();
                self.connected = false;
                Ok(())
            }
            Came::Packet(packet) => Err(unexpected(&packet)),
            Came::Nothing => Err("the client does not close the connection".to_owned()),
        }
    }

    /// At the end of a play.
    pub(super) fn nothing_left(&mut self) -> Result<(), String> {
        match self.connected.then(|| self.next_packet(Duration::ZERO)).transpose()? {
            Some(Came::Packet(packet)) => Err(unexpected(&packet)),
            _ => Ok(()),
        }
    }

    fn next_packet(&mut self, patience: Duration) -> Result<Came, String> {
        if !self.connected {
            return Err("there is no connection: a CONNECT comes first".to_owned());
        }
        loop {
            if let Some(frame) = self.frames.next() {
                let packet = Packet::decode(self.version, &frame);
                return packet
                    .map(Came::Packet)
                    .map_err(|error| format!("the client breaks the protocol: {error}"));
            }
            match self.stage.read(patience) {
                Received::Nothing => return Ok(Came::Nothing),
                Received::Closed => return Ok(Came::Closed),
                Received::Bytes(bytes) => self.received.extend_from_slice(&bytes),
            }
            self.frames = take_frames(&mut self.received, LARGEST)
                .map_err(|error| format!("the client breaks the protocol: {error}"))?;
        }
    }

    fn sends(&mut self, words: &PacketWords) -> Result<(), String> {
        let mut fields = self.fields(words)?;
        if let Some(id) = self.packet_id_to_send(words, &fields)? {
            fields.insert("packet_id".to_owned(), id.clone());
            self.last_sent_id = Some(id);
        }
        let packet = packet::build(&words.packet, fields.clone())?;
        let mut bytes = BytesMut::new();
        packet.encode(self.version, &mut bytes).map_err(|error| error.to_string())?;
        self.stage.write(&bytes);
        self.remember(words, &fields);
        Ok(())
    }

    /// An acknowledgement answers the packet that `to` names, or the last one that came; a message gets an identifier of
    /// its own.
    fn packet_id_to_send(
        &mut self,
        words: &PacketWords,
        fields: &Map<String, Value>,
    ) -> Result<Option<Value>, String> {
        if let Some(id) = fields.get("packet_id") {
            return Ok(Some(id.clone()));
        }
        if let Some(to) = words.to.as_deref() {
            return self.packet_id_of(to).map(Some);
        }
        let is_message = words.packet == "PUBLISH";
        if is_message && fields.get("qos").and_then(Value::as_u64).unwrap_or(0) > 0 {
            self.own_id += 1;
            return Ok(Some(self.own_id.into()));
        }
        let answers =
            is_acknowledgement(&words.packet) || matches!(words.packet.as_str(), "SUBACK" | "UNSUBACK");
        Ok(self.last_received_id.clone().filter(|_| answers))
    }

    fn grants(&mut self, words: &PacketWords) -> Result<(), String> {
        let fields = self.expects(None, words)?;
        let codes = fields.get("qos").cloned().unwrap_or_default();
        let answer =
            Words { positional: Vec::new(), named: Map::from_iter([("reason_codes".to_owned(), codes)]) };
        self.sends(&PacketWords { words: answer, ..bare("SUBACK") })
    }

    /// Both sides of SCRAM-SHA-256 (RFC 7677) from CONNECT to CONNACK.
    fn authenticates(&mut self, server: Option<&str>, fields: &Map<String, Value>) -> Result<(), String> {
        let scripted = scram::Server::from_fields(fields)?;
        let data = |fields: &Map<String, Value>| {
            let data = fields.get("authentication_data").and_then(Value::as_str);
            data.map(ToOwned::to_owned).ok_or("there are no authentication data")
        };
        let connect = self.expects(server, &method(bare("CONNECT"), &[]))?;
        let only_challenges = scripted.only_challenges;
        let exchange = scripted.begin(&data(&connect)?)?;
        let challenge = exchange.challenge().to_owned();
        self.sends(&method(
            bare("AUTH"),
            &[("reason_code", 0x18.into()), ("authentication_data", challenge.into())],
        ))?;
        if only_challenges {
            return Ok(());
        }
        let proof = self.expects(server, &method(bare("AUTH"), &[("reason_code", 0x18.into())]))?;
        let verdict = exchange.finish(&data(&proof)?)?;
        self.sends(&method(bare("CONNACK"), &[("authentication_data", verdict.into())]))
    }

    /// The words of a packet by the names of their fields.
    fn fields(&mut self, words: &PacketWords) -> Result<Map<String, Value>, String> {
        let mut fields = Map::new();
        let names = packet::positional(&words.packet);
        let positional = &words.words.positional;
        if let ([name @ ("filter" | "reason_codes")], [_, _, ..]) = (names, positional.as_slice()) {
            fields.insert((*name).to_owned(), positional.clone().into());
        } else if positional.len() > names.len() {
            return Err(format!("{} takes {} words without a name", words.packet, names.len()));
        } else {
            fields.extend(
                names.iter().zip(positional).map(|(name, value)| ((*name).to_owned(), value.clone())),
            );
        }
        fields.extend(words.words.named.clone());
        self.resolve_map(&fields)
    }

    fn packet_id_of(&self, name: &str) -> Result<Value, String> {
        let packet = self.packets.get(name).ok_or_else(|| format!("no packet is called {name:?}"))?;
        packet.get("packet_id").cloned().ok_or_else(|| format!("the packet {name} has no packet_id"))
    }

    fn remember(&mut self, words: &PacketWords, fields: &Map<String, Value>) {
        if let Some(name) = &words.name {
            self.packets.insert(name.clone(), fields.clone());
        }
    }
}

fn bare(packet: &str) -> PacketWords {
    PacketWords { packet: packet.to_owned(), words: Words::default(), to: None, name: None }
}

/// The same with the name of SCRAM and these fields.
fn method(mut words: PacketWords, fields: &[(&str, Value)]) -> PacketWords {
    let named = &mut words.words.named;
    named.insert("authentication_method".to_owned(), scram::METHOD.into());
    named.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    words
}

fn unexpected(packet: &Packet) -> String {
    format!("{} {} comes", packet.packet_type(), Value::Object(packet::fields(packet)))
}

fn is_acknowledgement(packet: &str) -> bool {
    let acks = [PacketType::PubAck, PacketType::PubRec, PacketType::PubRel, PacketType::PubComp];
    acks.iter().any(|ack| ack.name() == packet)
}
