//! `polymqtt request`: asks, and writes the answer to standard output.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use polymqtt::{Client, Error, ErrorKind, Message, QoS, TopicName};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::client::{self, after, say_goodbye};
use crate::connection::{ConnectionArgs, Environment};
use crate::exit::{self, Exit, Failure};
use crate::input::{self, Entry};
use crate::interrupt::Interrupt;
use crate::json_line;
use crate::output::{Form, Output, note};
use crate::values::{self, NameValue};

/// Most requests of `--lines` that wait for their answers at once.
const MOST_WAITING: usize = 256;

#[derive(Debug, Args)]
#[command(after_help = format!("{}\n\n{}", json_line::HELP, exit::HELP))]
#[command(group(ArgGroup::new("payload").args(["message", "file", "stdin", "lines"])))]
pub(crate) struct RequestArgs {
    /// The topic; may stand at the end of --url instead
    #[arg(value_name = "TOPIC", value_parser = values::topic_name)]
    topic: Option<TopicName>,

    /// The payload [default: empty]
    #[arg(short = 'm', long, value_name = "TEXT", help_heading = "Request")]
    message: Option<String>,

    /// A file whose content is the payload
    #[arg(short = 'f', long, value_name = "FILE", help_heading = "Request")]
    file: Option<PathBuf>,

    /// The whole standard input is the payload
    #[arg(short = 's', long, help_heading = "Request")]
    stdin: bool,

    /// Each line of standard input is the payload of a request; the answers come in order of the lines
    #[arg(short = 'l', long, help_heading = "Request")]
    lines: bool,

    /// The quality of service: 0 at most once, 1 at least once, 2 exactly once
    #[arg(short = 'q', long, value_name = "QOS", default_value = "1", value_parser = values::qos, help_heading = "Request")]
    qos: QoS,

    /// Time that an answer may take; without one by then, exit code 5
    #[arg(short = 'W', long, value_name = "TIME", default_value = "30", value_parser = values::seconds, help_heading = "Request")]
    timeout: Duration,

    /// Ask so many times, each time after the answer before
    #[arg(short = 'C', long, value_name = "COUNT", default_value = "1", conflicts_with = "lines", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Request")]
    count: u64,

    /// What the payload is, such as application/json
    #[arg(long, value_name = "TYPE", help_heading = "Request")]
    content_type: Option<String>,

    /// A user property, repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::name_value, help_heading = "Request")]
    user_property: Vec<NameValue>,

    /// What the topic for answers begins with [default: what the server says, else polymqtt/responses]
    #[arg(long, value_name = "TOPIC", value_parser = values::topic_name, help_heading = "Request")]
    response_topic_prefix: Option<TopicName>,

    /// Write each answer as a line of JSON; the form is below
    #[arg(long, help_heading = "Output")]
    json: bool,

