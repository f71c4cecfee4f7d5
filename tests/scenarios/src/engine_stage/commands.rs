//! The program that has the engine: does what the commands say, and tells what comes of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use polymqtt_proto::engine::{
    Answer, Completion, DisconnectOptions, Engine, Request, RequestId, StreamId, SubscribeRequest, Token,
};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::message::Message;
use polymqtt_proto::qos::QoS;
use polymqtt_proto::time::Timestamp;
use serde_json::{Map, Value, json};

use super::EngineStage;
use crate::host::{self, Fields};

/// How long a request waits for its answer where nothing is said.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Program {
    last_token: u64,
    /// The commands that wait for completions.
    waiting: BTreeMap<Token, u64>,
    /// Completions that no command waits for yet.
    done: BTreeMap<Token, Completion>,
    deliveries: BTreeMap<String, Token>,
    /// Operations by the names of their commands.
    operations: BTreeMap<String, Token>,
    streams: BTreeMap<String, StreamId>,
    /// Those of responders, which pass over what is no request.
    responders: BTreeSet<StreamId>,
    /// Commands that wait for the next message of a stream, with the name that it gets.
    readers: BTreeMap<StreamId, (u64, String)>,
    messages: BTreeMap<String, Message>,
    /// Publishes that wait for room in the queue.
    line: VecDeque<Publish>,
    waits_for_room: bool,
    batches: Vec<Batch>,
    questions: BTreeMap<u64, (RequestId, bool)>,
}

#[derive(Debug)]
struct Publish {
    id: u64,
    /// The name of the delivery, where the command is over once the message is accepted.
    delivery: Option<String>,
    message: Message,
    timeout: Option<Duration>,
}

/// The messages of a `publish_many`.
#[derive(Debug)]
struct Batch {
    id: u64,
    tokens: Vec<Token>,
    outcomes: BTreeMap<Token, Value>,
}

/// What a command came to at once.
enum Begun {
    /// It is over, with this.
    Over(Value),
    /// It is over; this is its report.
    Told(Value),
    /// It will end with this operation.
    Operation(Token),
    /// It will end otherwise.
    Later,
}

impl EngineStage {
    pub(super) fn command(&mut self, line: &Value) {
        let Some(fields) = line.as_object() else {
            return;
        };
        if fields.contains_key("answer") {
            return self.answer(fields);
        }
        let id = fields.get("id").and_then(Value::as_u64).unwrap_or_default();
        let begun = match host::text(fields, "do").as_deref() {
            Some("prepare") => self.prepare(fields).map(|()| Begun::Over(json!({}))),
            Some("connect") => self.prepare(fields).and_then(|()| self.start()),
            Some("start") => self.start(),
            Some(verb) => match &mut self.engine {
                Some(engine) => self.program.command(engine, self.now, verb, id, fields),
                None => Err(unfit("there is no client")),
            },
            None => Err(unfit("nothing is said")),
        };
        match begun {
            Ok(Begun::Over(ok)) => self.reports.push_back(json!({ "id": id, "ok": ok })),
            Ok(Begun::Told(report)) => self.reports.push_back(report),
            Ok(Begun::Operation(token)) => {
                let name = host::text(fields, "name").unwrap_or_default();
                self.program.operations.insert(name, token);
                self.program.waiting.insert(token, id);
            }
            Ok(Begun::Later) => {}
            Err(error) => self.reports.push_back(json!({ "id": id, "error": host::error(&error) })),
        }
    }

    fn prepare(&mut self, fields: &Fields) -> Result<(), Error> {
        let asks = fields.get("credentials_from_host") == Some(&Value::Bool(true));
        let options = host::options(fields)?.credentials_from_host(asks);
        self.program.waits_for_room =
            options.queue_options().when_full == polymqtt_proto::options::WhenFull::Wait;
        self.engine = Some(Engine::new(options.check()?, *b"scenario entropy", self.now));
        Ok(())
    }

    fn start(&mut self) -> Result<Begun, Error> {
        let token = self.program.token();
        let engine = self.engine.as_mut().ok_or_else(|| unfit("there is no client"))?;
        engine.connect(self.now, token).map(|()| Begun::Operation(token))
    }

