//! `polymqtt pub`: publishes messages, many in flight, and ends when all are acknowledged.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use polymqtt::{Client, Delivery, Error, ErrorKind, Message, Publish, QoS, TopicName};
use tokio::sync::mpsc;

use crate::connection::{ConnectionArgs, Environment};
use crate::exit::{self, Exit, Failure};
use crate::input::{self, Entry};
use crate::output::note;
use crate::properties::PropertyArgs;
use crate::{client, json_line, values};

/// Most messages that are sent and not yet acknowledged. The client's queue and the server's receive maximum bound
/// them more narrowly; this bounds what is remembered of them here.
const MOST_DELIVERIES: usize = 4096;

/// Most failures that are told one by one.
const MOST_NOTES: u64 = 10;

#[derive(Debug, Args)]
#[command(after_help = format!("{}\n\n{}", json_line::HELP, exit::HELP))]
#[command(group(ArgGroup::new("source").required(true).args(["message", "null_message", "file", "stdin", "lines", "json"])))]
pub(crate) struct PublishArgs {
    /// The topic
    #[arg(short = 't', long, value_name = "TOPIC", value_parser = values::topic_name, help_heading = "Message")]
    topic: Option<TopicName>,

    /// The payload
    #[arg(short = 'm', long, value_name = "TEXT", help_heading = "Message")]
    message: Option<String>,

    /// An empty payload; with --retain it takes back what the server keeps for the topic
    #[arg(short = 'n', long, help_heading = "Message")]
    null_message: bool,

    /// A file whose content is the payload
    #[arg(short = 'f', long, value_name = "FILE", help_heading = "Message")]
    file: Option<PathBuf>,

    /// The whole standard input is the payload
    #[arg(short = 's', long, alias = "stdin-file", help_heading = "Message")]
    stdin: bool,

    /// Each line of standard input is a payload
    #[arg(short = 'l', long, alias = "stdin-line", help_heading = "Message")]
    lines: bool,

    /// Each line of standard input is a message in JSON; the form is below
    #[arg(long, help_heading = "Message")]
    json: bool,

    /// The quality of service: 0 at most once, 1 at least once, 2 exactly once
    #[arg(short = 'q', long, value_name = "QOS", default_value = "0", value_parser = values::qos, help_heading = "Message")]
    qos: QoS,

    /// Let the server keep the message for later subscribers
    #[arg(short = 'r', long, help_heading = "Message")]
    retain: bool,

    /// How long one message may take until the server has it, waiting for a connection included [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = values::timeout, help_heading = "Message")]
    publish_timeout: Option<Duration>,

    /// Time after which to give up, connecting included [default: never]
    #[arg(short = 'W', long, value_name = "TIME", value_parser = values::seconds, help_heading = "Message")]
    timeout: Option<Duration>,

    #[command(flatten)]
    properties: PropertyArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

pub(crate) async fn run(arguments: PublishArgs) -> Result<(), Failure> {
    let defaults = arguments.defaults()?;
    let options = arguments.connection.options(&Environment::of_process())?;
    options.check().map_err(|error| Failure::connecting(&error))?;
    let source = arguments.source(defaults)?;
    let PublishArgs { connection, timeout, publish_timeout, .. } = &arguments;
    client::run("pub", connection, options, *timeout, timed_out, async |client| {
        publish_all(client, source, *publish_timeout).await
    })
    .await
}

fn timed_out(limit: Duration) -> Result<(), Failure> {
    let what = format!("not everything was delivered within the {} s of --timeout", limit.as_secs());
    Err(Failure::new(Exit::NotDelivered, what))
}

impl PublishArgs {
    /// What every message has that does not say otherwise.
    fn defaults(&self) -> Result<json_line::Defaults, Failure> {
        let properties = self.properties.properties()?;
        if properties.is_some() && !self.connection.is_v5() {
            return Err(Failure::usage("properties need MQTT 5, but --protocol-version is 3.1.1"));
        }
        let topic = match (&self.topic, self.connection.topic_of_url()) {
            (Some(topic), None) => Some(topic.clone()),
            (None, Some(topic)) => Some(
                values::topic_name(topic)
                    .map_err(|rule| Failure::usage(format!("--url, its topic: {rule}")))?,
            ),
            (Some(_), Some(_)) => {
                return Err(Failure::usage("there is a topic in --url and a --topic: one is enough"));
            }
            (None, None) if self.json => None,
            (None, None) => {
                return Err(Failure::usage("there is no topic: give --topic, or one at the end of --url"));
            }
        };
        Ok(json_line::Defaults { topic, qos: self.qos, retain: self.retain, properties })
    }

