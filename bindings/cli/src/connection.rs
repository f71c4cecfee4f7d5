//! Arguments about the server and the connection, the same for `pub` and `sub`.

use std::env;
use std::time::Duration;

use clap::Args;
use polymqtt::{Options, ProtocolVersion};

use crate::authentication::AuthenticationArgs;
use crate::exit::Failure;
use crate::limits::LimitArgs;
use crate::notes::NoteArgs;
use crate::queue::QueueArgs;
use crate::reconnect::ReconnectArgs;
use crate::session::SessionArgs;
use crate::tls::TlsArgs;
use crate::values::{self, NameValue};
use crate::will::WillArgs;

#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// The server's URL.
    // Not as a comment: rustdoc takes the brackets for links.
    #[arg(short = 'L', long, value_name = "URL", conflicts_with_all = ["host", "port"])]
    #[arg(
        help = "mqtt://[user[:password]@]host[:port][/topic], mqtts:// for TLS, ws[s]://host[:port][/path], unix:///path; given again, servers to try in turn when those before can't be reached [env: POLYMQTT_URL]"
    )]
    url: Vec<String>,

    /// The server's name or address [default: localhost]
    #[arg(short = 'h', long, value_name = "HOST", alias = "hostname")]
    host: Option<String>,

    /// The server's port [default: 1883, with TLS 8883]
    #[arg(short = 'p', long, value_name = "PORT")]
    port: Option<u16>,

    /// The user name
    #[arg(short = 'u', long, value_name = "NAME")]
    username: Option<String>,

    /// The password; POLYMQTT_PASSWORD keeps it out of the list of processes [env: POLYMQTT_PASSWORD]
    #[arg(short = 'P', long, value_name = "PASSWORD", alias = "pw")]
    password: Option<String>,

    #[command(flatten)]
    authentication: AuthenticationArgs,

    /// The version of MQTT: 5, 3.1.1, or auto for 3.1.1 where the server does not speak 5
    #[arg(short = 'V', long, value_name = "VERSION", default_value = "5", alias = "mqtt-version", value_parser = values::version)]
    protocol_version: ProtocolVersion,

    /// Time without a packet after which the connection is probed; 0 for never
    #[arg(short = 'k', long, value_name = "TIME", default_value = "60s", alias = "keepalive", value_parser = values::seconds)]
    keep_alive: Duration,

    /// Time for one attempt to connect
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::timeout)]
    connect_timeout: Duration,

    /// Time for the server's answer to SUBSCRIBE and UNSUBSCRIBE
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::timeout)]
    subscribe_timeout: Duration,

    /// A user property of CONNECT (MQTT 5), repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::name_value)]
    connect_user_property: Vec<NameValue>,

    /// A header of the request that opens a WebSocket, repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::name_value)]
    ws_header: Vec<NameValue>,

    #[command(flatten)]
    tls: TlsArgs,

    #[command(flatten)]
    session: SessionArgs,

    #[command(flatten)]
    reconnect: ReconnectArgs,

    #[command(flatten)]
    will: WillArgs,

    #[command(flatten)]
    queue: QueueArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    pub(crate) notes: NoteArgs,
}

/// What the environment adds to the arguments, so that secrets need not stand in the list of processes.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    url: Option<String>,
    password: Option<String>,
}

impl Environment {
    /// `POLYMQTT_URL` and `POLYMQTT_PASSWORD`; an empty one counts as not set.
    pub(crate) fn of_process() -> Self {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Self { url: variable("POLYMQTT_URL"), password: variable("POLYMQTT_PASSWORD") }
    }
}

