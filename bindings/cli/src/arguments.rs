//! The command line as a whole: its commands, its help, and usage errors in one line.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::broker::BrokerArgs;
use crate::exit::{self, Exit};
use crate::output::note;
use crate::publish::PublishArgs;
use crate::request::RequestArgs;
use crate::respond::RespondArgs;
use crate::subscribe::SubscribeArgs;

/// MQTT 5 and 3.1.1 from the shell: publish, subscribe, ask, answer, run a broker.
#[derive(Debug, Parser)]
#[command(name = "polymqtt", version, after_help = exit::HELP)]
#[command(disable_help_flag = true, disable_version_flag = true, disable_help_subcommand = true)]
#[command(arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Print this help
    #[arg(long, action = clap::ArgAction::Help, global = true, help_heading = "Help")]
    help: Option<bool>,

    /// Print the version
    #[arg(long, action = clap::ArgAction::Version, help_heading = "Help")]
    version: Option<bool>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Publish messages: from an argument, a file, lines of standard input, or JSON lines
    Pub(Box<PublishArgs>),
    /// Subscribe and write the messages to standard output: payloads, or JSON lines
    Sub(Box<SubscribeArgs>),
    /// Make a request and write the answer to standard output
    Request(Box<RequestArgs>),
    /// Answer requests: with a text, an echo, or what a command writes
    Respond(Box<RespondArgs>),
    /// Run an MQTT broker, for development and tests
    Broker(BrokerArgs),
}

impl Command {
    /// The command's name on the command line.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pub(_) => "pub",
            Self::Sub(_) => "sub",
            Self::Request(_) => "request",
            Self::Respond(_) => "respond",
            Self::Broker(_) => "broker",
        }
    }

    /// Whether what the client does is to be shown; the broker shows what clients do by itself.
    pub(crate) fn shows_client(&self) -> bool {
        let connection = match self {
            Self::Pub(arguments) => &arguments.connection,
            Self::Sub(arguments) => &arguments.connection,
            Self::Request(arguments) => &arguments.connection,
            Self::Respond(arguments) => &arguments.connection,
            Self::Broker(_) => return false,
        };
        connection.notes.debug
    }
}

/// Reads the command line. Help, and what is wrong, is printed here; the error is the exit code to end with.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Exit> {
    let error = match Cli::try_parse_from(arguments) {
        Ok(cli) => return Ok(cli.command),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Whoever closed standard output does not want the help.
            let _ = error.print();
            Err(Exit::Done)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            Err(Exit::Usage)
        }
        _ => {
            note(format_args!("polymqtt: {}", one_line(&error)));
            Err(Exit::Usage)
        }
    }
}

