//! Playing a scenario on a stage, step by step, and judging it: the same for all hosts.

mod broker;
mod host;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::BytesMut;
use polymqtt_proto::codec::{Frames, Version};
use serde_json::{Map, Value};

use crate::scenario::{Act, Scenario, Step};
use crate::stage::Stage;

/// What went otherwise than the scenario says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text}\n    {what}")]
pub struct Failure {
    /// The line of the step that failed, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// What came instead.
    pub what: String,
}

/// Plays a scenario to its end.
///
/// # Errors
/// The first step that does not go as it says, or what is left over at the end: a packet that no step expects, a
/// failure that no step speaks of.
pub fn play(scenario: &Scenario, stage: &mut dyn Stage) -> Result<(), Failure> {
    let mut play = Play::new(stage);
    let mut last = None;
    for step in &scenario.steps {
        play.step(step).map_err(|what| failure(step, what))?;
        last = Some(step);
    }
    match last {
        Some(step) => play.end().map_err(|what| failure(step, format!("after the last step: {what}"))),
        None => Ok(()),
    }
}

fn failure(step: &Step, what: String) -> Failure {
    Failure { line: step.line, text: step.text.clone(), what }
}

/// What a command gave, or its error.
type Outcome = Result<Map<String, Value>, Map<String, Value>>;

struct Play<'a> {
    stage: &'a mut dyn Stage,
    /// Commands by the names of their outcomes.
    commands: BTreeMap<String, u64>,
    last_command: u64,
    /// What the host answered.
    outcomes: BTreeMap<u64, Outcome>,
    /// Outcomes that a step has looked at.
    judged: BTreeSet<u64>,
    /// Of each stream the command that asked for its next message.
    asks: BTreeMap<String, u64>,
    events: VecDeque<Map<String, Value>>,
    questions: VecDeque<Map<String, Value>>,
    /// The question that is to be answered.
    question: Option<Value>,

    /// Of the connection that is there, or was last.
    version: Version,
    connected: bool,
    received: BytesMut,
    frames: Frames,
    /// Packets by the names that steps gave them.
    packets: BTreeMap<String, Map<String, Value>>,
    /// The packet identifiers that went by last.
    last_received_id: Option<Value>,
    last_sent_id: Option<Value>,
    /// The one that the broker used last.
    own_id: u16,
}

impl<'a> Play<'a> {
    fn new(stage: &'a mut dyn Stage) -> Self {
        Self {
            stage,
            commands: BTreeMap::new(),
            last_command: 0,
            outcomes: BTreeMap::new(),
            judged: BTreeSet::new(),
            asks: BTreeMap::new(),
            events: VecDeque::new(),
            questions: VecDeque::new(),
            question: None,
            version: Version::V5,
            connected: false,
            received: BytesMut::new(),
            frames: Frames::default(),
            packets: BTreeMap::new(),
            last_received_id: None,
            last_sent_id: None,
            own_id: 0,
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match &step.act {
            Act::Client { verb, words, name } => self.command(verb, words, name),
            Act::Answer { fields, error } => self.answer(fields, error.as_deref()),
            Act::Succeeds { name, fields } => self.succeeds(name, fields),
            Act::Fails { name, kind, fields } => self.fails(name, kind, fields),
            Act::Waits { name, during } => self.waits(name, *during),
            Act::Receives { stream, words, name } => self.receives(stream, words, name.as_deref()),
            Act::ReceivesNothing { stream, during } => self.receives_nothing(stream, *during),
            Act::Ends { stream, kind, fields } => self.stream_ends(stream, kind.as_deref(), fields),
            Act::Event { kind, fields } => self.event(kind, fields),
            Act::Asked { what, fields } => self.asked(what, fields),
            Act::Broker { server, act } => self.broker(server.as_deref(), act),
            Act::Wait(time) => self.listen(*time),
        }
    }

    /// Nothing may be left that no step speaks of.
    fn end(&mut self) -> Result<(), String> {
        self.listen(std::time::Duration::ZERO)?;
        for (name, id) in &self.commands {
            if let Some(Err(error)) = self.outcomes.get(id).filter(|_| !self.judged.contains(id)) {
                return Err(format!("{name} has failed: {}", Value::Object(error.clone())));
            }
        }
        self.nothing_left()
    }

    /// A value with its references put in: `$NAME.field` is a field of an earlier packet, `{a}` the address of a server.
    fn resolve(&mut self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) => self.resolve_text(text),
            Value::Array(list) => {
                list.iter().map(|value| self.resolve(value)).collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Object(map) => self.resolve_map(map).map(Value::Object),
            other => Ok(other.clone()),
        }
    }

    fn resolve_map(&mut self, map: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        map.iter().map(|(name, value)| Ok((name.clone(), self.resolve(value)?))).collect()
    }

    fn resolve_text(&mut self, text: &str) -> Result<Value, String> {
        let reference = text.strip_prefix('$').and_then(|reference| reference.split_once('.'));
        if let Some((name, field)) = reference.filter(|(name, _)| self.packets.contains_key(*name)) {
            let packet = self.packets.get(name);
            let value = packet.and_then(|packet| packet.get(field)).cloned();
            return value.ok_or_else(|| format!("the packet {name} has no {field}"));
        }
        let mut resolved = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((server, behind)) = behind.split_once('}') else {
                break;
            };
            resolved.push_str(before);
            resolved.push_str(&self.stage.address(server)?);
            rest = behind;
        }
        resolved.push_str(rest);
        let is_url = resolved.starts_with("mqtt://");
        Ok(Value::String(if is_url { self.stage.url(resolved) } else { resolved }))
    }
}
