//! `polymqtt respond`: answers requests, with a text, an echo, or what a command writes.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{ArgGroup, Args};
use polymqtt::{Client, QoS, Request, TopicFilter};
use tokio::task::JoinSet;

use crate::connection::{ConnectionArgs, Environment};
use crate::exit::{self, Exit, Failure};
use crate::output::{Form, Output, note};
use crate::program::Program;
use crate::values;
use crate::{client, json_line};

/// Answers without a command that wait for the server at once.
const MOST_ANSWERS: usize = 256;

#[derive(Debug, Args)]
#[command(after_help = format!("{}\n\n{}", json_line::HELP, exit::HELP))]
#[command(group(ArgGroup::new("answer").required(true).args(["message", "echo", "command"])))]
pub(crate) struct RespondArgs {
    /// A topic filter, more of them if need be; '$share/NAME/FILTER' shares the requests with others
    #[arg(value_name = "FILTER", required = true, value_parser = values::topic_filter)]
    filters: Vec<TopicFilter>,

    /// Answer with this text
    #[arg(short = 'm', long, value_name = "TEXT", help_heading = "Answer")]
    message: Option<String>,

    /// Answer with the payload of the request
    #[arg(long, help_heading = "Answer")]
    echo: bool,

    /// Answer with what this shell command writes: the payload is its standard input, the topic $POLYMQTT_TOPIC, the
    /// content type $POLYMQTT_CONTENT_TYPE; where it fails, there is no answer
    #[arg(short = 'e', long, value_name = "COMMAND", help_heading = "Answer")]
    command: Option<String>,

    /// Commands that run at once; further requests wait [default: the processors of this machine]
    #[arg(short = 'j', long, value_name = "NUMBER", conflicts_with_all = ["message", "echo"], value_parser = clap::value_parser!(u16).range(1..), help_heading = "Answer")]
    jobs: Option<u16>,

    /// Time that a command may take before it is killed
    #[arg(long, value_name = "TIME", default_value = "30", value_parser = values::seconds, help_heading = "Answer")]
    command_timeout: Duration,

    /// Keep the line feed at the end of what a command writes
    #[arg(long, conflicts_with_all = ["message", "echo"], help_heading = "Answer")]
    keep_line_feed: bool,

    /// What the answers are, such as application/json
    #[arg(long, value_name = "TYPE", help_heading = "Answer")]
    content_type: Option<String>,

    /// The highest quality of service to receive with, and to answer with: 0, 1 or 2
    #[arg(short = 'q', long, value_name = "QOS", default_value = "1", value_parser = values::qos, help_heading = "Requests")]
    qos: QoS,

    /// End after this many requests
    #[arg(short = 'C', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Requests")]
    count: Option<u64>,

    /// Time after which to end; with exit code 5 if no request, or fewer than --count, came
    #[arg(short = 'W', long, value_name = "TIME", value_parser = values::seconds, help_heading = "Requests")]
    timeout: Option<Duration>,

    /// Write each request as a line of JSON; the form is below
    #[arg(long, help_heading = "Output")]
    json: bool,

    /// Write the line `ready` to standard error once the subscription stands, for scripts to wait for
    #[arg(long, help_heading = "Output")]
    ready: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

pub(crate) async fn run(arguments: RespondArgs) -> Result<(), Failure> {
    if !arguments.connection.is_v5() {
        return Err(Failure::usage("responses need MQTT 5, but --protocol-version is 3.1.1"));
    }
    let options = arguments.connection.options(&Environment::of_process())?;
    options.check().map_err(|error| Failure::connecting(&error))?;
    let received = Cell::new(0);
    let timed_out = |limit| arguments.timed_out(limit, received.get());
    client::run("respond", &arguments.connection, options, arguments.timeout, timed_out, async |client| {
        serve(client, &arguments, &received).await
    })
    .await
}

/// Answers until `--count` is reached. As many requests as jobs are in work at once; the others stay with the server.
async fn serve(client: &Client, arguments: &RespondArgs, received: &Cell<u64>) -> Result<(), Failure> {
    let subscribing = client.respond(arguments.filters.clone()).qos(arguments.qos);
    let mut requests = subscribing.await.map_err(|error| Failure::connecting(&error))?;
    if arguments.ready {
        note("ready");
    }
    let answer = Arc::new(arguments.answer());
    let most = arguments.most_jobs();
    let mut output = arguments.json.then(|| Output::new(Form::Json, io::stdout()));
    let mut jobs = JoinSet::new();
    loop {
        let enough = arguments.count.is_some_and(|count| received.get() >= count);
        if enough && jobs.is_empty() {
            return Ok(());
        }
        tokio::select! {
            Some(done) = jobs.join_next() => {
                if let Err(problem) = done.unwrap_or_else(|error| Err(error.to_string())) {
                    note(format_args!("polymqtt respond: {problem}"));
                }
            }
            request = requests.recv(), if !enough && jobs.len() < most => {
                let request = match request {
                    Ok(Some(request)) => request,
                    Ok(None) => return Err(Failure::new(Exit::NoConnection, "the subscription has ended")),
                    Err(error) => return Err(Failure::connecting(&error)),
                };
                received.set(received.get() + 1);
                // Nobody who reads the requests is no reason to stop answering them.
                if output.as_mut().is_some_and(|output| output.write([request.message()]).is_err()) {
                    output = None;
                }
                let answer = Arc::clone(&answer);
                jobs.spawn(async move { answer.send(&request).await });
            }
        }
    }
}

impl RespondArgs {
    fn answer(&self) -> Answer {
        let payload = match (&self.command, &self.message) {
            (Some(command), _) => Payload::Program(Program {
                command: command.clone(),
                limit: self.command_timeout,
                keeps_line_feed: self.keep_line_feed,
            }),
            (None, Some(text)) => Payload::Text(text.clone()),
            (None, None) => Payload::Echo,
        };
        Answer { payload, content_type: self.content_type.clone() }
    }

    fn most_jobs(&self) -> usize {
        match (&self.command, self.jobs) {
            (None, _) => MOST_ANSWERS,
            (Some(_), Some(jobs)) => jobs.into(),
            (Some(_), None) => available_parallelism().map_or(1, usize::from),
        }
    }

    fn timed_out(&self, limit: Duration, received: u64) -> Result<(), Failure> {
        let wanted = self.count.unwrap_or(1);
        if received >= wanted {
            return Ok(());
        }
        let what =
            format!("{received} of {wanted} requests came within the {} s of --timeout", limit.as_secs());
        Err(Failure::new(Exit::Timeout, what))
    }
}

/// How requests are answered.
#[derive(Debug)]
struct Answer {
    payload: Payload,
    content_type: Option<String>,
}

#[derive(Debug)]
enum Payload {
    Text(String),
    Echo,
    Program(Program),
}

impl Answer {
    /// Answers one request. The error is one line for people.
    async fn send(&self, request: &Request) -> Result<(), String> {
        let message = request.message();
        let told = |problem: String| format!("request to {}: {problem}", message.topic());
        let payload = match &self.payload {
            Payload::Text(text) => text.clone().into_bytes(),
            Payload::Echo => message.payload().to_vec(),
            Payload::Program(program) => program.run(message).await.map_err(told)?,
        };
        let mut response = request.respond(payload);
        if let Some(content_type) = &self.content_type {
            response = response.content_type(content_type);
        }
        response.await.map(drop).map_err(|error| told(error.to_string()))
    }
}