    fn answer(&mut self, fields: &Fields) {
        let question = fields.get("answer").and_then(Value::as_u64).unwrap_or_default();
        let (Some((id, authenticates)), Some(engine)) =
            (self.program.questions.remove(&question), &mut self.engine)
        else {
            return;
        };
        let answer = match host::error_named(fields) {
            Some(error) => Answer::Failed(error),
            None if authenticates => Answer::Authenticate(host::reply(fields)),
            None => host::credentials(fields).map_or_else(Answer::Failed, Answer::Credentials),
        };
        engine.answer(self.now, id, answer);
    }
}

impl Program {
    /// The report of a question of the engine.
    pub(super) fn asked(&mut self, id: RequestId, request: &Request) -> Option<Value> {
        let number = self.token().0;
        let (report, authenticates) = match request {
            Request::Credentials { server, attempt } => (host::attempt(number, server, *attempt), false),
            Request::Authenticate(step) => (host::step(number, step), true),
            _ => return None,
        };
        self.questions.insert(number, (id, authenticates));
        Some(report)
    }

    /// Tells what the engine has given; whether there was anything.
    pub(super) fn turn(
        &mut self,
        engine: &mut Engine,
        now: Timestamp,
        reports: &mut VecDeque<Value>,
    ) -> bool {
        let mut busy = false;
        while let Some((token, completion)) = engine.poll_completion() {
            match self.waiting.remove(&token) {
                Some(id) => reports.push_back(outcome(id, completion)),
                None => reports.extend(self.keep(token, completion)),
            }
            busy = true;
        }
        while let Some(event) = engine.poll_event() {
            reports.extend(host::event(&event));
        }
        while let Some(stream) = engine.poll_readable() {
            if let Some((id, name)) = self.readers.remove(&stream) {
                reports.extend(self.receive(engine, now, stream, id, name));
            }
            busy = true;
        }
        while engine.has_room()
            && let Some(publish) = self.line.pop_front()
        {
            let id = publish.id;
            match self.publish(engine, now, publish, true) {
                Ok(Begun::Over(ok)) => reports.push_back(json!({ "id": id, "ok": ok })),
                Ok(Begun::Told(report)) => reports.push_back(report),
                Ok(Begun::Operation(token)) => drop(self.waiting.insert(token, id)),
                Ok(Begun::Later) => break,
                Err(error) => reports.push_back(json!({ "id": id, "error": host::error(&error) })),
            }
            busy = true;
        }
        busy
    }

    /// Keeps a completion until it is asked for; gives the report of the batch that it was the last of.
    fn keep(&mut self, token: Token, completion: Completion) -> Option<Value> {
        let Some(at) = self.batches.iter().position(|batch| batch.tokens.contains(&token)) else {
            self.done.insert(token, completion);
            return None;
        };
        let batch = self.batches.get_mut(at)?;
        let Completion::Published(outcome) = completion else {
            return None;
        };
        batch.outcomes.insert(token, host::outcome_of_one(&outcome));
        if batch.outcomes.len() < batch.tokens.len() {
            return None;
        }
        let batch = self.batches.remove(at);
        let outcomes: Vec<Value> = batch.outcomes.into_values().collect();
        Some(json!({ "id": batch.id, "ok": { "outcomes": outcomes } }))
    }

    fn token(&mut self) -> Token {
        self.last_token += 1;
        Token(self.last_token)
    }