impl ConnectionArgs {
    /// The client's options.
    ///
    /// What is said more expressly wins: an option of its own over `-L`, `-L` over the environment, and in the
    /// environment POLYMQTT_PASSWORD over the password in POLYMQTT_URL.
    pub(crate) fn options(&self, environment: &Environment) -> Result<Options, Failure> {
        let address = self.address(environment)?;
        let mut options = Options::new(&address).map_err(|error| Failure::connecting(&error))?;
        for url in self.url.iter().skip(1) {
            let fallback = self.checked(url, "-L")?;
            options = options
                .fallback(&fallback)
                .map_err(|error| Failure::usage(format!("--url, after the first: {error}")))?;
        }
        if let Some(username) = &self.username {
            options = options.username(username);
        }
        if let Some(password) = self.password(environment) {
            options = options.password(password.as_bytes());
        }
        options = self.authentication.apply(options)?;
        if let Some(will) = self.will.will()? {
            options = options.will(will);
        }
        for property in &self.connect_user_property {
            options = options.user_property(&property.name, &property.value);
        }
        for header in &self.ws_header {
            options = options.websocket_header(&header.name, &header.value);
        }
        options = self.session.apply(options);
        options = self.reconnect.apply(options)?;
        options = self.queue.apply(options);
        options = self.limits.apply(options);
        Ok(options
            .version(self.protocol_version)
            .keep_alive(self.keep_alive)
            .connect_timeout(self.connect_timeout)
            .subscribe_timeout(self.subscribe_timeout)
            .tls(self.tls.options()))
    }

    /// The topic at the end of `-L`, if there is one.
    pub(crate) fn topic_of_url(&self) -> Option<&str> {
        self.url.first().and_then(|url| split_topic(url).1)
    }

    /// Whether MQTT 5, which alone has properties, is spoken where the server speaks it.
    pub(crate) fn is_v5(&self) -> bool {
        self.protocol_version != ProtocolVersion::V311
    }

    /// The password that replaces what the URL says, if there is one.
    fn password<'a>(&'a self, environment: &'a Environment) -> Option<&'a str> {
        let url_has_one = self.url.first().is_some_and(|url| has_password(split_topic(url).0));
        let of_environment = environment.password.as_deref().filter(|_| !url_has_one);
        self.password.as_deref().or(of_environment)
    }

    /// The server's URL without a topic.
    fn address(&self, environment: &Environment) -> Result<String, Failure> {
        if let Some(url) = self.url.first() {
            let (address, _) = split_topic(url);
            return self.checked(address, "-L");
        }
        if self.host.is_none()
            && self.port.is_none()
            && let Some(url) = &environment.url
        {
            let (address, _) = split_topic(url);
            return self.checked(address, "POLYMQTT_URL");
        }
        let host = self.host.as_deref().unwrap_or("localhost");
        if host.is_empty() || host.contains(['/', '@', '?', '#', '[', ']']) {
            return Err(Failure::usage(format!(
                "--host {host:?}: it must be a name or an address; -L takes a URL"
            )));
        }
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let scheme = if self.tls.is_wanted() { "mqtts" } else { "mqtt" };
        Ok(match self.port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        })
    }

    /// TLS options beside a URL without TLS would silently protect nothing.
    fn checked(&self, address: &str, source: &str) -> Result<String, Failure> {
        let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
        if self.tls.is_wanted() && matches!(scheme, "mqtt" | "ws" | "unix") {
            return Err(Failure::usage(format!(
                "{source} is {scheme}://, but there are TLS options: it must be mqtts:// or wss://"
            )));
        }
        Ok(address.to_owned())
    }
}

/// A URL's part up to host and port, and the topic behind it, as other MQTT tools write it. Other schemes have a path of
/// their own there.
fn split_topic(url: &str) -> (&str, Option<&str>) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (url, None);
    };
    if !matches!(scheme, "mqtt" | "mqtts") {
        return (url, None);
    }
    match rest.split_once('/') {
        Some((authority, topic)) => {
            let address = url.get(..scheme.len() + "://".len() + authority.len()).unwrap_or(url);
            (address, Some(topic).filter(|topic| !topic.is_empty()))
        }
        None => (url, None),
    }
}

