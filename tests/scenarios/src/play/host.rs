//! The host's side of a play: what it is told, and what it says to that.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Outcome, Play};
use crate::compare::compare;
use crate::stage::Heard;
use crate::words::Words;

impl Play<'_> {
    /// Tells the host to do something; it answers when it likes.
    pub(super) fn command(&mut self, verb: &str, words: &Words, name: &str) -> Result<(), String> {
        if matches!(verb, "drop" | "unsubscribe")
            && let Some(closed) = words.positional.first().and_then(Value::as_str)
        {
            self.asks.remove(closed);
        }
        let id = self.tell(verb, words, name)?;
        self.commands.insert(name.to_owned(), id);
        Ok(())
    }

    fn tell(&mut self, verb: &str, words: &Words, name: &str) -> Result<u64, String> {
        self.last_command += 1;
        let mut line = Map::new();
        line.insert("id".to_owned(), self.last_command.into());
        line.insert("do".to_owned(), verb.into());
        line.insert("name".to_owned(), name.into());
        line.extend(arguments(verb, &words.positional)?);
        line.extend(words.named.clone());
        if matches!(verb, "connect" | "prepare") {
            complete_options(&mut line);
        }
        let line = self.resolve_map(&line)?;
        self.stage.tell(&Value::Object(line));
        Ok(self.last_command)
    }

    pub(super) fn answer(&mut self, fields: &Map<String, Value>, error: Option<&str>) -> Result<(), String> {
        let question = self.question.take().ok_or("nothing was asked")?;
        let mut line = self.resolve_map(fields)?;
        line.insert("answer".to_owned(), question);
        if let Some(kind) = error {
            line.insert("error".to_owned(), kind.into());
        }
        self.stage.tell(&Value::Object(line));
        Ok(())
    }

    pub(super) fn succeeds(&mut self, name: &str, fields: &Map<String, Value>) -> Result<(), String> {
        let id = self.id_of(name)?;
        match self.outcome(id)? {
            Ok(came) => compare(&self.resolve_map(fields)?, &came),
            Err(error) => Err(format!("it fails: {}", Value::Object(error))),
        }
    }

    pub(super) fn fails(
        &mut self,
        name: &str,
        kind: &str,
        fields: &Map<String, Value>,
    ) -> Result<(), String> {
        let id = self.id_of(name)?;
        match self.outcome(id)? {
            Ok(came) => Err(format!("it succeeds: {}", Value::Object(came))),
            Err(error) => self.is_error(&error, kind, fields),
        }
    }

    fn is_error(
        &mut self,
        error: &Map<String, Value>,
        kind: &str,
        fields: &Map<String, Value>,
    ) -> Result<(), String> {
        let mut said = self.resolve_map(fields)?;
        said.insert("kind".to_owned(), kind.into());
        compare(&said, error).map_err(|what| format!("{what}, in {}", Value::Object(error.clone())))
    }

    pub(super) fn waits(&mut self, name: &str, during: Duration) -> Result<(), String> {
        let id = self.id_of(name)?;
        self.listen(during)?;
        match self.outcomes.get(&id) {
            None => Ok(()),
            Some(Ok(came)) => Err(format!("it has succeeded: {}", Value::Object(came.clone()))),
            Some(Err(error)) => Err(format!("it has failed: {}", Value::Object(error.clone()))),
        }
    }

    pub(super) fn receives(&mut self, stream: &str, words: &Words, name: Option<&str>) -> Result<(), String> {
        let id = self.ask(stream, name)?;
        let outcome = self.outcome(id)?;
        self.asks.remove(stream);
        let came = outcome.map_err(|error| format!("the stream ends: {}", Value::Object(error)))?;
        let mut said = arguments("publish", &words.positional)?;
        said.extend(words.named.clone());
        said.insert("ended".to_owned(), Value::Null);
        compare(&self.resolve_map(&said)?, &came)
            .map_err(|what| format!("{what}, in {}", Value::Object(came)))
    }

    pub(super) fn receives_nothing(&mut self, stream: &str, during: Duration) -> Result<(), String> {
        let id = self.ask(stream, None)?;
        self.listen(during)?;
        match self.outcomes.get(&id) {
            None => Ok(()),
            Some(Ok(came)) => Err(format!("it receives {}", Value::Object(came.clone()))),
            Some(Err(error)) => Err(format!("it ends: {}", Value::Object(error.clone()))),
        }
    }

    pub(super) fn stream_ends(
        &mut self,
        stream: &str,
        kind: Option<&str>,
        fields: &Map<String, Value>,
    ) -> Result<(), String> {
        let id = self.ask(stream, None)?;
        let outcome = self.outcome(id)?;
        self.asks.remove(stream);
        match (outcome, kind) {
            (Ok(came), None) => compare(&into_map(json!({ "ended": true })), &came),
            (Err(error), Some(kind)) => self.is_error(&error, kind, fields),
            (Ok(came), Some(_)) => Err(format!("it goes on: {}", Value::Object(came))),
            (Err(error), None) => Err(format!("it ends with {}", Value::Object(error))),
        }
    }

    /// Asks a stream for its next message, unless that was asked before.
    fn ask(&mut self, stream: &str, name: Option<&str>) -> Result<u64, String> {
        if let Some(id) = self.asks.get(stream) {
            return Ok(*id);
        }
        let subscribed = self.id_of(stream)?;
        if let Err(error) = self.outcome(subscribed)? {
            return Err(format!("there is no stream: {}", Value::Object(error)));
        }
        let words = Words { positional: vec![stream.into()], ..Words::default() };
        let id = self.tell("receive", &words, name.unwrap_or("message"))?;
        self.asks.insert(stream.to_owned(), id);
        Ok(id)
    }

    pub(super) fn event(&mut self, kind: &str, fields: &Map<String, Value>) -> Result<(), String> {
        let mut passed = Vec::new();
        let until = self.patience_ends();
        loop {
            while let Some(event) = self.events.pop_front() {
                if event.get("event").is_some_and(|came| came == kind) {
                    return compare(&self.resolve_map(fields)?, &event)
                        .map_err(|what| format!("{what}, in {}", Value::Object(event)));
                }
                passed.push(event.get("event").map(ToString::to_string).unwrap_or_default());
            }
            if !self.hear_until(until)? {
                return Err(format!("no such event comes; others: {}", passed.join(", ")));
            }
        }
    }

    pub(super) fn asked(&mut self, what: &str, fields: &Map<String, Value>) -> Result<(), String> {
        let until = self.patience_ends();
        while self.questions.is_empty() {
            if !self.hear_until(until)? {
                return Err("nothing is asked".to_owned());
            }
        }
        let question = self.questions.pop_front().unwrap_or_default();
        let mut said = self.resolve_map(fields)?;
        said.insert("ask".to_owned(), what.into());
        self.question = question.get("question").cloned();
        compare(&said, &question)
    }

    fn id_of(&self, name: &str) -> Result<u64, String> {
        let id = self.commands.get(name).copied();
        id.ok_or_else(|| format!("the client was told nothing that is called {name:?}"))
    }

    /// The outcome of a command, waited for.
    fn outcome(&mut self, id: u64) -> Result<Outcome, String> {
        let until = self.patience_ends();
        while !self.outcomes.contains_key(&id) {
            if !self.hear_until(until)? {
                return Err("no outcome comes".to_owned());
            }
        }
        self.judged.insert(id);
        self.outcomes.get(&id).cloned().ok_or_else(|| "no outcome comes".to_owned())
    }

    /// Listens to the host for this long.
    pub(super) fn listen(&mut self, during: Duration) -> Result<(), String> {
        let until = self.stage.clock() + during;
        while self.hear_until(until)? {}
        Ok(())
    }

    fn patience_ends(&self) -> Duration {
        self.stage.clock() + self.stage.patience()
    }

    /// Takes the host's next line, waited for until then; whether there was one.
    fn hear_until(&mut self, until: Duration) -> Result<bool, String> {
        let line = match self.stage.hear(until.saturating_sub(self.stage.clock())) {
            Heard::Line(line) => line,
            Heard::Nothing => return Ok(false),
            Heard::Gone => return Err("the host is gone".to_owned()),
        };
        let mut map = into_map(line);
        if map.contains_key("event") {
            self.events.push_back(map);
        } else if map.contains_key("ask") {
            self.questions.push_back(map);
        } else {
            let id = map.get("id").and_then(Value::as_u64);
            let id = id.ok_or_else(|| format!("the host says {}", Value::Object(map.clone())))?;
            let outcome = match map.remove("error") {
                Some(error) => Err(into_map(error)),
                None => Ok(map.remove("ok").map(into_map).unwrap_or_default()),
            };
            if self.outcomes.insert(id, outcome).is_some() {
                return Err(format!("command {id} has two outcomes"));
            }
        }
        Ok(true)
    }
}