    fn source(&self, defaults: json_line::Defaults) -> Result<Source, Failure> {
        if self.json {
            return Ok(Source::Lines(input::lines(io::stdin(), move |bytes| {
                let text = String::from_utf8(bytes).map_err(|_error| "it is not UTF-8".to_owned())?;
                json_line::read(&text, &defaults)
            })));
        }
        let Some(topic) = defaults.topic else {
            return Err(Failure::usage("there is no topic"));
        };
        let message = move |payload: Vec<u8>| {
            let message =
                Message::to(topic.clone(), payload).with_qos(defaults.qos).with_retain(defaults.retain);
            match &defaults.properties {
                Some(properties) => message.with_properties(properties.clone()),
                None => message,
            }
        };
        if self.lines {
            return Ok(Source::Lines(input::lines(io::stdin(), move |bytes| Ok(message(bytes)))));
        }
        let payload = input::payload(self.message.as_deref(), self.file.as_deref(), self.stdin)?;
        Ok(Source::One(Box::new(message(payload))))
    }
}

/// Where the messages come from.
enum Source {
    /// The arguments.
    One(Box<Message>),
    /// Standard input.
    Lines(mpsc::Receiver<Vec<Entry>>),
}

async fn publish_all(client: &Client, source: Source, timeout: Option<Duration>) -> Result<(), Failure> {
    match source {
        Source::One(message) => {
            send(client, *message, timeout).await.map_err(|error| Failure::publishing(&error))?;
        }
        Source::Lines(entries) => Pipeline::new(client, timeout).run(entries).await?,
    }
    // QoS 0 has no acknowledgement: that it left is all there is to know.
    client.flush().await.map_err(|error| Failure::publishing(&error))
}

fn send(client: &Client, message: Message, timeout: Option<Duration>) -> Publish<'_> {
    let publish = client.send(message);
    match timeout {
        Some(timeout) => publish.timeout(timeout),
        None => publish,
    }
}

/// Publishing line after line without waiting for each acknowledgement.
struct Pipeline<'a> {
    client: &'a Client,
    timeout: Option<Duration>,
    /// Sent, oldest first, with the numbers of their lines.
    deliveries: VecDeque<(u64, Delivery)>,
    failures: u64,
    first: Option<Exit>,
}

impl<'a> Pipeline<'a> {
    fn new(client: &'a Client, timeout: Option<Duration>) -> Self {
        Self { client, timeout, deliveries: VecDeque::new(), failures: 0, first: None }
    }

    /// Ends when the input has ended and all of it is acknowledged. A line that fails is told and does not keep the
    /// next ones; only a client that is closed ends the work.
    async fn run(mut self, mut entries: mpsc::Receiver<Vec<Entry>>) -> Result<(), Failure> {
        let mut ended = false;
        while !(ended && self.deliveries.is_empty()) {
            let room = self.deliveries.len() < MOST_DELIVERIES;
            tokio::select! {
                (line, result) = oldest(&mut self.deliveries), if !self.deliveries.is_empty() => {
                    if let Err(error) = result {
                        self.failed(line, &Failure::publishing(&error));
                    }
                }
                batch = entries.recv(), if !ended && room => match batch {
                    Some(batch) => self.send(batch).await?,
                    None => ended = true,
                },
            }
        }
        match self.first {
            None => Ok(()),
            Some(exit) => Err(Failure::new(exit, format!("{} of the lines failed", self.failures))),
        }
    }

    async fn send(&mut self, batch: Vec<Entry>) -> Result<(), Failure> {
        for Entry { line, message } in batch {
            let message = match message {
                Ok(message) => message,
                Err(rule) => {
                    self.failed(line, &Failure::usage(rule));
                    continue;
                }
            };
            match send(self.client, message, self.timeout).enqueue().await {
                Ok(delivery) => self.deliveries.push_back((line, delivery)),
                Err(error) if error.kind() == ErrorKind::Closed => return Err(Failure::publishing(&error)),
                Err(error) => self.failed(line, &Failure::publishing(&error)),
            }
        }
        Ok(())
    }

    fn failed(&mut self, line: u64, failure: &Failure) {
        self.failures += 1;
        self.first.get_or_insert(failure.exit);
        if self.failures <= MOST_NOTES {
            let message = failure.message.as_deref().unwrap_or_default();
            note(format_args!("polymqtt pub: line {line}: {message}"));
        }
    }
}

/// Takes the oldest delivery once its outcome is known. Cancelling leaves it where it is.
async fn oldest(deliveries: &mut VecDeque<(u64, Delivery)>) -> (u64, Result<(), Error>) {
    let Some((line, delivery)) = deliveries.front_mut() else {
        return std::future::pending().await;
    };
    let outcome = (*line, delivery.await.map(|_| ()));
    deliveries.pop_front();
    outcome
}