    fn command(
        &mut self,
        engine: &mut Engine,
        now: Timestamp,
        verb: &str,
        id: u64,
        fields: &Fields,
    ) -> Result<Begun, Error> {
        let name = host::text(fields, "name").unwrap_or_default();
        let token = self.token();
        match verb {
            "publish" | "enqueue" => {
                let (message, timeout) = (host::message(fields)?, host::seconds(fields, "timeout"));
                let delivery = (verb == "enqueue").then_some(name);
                self.publish(engine, now, Publish { id, delivery, message, timeout }, false)
            }
            "publish_many" => self.publish_many(engine, now, id, fields),
            "await" => self.await_delivery(fields, id),
            "cancel" => {
                let delivery = host::text(fields, "delivery").unwrap_or_default();
                if let Some(token) = self.deliveries.get(&delivery) {
                    engine.cancel(now, *token);
                }
                Ok(Begun::Over(json!({})))
            }
            "flush" => {
                engine.flush(now, token);
                Ok(Begun::Operation(token))
            }
            "subscribe" | "respond" => {
                let request = subscribe_request(fields, verb == "respond")?;
                if verb == "respond" {
                    engine.check_requests()?;
                }
                let stream = engine.subscribe(now, request, token)?;
                if verb == "respond" {
                    self.responders.insert(stream);
                }
                self.streams.insert(name, stream);
                Ok(Begun::Operation(token))
            }
            "declare" => {
                self.streams.insert(name, engine.declare(now, subscribe_request(fields, false)?)?);
                Ok(Begun::Over(json!({})))
            }
            "unclaimed" => {
                self.streams.insert(name, engine.unclaimed(now, host::stream_options(fields)?)?);
                Ok(Begun::Over(json!({})))
            }
            "unsubscribe" => {
                let stream = self.stream(fields, "stream")?;
                let properties = host::checked_user_properties(fields)?;
                engine.unsubscribe(now, stream, properties, token)?;
                Ok(Begun::Operation(token))
            }
            "unsubscribe_filters" => {
                let properties = host::checked_user_properties(fields)?;
                engine.unsubscribe_filters(now, host::filters(fields)?, properties, token)?;
                Ok(Begun::Operation(token))
            }
            "receive" => {
                let stream = self.stream(fields, "stream")?;
                Ok(self.receive(engine, now, stream, id, name).map_or(Begun::Later, Begun::Told))
            }
            "ack" => {
                let message = self.message(fields)?;
                match host::acknowledgement(fields)? {
                    answer if answer == polymqtt_proto::message::Acknowledgement::default() => {
                        engine.acknowledge(now, message);
                    }
                    answer => engine.acknowledge_with(now, message, answer)?,
                }
                Ok(Begun::Over(json!({})))
            }
            "request" => {
                let timeout = host::seconds(fields, "timeout").unwrap_or(REQUEST_TIMEOUT);
                let message = host::message(fields)?;
                let qos = if fields.contains_key("qos") { message.qos() } else { QoS::AtLeastOnce };
                engine
                    .request(now, message.with_qos(qos), timeout, token)
                    .map_err(|rejected| rejected.error)?;
                Ok(Begun::Operation(token))
            }
            "reply" => {
                let message =
                    self.message(fields)?.response(host::text(fields, "payload").unwrap_or_default())?;
                self.publish(engine, now, Publish { id, delivery: None, message, timeout: None }, false)
            }
            "drop" => {
                self.let_go(engine, now, &host::text(fields, "what").unwrap_or_default());
                Ok(Begun::Over(json!({})))
            }
            "reauthenticate" => engine.reauthenticate(now, token).map(|()| Begun::Operation(token)),
            "disconnect" => {
                engine.disconnect(now, host::disconnect_options(fields)?, token)?;
                Ok(Begun::Operation(token))
            }
            "metrics" => Ok(Begun::Over(host::metrics(&engine.metrics()))),
            other => Err(unfit(&format!("{other:?} is not known"))),
        }
    }

    fn publish(
        &mut self,
        engine: &mut Engine,
        now: Timestamp,
        publish: Publish,
        first_in_line: bool,
    ) -> Result<Begun, Error> {
        if !first_in_line && !self.line.is_empty() {
            self.line.push_back(publish);
            return Ok(Begun::Later);
        }
        let Publish { id, delivery, message, timeout } = publish;
        // Of QoS 0 nothing comes after it is accepted.
        let token = if message.qos() == QoS::AtMostOnce { Token::NONE } else { self.token() };
        match engine.publish(now, message, timeout, token) {
            Ok(_) => {}
            Err(rejected) if rejected.error.kind() == ErrorKind::QueueFull && self.waits_for_room => {
                self.line.push_front(Publish { id, delivery, message: rejected.message, timeout });
                return Ok(Begun::Later);
            }
            Err(rejected) => return Err(rejected.error),
        }
        if let Some(delivery) = delivery {
            self.deliveries.insert(delivery, token);
            return Ok(Begun::Over(json!({})));
        }
        Ok(if token == Token::NONE {
            Begun::Over(json!({ "reason_code": 0 }))
        } else {
            Begun::Operation(token)
        })
    }