    /// Write no line feed after an answer
    #[arg(short = 'N', long, conflicts_with = "json", help_heading = "Output")]
    no_line_feed: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

pub(crate) async fn run(arguments: RequestArgs) -> Result<(), Failure> {
    if !arguments.connection.is_v5() {
        return Err(Failure::usage("requests need MQTT 5, but --protocol-version is 3.1.1"));
    }
    let asking = arguments.asking()?;
    let mut options = arguments.connection.options(&Environment::of_process())?;
    if let Some(prefix) = &arguments.response_topic_prefix {
        options = options.response_topic_prefix(prefix.as_str()).ask_response_information(false);
    }
    options.check().map_err(|error| Failure::connecting(&error))?;
    let source = arguments.source()?;
    let mut interrupt = Interrupt::listen();
    let client = tokio::select! {
        client = client::connect("request", &arguments.connection, options, &mut interrupt) => client?,
        limit = after(Some(arguments.timeout)) => {
            let what = format!("no connection within the {} s of --timeout", limit.as_secs());
            return Err(Failure::new(Exit::Timeout, what));
        }
    };
    let mut output = Output::new(arguments.form(), io::stdout());
    let result = tokio::select! {
        result = ask_all(&client, &asking, source, arguments.count, &mut output) => result,
        exit = interrupt.wait() => Err(Problem::Request(Failure::silent(exit))),
    };
    say_goodbye(&client).await;
    match result {
        // Whoever read the answers has enough.
        Err(Problem::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(Problem::Output(error)) => {
            let what = format!("standard output can't be written: {error}");
            Err(Failure::new(Exit::NotDelivered, what))
        }
        Err(Problem::Request(failure)) => Err(failure),
        Ok(()) => Ok(()),
    }
}

impl RequestArgs {
    fn asking(&self) -> Result<Asking, Failure> {
        let topic = match (&self.topic, self.connection.topic_of_url()) {
            (Some(topic), None) => topic.clone(),
            (None, Some(topic)) => values::topic_name(topic)
                .map_err(|rule| Failure::usage(format!("--url, its topic: {rule}")))?,
            (Some(_), Some(_)) => {
                return Err(Failure::usage("there is a topic in --url and a TOPIC: one is enough"));
            }
            (None, None) => {
                return Err(Failure::usage("there is no topic: give TOPIC, or one at the end of --url"));
            }
        };
        Ok(Asking {
            topic,
            qos: self.qos,
            timeout: self.timeout,
            content_type: self.content_type.clone(),
            user_properties: self.user_property.clone(),
        })
    }

    fn source(&self) -> Result<Source, Failure> {
        if self.lines {
            // The topic is that of all requests: here a line is a payload only.
            let payload = |bytes| Message::new("-", bytes).map_err(|error| error.to_string());
            return Ok(Source::Lines(input::lines(io::stdin(), payload)));
        }
        input::payload(self.message.as_deref(), self.file.as_deref(), self.stdin).map(Source::One)
    }

    fn form(&self) -> Form {
        match (self.json, self.no_line_feed) {
            (true, _) => Form::Json,
            (_, true) => Form::BarePayload,
            _ => Form::Payload,
        }
    }
}

/// What all requests of one run have in common.
#[derive(Debug, Clone)]
struct Asking {
    topic: TopicName,
    qos: QoS,
    timeout: Duration,
    content_type: Option<String>,
    user_properties: Vec<NameValue>,
}

impl Asking {
    async fn ask(&self, client: &Client, payload: Vec<u8>) -> Result<Message, Error> {
        let mut request = client.request(self.topic.clone(), payload).qos(self.qos).timeout(self.timeout);
        if let Some(content_type) = &self.content_type {
            request = request.content_type(content_type);
        }
        for NameValue { name, value } in &self.user_properties {
            request = request.user_property(name, value);
        }
        request.await
    }
}

/// Where the payloads come from.
enum Source {
    /// The arguments.
    One(Vec<u8>),
    /// Standard input.
    Lines(mpsc::Receiver<Vec<Entry>>),
}

/// Why the run ends early.
enum Problem {
    Request(Failure),
    Output(io::Error),
}

/// What an error means while waiting for an answer.
fn failure(error: &Error) -> Failure {
    match error.kind() {
        ErrorKind::Timeout => Failure::new(Exit::Timeout, error.to_string()),
        _ => Failure::publishing(error),
    }
}

async fn ask_all(
    client: &Client,
    asking: &Asking,
    source: Source,
    count: u64,
    output: &mut Output<io::Stdout>,
) -> Result<(), Problem> {
    match source {
        Source::One(payload) => {
            for _ in 0..count {
                let answer = asking.ask(client, payload.clone()).await;
                let answer = answer.map_err(|error| Problem::Request(failure(&error)))?;
                output.write([&answer]).map_err(Problem::Output)?;
            }
            Ok(())
        }
        Source::Lines(entries) => Pipeline::default().run(client, asking, entries, output).await,
    }
}

/// Requests that are on their way while the next lines are read.
#[derive(Default)]
struct Pipeline {
    /// In order of the lines, with their numbers.
    waiting: VecDeque<(u64, JoinHandle<Result<Message, Error>>)>,
    failures: u64,
    first: Option<Exit>,
}

impl Pipeline {
    /// Ends when the input has ended and every line has its answer. A line that fails is told and does not keep the
    /// next ones.
    async fn run(
        mut self,
        client: &Client,
        asking: &Asking,
        mut entries: mpsc::Receiver<Vec<Entry>>,
        output: &mut Output<io::Stdout>,
    ) -> Result<(), Problem> {
        let mut lines = VecDeque::new();
        let mut ended = false;
        while !(ended && lines.is_empty() && self.waiting.is_empty()) {
            while self.waiting.len() < MOST_WAITING
                && let Some(entry) = lines.pop_front()
            {
                self.ask(client, asking, entry);
            }
            tokio::select! {
                (line, answer) = oldest(&mut self.waiting), if !self.waiting.is_empty() => match answer {
                    Ok(answer) => output.write([&answer]).map_err(Problem::Output)?,
                    Err(error) => self.failed(line, &failure(&error)),
                },
                batch = entries.recv(), if !ended && lines.is_empty() => match batch {
                    Some(batch) => lines.extend(batch),
                    None => ended = true,
                },
            }
        }
        match self.first {
            None => Ok(()),
            Some(exit) => {
                let what = format!("{} of the lines got no answer", self.failures);
                Err(Problem::Request(Failure::new(exit, what)))
            }
        }
    }

    fn ask(&mut self, client: &Client, asking: &Asking, Entry { line, message }: Entry) {
        let payload = match message {
            Ok(message) => message.into_payload().into(),
            Err(rule) => return self.failed(line, &Failure::usage(rule)),
        };
        let (client, asking) = (client.clone(), asking.clone());
        let answer = tokio::spawn(async move { asking.ask(&client, payload).await });
        self.waiting.push_back((line, answer));
    }

    fn failed(&mut self, line: u64, failure: &Failure) {
        self.failures += 1;
        self.first.get_or_insert(failure.exit);
        note(format_args!(
            "polymqtt request: line {line}: {}",
            failure.message.as_deref().unwrap_or_default()
        ));
    }
}

/// Takes the oldest request once its outcome is known. Cancelling leaves it where it is.
async fn oldest(
    waiting: &mut VecDeque<(u64, JoinHandle<Result<Message, Error>>)>,
) -> (u64, Result<Message, Error>) {
    let Some((line, answer)) = waiting.front_mut() else {
        return std::future::pending().await;
    };
    let answer = answer.await.unwrap_or_else(|error| Err(Error::new(ErrorKind::Closed, error.to_string())));
    let outcome = (*line, answer);
    waiting.pop_front();
    outcome
}