/// What the words without a name are called.
fn arguments(verb: &str, positional: &[Value]) -> Result<Map<String, Value>, String> {
    let text =
        |value: &Value| Value::from(value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned));
    let list = || positional.iter().map(text).collect::<Vec<_>>();
    let (names, all): (&[&str], Option<&str>) = match verb {
        "publish" | "enqueue" | "request" => (&["topic", "payload"], None),
        "publish_many" => (&["topic"], Some("payloads")),
        "reply" => (&["message", "payload"], None),
        "ack" => (&["message"], None),
        "receive" | "unsubscribe" => (&["stream"], None),
        "await" | "cancel" => (&["delivery"], None),
        "drop" => (&["what"], None),
        "subscribe" | "declare" | "respond" | "unsubscribe_filters" => (&[], Some("filters")),
        "connect" | "prepare" => (&[], Some("servers")),
        _ => (&[], None),
    };
    let mut arguments: Map<String, Value> =
        names.iter().zip(positional).map(|(name, value)| ((*name).to_owned(), text(value))).collect();
    match all {
        Some(all) => {
            let rest = list().split_off(names.len().min(positional.len()));
            arguments.insert(all.to_owned(), rest.into());
        }
        None if positional.len() > names.len() => {
            return Err(format!("{verb} takes {} words without a name", names.len()));
        }
        None => {}
    }
    Ok(arguments)
}

/// What every scenario's client has where the scenario does not say otherwise.
fn complete_options(options: &mut Map<String, Value>) {
    let servers = options.get_mut("servers").and_then(Value::as_array_mut);
    if let Some(servers) = servers.filter(|servers| servers.is_empty()) {
        servers.push("mqtt://{a}".into());
    }
    options.entry("client_id").or_insert_with(|| "c".into());
    options.entry("reconnect").or_insert_with(|| json!({ "shortest": 0.01, "longest": 0.05 }));
}

fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => Map::from_iter([("value".to_owned(), other)]),
    }
}