fn has_password(address: &str) -> bool {
    address.rsplit_once('@').is_some_and(|(before, _)| {
        before.split_once("://").is_some_and(|(_, credentials)| credentials.contains(':'))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::exit::Exit;

    #[derive(Parser)]
    #[command(disable_help_flag = true)]
    struct Cli {
        #[command(flatten)]
        connection: ConnectionArgs,
    }

    fn arguments(words: &[&str]) -> ConnectionArgs {
        Cli::try_parse_from([&["x"], words].concat()).unwrap_or_else(|error| panic!("{error}")).connection
    }

    fn address(words: &[&str], url: Option<&str>) -> String {
        let environment = Environment { url: url.map(str::to_owned), password: None };
        arguments(words).address(&environment).unwrap()
    }

    #[test]
    fn the_address_is_what_is_said_most_expressly() {
        assert_eq!(address(&[], None), "mqtt://localhost");
        assert_eq!(address(&[], Some("mqtts://other/a")), "mqtts://other");
        assert_eq!(address(&["-h", "host"], Some("mqtts://other")), "mqtt://host");
        assert_eq!(address(&["-p", "1"], Some("mqtts://other")), "mqtt://localhost:1");
        assert_eq!(address(&["-L", "mqtt://u:p@host:1/a/b"], Some("mqtts://other")), "mqtt://u:p@host:1");
        assert_eq!(address(&["-L", "wss://host/path?a=b"], None), "wss://host/path?a=b");
        assert_eq!(address(&["-L", "unix:///run/socket"], None), "unix:///run/socket");
        assert_eq!(address(&["-h", "::1", "-p", "1"], None), "mqtt://[::1]:1");
    }

    #[test]
    fn tls_options_ask_for_tls() {
        assert_eq!(address(&["--tls"], None), "mqtts://localhost");
        assert_eq!(address(&["--cafile", "ca.pem"], None), "mqtts://localhost");
        let failure =
            arguments(&["--tls", "-L", "mqtt://host"]).address(&Environment::default()).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
    }

    #[test]
    fn a_url_may_end_with_a_topic() {
        assert_eq!(arguments(&["-L", "mqtt://host/a/#"]).topic_of_url(), Some("a/#"));
        assert_eq!(arguments(&["-L", "mqtt://host/"]).topic_of_url(), None);
        assert_eq!(arguments(&["-L", "mqtt://host"]).topic_of_url(), None);
        assert_eq!(arguments(&["-L", "ws://host/path"]).topic_of_url(), None);
    }

    #[test]
    fn a_url_as_host_is_a_usage_error() {
        let failure = arguments(&["-h", "mqtt://host"]).address(&Environment::default()).unwrap_err();
        assert!(failure.message.unwrap().contains("--host"));
    }

    #[test]
    fn the_password_of_the_environment_gives_way_to_one_on_the_command_line() {
        let environment = Environment { url: None, password: Some("of-environment".to_owned()) };
        for (words, expected) in [
            (&["-u", "n"][..], Some("of-environment")),
            (&["-u", "n", "-P", "of-option"], Some("of-option")),
            (&["-L", "mqtt://n:of-url@host"], None),
            (&["-L", "mqtt://n@host"], Some("of-environment")),
        ] {
            assert_eq!(arguments(words).password(&environment), expected);
        }
    }

    #[test]
    fn scram_takes_the_credentials_wherever_they_are() {
        let environment = Environment { url: None, password: Some("of-environment".to_owned()) };
        let scram = ["--auth", "scram-sha-256"];
        for words in [&["-u", "n"][..], &["-u", "n", "-P", "p"], &["-L", "mqtt://n:p@host"]] {
            let options = arguments(&[&scram, words].concat()).options(&environment).unwrap();
            assert!(options.check().is_ok(), "{words:?}");
        }
        let failure = arguments(&scram).options(&environment).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        let v311 = arguments(&[&scram[..], &["-V", "3.1.1", "-u", "n"]].concat());
        assert!(v311.options(&environment).unwrap().check().is_err());
    }

    #[test]
    fn what_the_engine_refuses_is_a_usage_error() {
        for words in [&["-k", "70000"][..], &["-V", "3.1.1", "-x", "1"], &["-V", "3.1.1", "-c"]] {
            let options = arguments(words).options(&Environment::default()).unwrap();
            assert!(options.check().is_err(), "{words:?}");
        }
    }
}