/// What is wrong, without the usage and the hints that clap puts below it.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraph: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    paragraph.join(" ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse_words(line: &str) -> Result<Command, String> {
        Cli::try_parse_from(line.split(' ')).map(|cli| cli.command).map_err(|error| one_line(&error))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_error_is_one_line_that_names_argument_and_rule() {
        for (line, words) in [
            ("polymqtt pub -t a -m b -q 3", ["--qos", "only 0, 1 and 2"]),
            ("polymqtt pub -t a/# -m b", ["--topic", "wildcards"]),
            ("polymqtt pub -t a", ["--message", "--null-message"]),
            ("polymqtt pub -t a -m b -n", ["--message", "cannot be used"]),
            ("polymqtt pub -t a -m b -L mqtt://x -p 1", ["--url", "--port"]),
            ("polymqtt pub -t a -m b --will-qos 1", ["not provided", "--will-topic"]),
            ("polymqtt pub -t a -m b --cert x", ["not provided", "--key"]),
            ("polymqtt pub -t a -m b -V 3.1", ["--protocol-version", "5 or 3.1.1"]),
            ("polymqtt sub -t a/#/b", ["--topic", "last level"]),
            ("polymqtt sub -t a -C 0", ["--count", "1"]),
            ("polymqtt pub -t a -m b --queue-policy drop", ["--queue-policy", "latest-per-topic"]),
            ("polymqtt pub -t a -m b --queue-bytes 1MB", ["--queue-bytes", "16MiB"]),
            ("polymqtt pub -t a -m b --queue-messages 0", ["--queue-messages", "from 1"]),
            ("polymqtt pub -t a -m b --receive-maximum 0", ["--receive-maximum", "65535"]),
            ("polymqtt pub -t a -m b --maximum-packet-size 1", ["--maximum-packet-size", "128"]),
            ("polymqtt pub -t a -m b --publish-timeout 0", ["--publish-timeout", "longer than 0"]),
            ("polymqtt pub -t a -m b --reconnect-longest 1w", ["--reconnect-longest", "500ms"]),
            ("polymqtt pub -t a -m b --on-session-lost x", ["--on-session-lost", "resend"]),
            ("polymqtt pub -t a -m b -d --quiet", ["--debug", "--quiet"]),
            ("polymqtt sub -t a --retain-handling x", ["--retain-handling", "if-new"]),
            ("polymqtt sub -t a -R --retain-handling never", ["--no-retained", "--retain-handling"]),
            ("polymqtt sub -t a -W x", ["--timeout", "whole seconds"]),
            ("polymqtt request a/+", ["TOPIC", "wildcards"]),
            ("polymqtt respond a", ["--echo", "--command"]),
            ("polymqtt respond a --echo -m b", ["--echo", "cannot be used"]),
            ("polymqtt respond a --echo -j 2", ["--echo", "--jobs"]),
            ("polymqtt broker -p 70000", ["--port", "65535"]),
            ("polymqtt broker --tls-port 0", ["not provided", "--cert"]),
        ] {
            let error = parse_words(line).unwrap_err();
            for word in words {
                assert!(error.contains(word), "{line}: {error}");
            }
            assert!(!error.contains('\n'), "{line}: {error}");
        }
    }

    #[test]
    fn the_help_has_its_groups_in_order() {
        let groups = |command: &str| -> Vec<String> {
            let help = Cli::try_parse_from(["polymqtt", command, "--help"]).unwrap_err().to_string();
            let is_group =
                |line: &&str| line.ends_with(':') && !line.starts_with(' ') && !line.contains(", ");
            help.lines().filter(is_group).map(|line| line.trim_end_matches(':').to_owned()).collect()
        };
        let shared = ["Connection", "TLS", "Session", "Reconnecting", "Will", "Queue", "Limits"];
        let of_pub =
            [&["Message", "Properties (MQTT 5)"], &shared[..], &["Output", "Help", "Exit codes"]].concat();
        assert_eq!(groups("pub"), of_pub);
        let of_sub = [&["Subscription", "Output"], &shared[..], &["Help", "Exit codes"]].concat();
        assert_eq!(groups("sub"), of_sub);
    }

    #[test]
    fn letters_that_users_of_other_tools_know() {
        for line in [
            "polymqtt pub -h localhost -p 1883 -t a -m b -q 1 -r -i me -k 30 -u name -P secret -V 5 -c -x 300 -d",
            "polymqtt pub -L mqtt://localhost/a -l",
            "polymqtt pub -t a -s",
            "polymqtt pub -t a -f file",
            "polymqtt pub -t a -n",
            "polymqtt sub -h localhost -p 1883 -t a -t b/# -q 2 -i me -c -x 300 -C 3 -W 5 -R -v -d -V mqttv311",
            "polymqtt pub -t a -m b -L mqtt://one -L ws://two/mqtt --ws-header a=b -V auto --quiet",
            "polymqtt pub -t a -m b --reconnect-shortest 10ms --reconnect-longest 1m --reconnect-stable 5s",
            "polymqtt pub -t a -m b --queue-policy latest-per-topic --queue-messages 10 --queue-bytes 1MiB",
            "polymqtt pub -t a -m b --publish-timeout 5m --receive-maximum 10 --maximum-packet-size 64KiB",
            "polymqtt pub -t a -m b --topic-alias-maximum 0 --outgoing-topic-aliases 0 --redirect-hops 0 --redirect-trust",
            "polymqtt sub -t a --retain-handling if-new --no-local --retain-as-published --user-property a=b",
            "polymqtt sub -t a -x 1d --on-session-lost fail --unclaimed-timeout 1s --subscribe-timeout 5s",
            "polymqtt sub -t a --will-topic w --will-content-type text/plain --will-expiry 5m --will-user-property a=b",
            "polymqtt sub -t a --will-topic w --will-payload gone --will-qos 1 --will-retain --will-delay 5",
        ] {
            assert!(parse_words(line).is_ok(), "{line}: {:?}", parse_words(line).err());
        }
    }
}
