//! `polymqtt sub`: writes messages to standard output and acknowledges each once it is written.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use clap::Args;
use polymqtt::{Client, Message, QoS, RetainHandling, Subscription, TopicFilter};

use crate::connection::{ConnectionArgs, Environment};
use crate::exit::{self, Exit, Failure};
use crate::output::{self, Form, Output, note};
use crate::values::{self, NameValue};
use crate::{client, json_line};

/// Most messages that are taken, written and acknowledged together.
const MESSAGES_AT_ONCE: usize = 256;

#[derive(Debug, Args)]
#[command(after_help = format!("{}\n\n{}", json_line::HELP, exit::HELP))]
pub(crate) struct SubscribeArgs {
    /// A topic filter, repeatable; + stands for one level, # at the end for all below
    #[arg(short = 't', long, value_name = "FILTER", value_parser = values::topic_filter, help_heading = "Subscription")]
    topic: Vec<TopicFilter>,

    /// The highest quality of service to receive with: 0, 1 or 2
    #[arg(short = 'q', long, value_name = "QOS", default_value = "0", value_parser = values::qos, help_heading = "Subscription")]
    qos: QoS,

    /// Without the messages that the server had kept before
    #[arg(short = 'R', long, conflicts_with = "retain_handling", help_heading = "Subscription")]
    no_retained: bool,

    /// When the server sends what it had kept (MQTT 5): always, if-new for new subscriptions of the session, or never
    #[arg(long, value_name = "CHOICE", default_value = "always", value_parser = values::retain_handling, help_heading = "Subscription")]
    retain_handling: RetainHandling,

    /// Without the messages that this client itself publishes (MQTT 5)
    #[arg(long, help_heading = "Subscription")]
    no_local: bool,

    /// Show as retained what was published so, not only what the server had kept (MQTT 5)
    #[arg(long, help_heading = "Subscription")]
    retain_as_published: bool,

    /// A user property of SUBSCRIBE (MQTT 5), repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::name_value, help_heading = "Subscription")]
    user_property: Vec<NameValue>,

    /// End after this many messages
    #[arg(short = 'C', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Subscription")]
    count: Option<u64>,

    /// Time after which to end; with exit code 5 if no message, or fewer than --count, came
    #[arg(short = 'W', long, value_name = "TIME", value_parser = values::seconds, help_heading = "Subscription")]
    timeout: Option<Duration>,

    /// Write the topic and a space before each payload
    #[arg(short = 'v', long, help_heading = "Output")]
    verbose: bool,

    /// Write each message as a line of JSON; the form is below
    #[arg(long, conflicts_with = "verbose", help_heading = "Output")]
    json: bool,

    /// Write no line feed after a payload
    #[arg(short = 'N', long, conflicts_with_all = ["verbose", "json"], help_heading = "Output")]
    no_line_feed: bool,

    /// Write the line `ready` to standard error once the subscription stands, for scripts to wait for
    #[arg(long, help_heading = "Output")]
    ready: bool,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

pub(crate) async fn run(arguments: SubscribeArgs) -> Result<(), Failure> {
    let filters = arguments.filters()?;
    arguments.check_version()?;
    let options = arguments.connection.options(&Environment::of_process())?;
    options.check().map_err(|error| Failure::connecting(&error))?;
    let received = Cell::new(0);
    let timed_out = |limit| arguments.timed_out(limit, received.get());
    client::run("sub", &arguments.connection, options, arguments.timeout, timed_out, async |client| {
        receive(client, &arguments, filters, &received).await
    })
    .await
}

async fn receive(
    client: &Client,
    arguments: &SubscribeArgs,
    filters: Vec<TopicFilter>,
    received: &Cell<u64>,
) -> Result<(), Failure> {
    let mut messages = arguments.subscribe(client, filters).await?;
    if arguments.ready {
        note("ready");
    }
    let mut output = Output::new(arguments.form(), io::stdout());
    let mut batch = Vec::new();
    let closed = output::closed();
    tokio::pin!(closed);
    loop {
        let most = arguments.count.map_or(u64::MAX, |count| count.saturating_sub(received.get()));
        if most == 0 {
            return Ok(());
        }
        batch.clear();
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(MESSAGES_AT_ONCE);
        tokio::select! {
            taken = messages.recv_many(&mut batch, most) => match taken {
                Ok(0) => return Err(Failure::new(Exit::NoConnection, "the subscription has ended")),
                Ok(_) => {}
                Err(error) => return Err(Failure::connecting(&error)),
            },
            () = &mut closed => return Ok(()),
        }
        let shown = || batch.iter().filter(|message| arguments.shows(message));
        match output.write(shown()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => {
                return Err(Failure::new(
                    Exit::NotDelivered,
                    format!("standard output can't be written: {error}"),
                ));
            }
        }
        received.set(received.get() + shown().count() as u64);
        for message in &batch {
            // One from an earlier connection: the server sends it again.
            let _ = messages.ack(message);
        }
    }
}

impl SubscribeArgs {
    fn filters(&self) -> Result<Vec<TopicFilter>, Failure> {
        let mut filters = self.topic.clone();
        if let Some(topic) = self.connection.topic_of_url() {
            let filter = values::topic_filter(topic);
            filters.push(filter.map_err(|rule| Failure::usage(format!("--url, its topic: {rule}")))?);
        }
        if filters.is_empty() {
            return Err(Failure::usage("there is no topic filter: give --topic, or one at the end of --url"));
        }
        Ok(filters)
    }

    fn check_version(&self) -> Result<(), Failure> {
        let only_v5 = [
            ("--no-local", self.no_local),
            ("--retain-as-published", self.retain_as_published),
            ("--retain-handling", self.retain_handling != RetainHandling::SendAtSubscribe),
            ("--user-property", !self.user_property.is_empty()),
        ];
        match only_v5.iter().find(|(_, given)| *given && !self.connection.is_v5()) {
            Some((argument, _)) => {
                Err(Failure::usage(format!("{argument} needs MQTT 5, but --protocol-version is 3.1.1")))
            }
            None => Ok(()),
        }
    }

    async fn subscribe(&self, client: &Client, filters: Vec<TopicFilter>) -> Result<Subscription, Failure> {
        let mut subscribe = client.subscribe(filters).qos(self.qos).manual_ack();
        if self.connection.is_v5() {
            let retain_handling =
                if self.no_retained { RetainHandling::DoNotSend } else { self.retain_handling };
            subscribe = subscribe
                .no_local(self.no_local)
                .retain_as_published(self.retain_as_published)
                .retain_handling(retain_handling);
            for NameValue { name, value } in &self.user_property {
                subscribe = subscribe.user_property(name, value);
            }
        }
        subscribe.await.map_err(|error| Failure::connecting(&error))
    }

    fn form(&self) -> Form {
        match (self.json, self.verbose, self.no_line_feed) {
            (true, _, _) => Form::Json,
            (_, true, _) => Form::TopicAndPayload,
            (_, _, true) => Form::BarePayload,
            _ => Form::Payload,
        }
    }

    /// MQTT 3.1.1 can't ask the server to keep retained messages to itself.
    fn shows(&self, message: &Message) -> bool {
        !(self.no_retained && message.retain() && !self.connection.is_v5())
    }

    fn timed_out(&self, limit: Duration, received: u64) -> Result<(), Failure> {
        let wanted = self.count.unwrap_or(1);
        if received >= wanted {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Timeout,
            format!("{received} of {wanted} messages came within the {} s of --timeout", limit.as_secs()),
        ))
    }
}