    /// Here a batch must fit into the queue.
    fn publish_many(
        &mut self,
        engine: &mut Engine,
        now: Timestamp,
        id: u64,
        fields: &Fields,
    ) -> Result<Begun, Error> {
        let mut batch = Batch { id, tokens: Vec::new(), outcomes: BTreeMap::new() };
        for message in host::messages(fields)? {
            let token = self.token();
            engine.publish(now, message, None, token).map_err(|rejected| rejected.error)?;
            batch.tokens.push(token);
        }
        self.batches.push(batch);
        Ok(Begun::Later)
    }

    fn await_delivery(&mut self, fields: &Fields, id: u64) -> Result<Begun, Error> {
        let name = host::text(fields, "delivery").unwrap_or_default();
        let token = *self.deliveries.get(&name).ok_or_else(|| unfit("there is no such delivery"))?;
        if token == Token::NONE {
            return Ok(Begun::Over(json!({ "reason_code": 0 })));
        }
        Ok(match self.done.remove(&token) {
            None => Begun::Operation(token),
            Some(completion) => Begun::Told(outcome(id, completion)),
        })
    }

    /// The next message of a stream: its report; `None` while there is none.
    fn receive(
        &mut self,
        engine: &mut Engine,
        now: Timestamp,
        stream: StreamId,
        id: u64,
        name: String,
    ) -> Option<Value> {
        loop {
            return match engine.receive(now, stream) {
                Ok(None) => {
                    self.readers.insert(stream, (id, name));
                    None
                }
                Ok(Some(message)) if self.responders.contains(&stream) && !expects_answer(&message) => {
                    continue;
                }
                Ok(Some(message)) => {
                    let report = json!({ "id": id, "ok": host::received(&message) });
                    self.messages.insert(name, message);
                    Some(report)
                }
                Err(error) if error.kind() == ErrorKind::Closed => {
                    Some(json!({ "id": id, "ok": { "ended": true } }))
                }
                Err(error) => Some(json!({ "id": id, "error": host::error(&error) })),
            };
        }
    }

    /// Drops what is called so: a stream, a wait, or the client.
    fn let_go(&mut self, engine: &mut Engine, now: Timestamp, what: &str) {
        if what == "client" {
            let goodbye = engine.disconnect(now, DisconnectOptions::default(), Token::NONE);
            return drop(goodbye);
        }
        if let Some(token) = self.operations.remove(what) {
            self.waiting.remove(&token);
            engine.forget_request(now, token);
        }
        if let Some(stream) = self.streams.remove(what) {
            self.readers.remove(&stream);
            engine.release(now, stream);
        }
    }

    fn stream(&self, fields: &Fields, name: &str) -> Result<StreamId, Error> {
        let stream = host::text(fields, name).and_then(|name| self.streams.get(&name).copied());
        stream.ok_or_else(|| unfit("there is no such stream"))
    }

    fn message(&self, fields: &Fields) -> Result<&Message, Error> {
        let message = host::text(fields, "message").and_then(|name| self.messages.get(&name));
        message.ok_or_else(|| unfit("there is no such message"))
    }
}

fn expects_answer(message: &Message) -> bool {
    message.properties().is_some_and(|properties| properties.response_topic.is_some())
}

fn subscribe_request(fields: &Fields, responds: bool) -> Result<SubscribeRequest, Error> {
    let mut request = host::subscribe_request(fields)?;
    if responds && !fields.contains_key("qos") {
        request.filters.iter_mut().for_each(|(_, options)| options.maximum_qos = QoS::AtLeastOnce);
    }
    Ok(request)
}

fn outcome(id: u64, completion: Completion) -> Value {
    let outcome = match completion {
        Completion::Connected(outcome) => outcome.map(|grant| host::connected(&grant)),
        Completion::Published(outcome) => outcome.map(|ack| host::acknowledged(&ack)),
        Completion::Subscribed(outcome) => outcome.map(|granted| host::granted(&granted)),
        Completion::Unsubscribed(outcome) => outcome.map(|ack| host::unsubscribed(&ack)),
        Completion::Responded(outcome) => outcome.map(|message| host::received(&message)),
        Completion::Reauthenticated(outcome) | Completion::Flushed(outcome) => {
            outcome.map(|()| Value::Object(Map::new()))
        }
        Completion::Disconnected(undelivered) => Ok(host::undelivered(&undelivered)),
    };
    match outcome {
        Ok(ok) => json!({ "id": id, "ok": ok }),
        Err(error) => json!({ "id": id, "error": host::error(&error) }),
    }
}

fn unfit(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOption, what)
}
