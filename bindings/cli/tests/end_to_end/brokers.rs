//! Brokers to test against, each on a free port, each ended with the test.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{POLYMQTT, Running};

/// A broker that runs.
pub(crate) struct Broker {
    pub(crate) url: String,
    /// Where its TLS listener is, if it has one.
    pub(crate) tls_url: Option<String>,
    _running: Running,
    _folder: Option<TempDir>,
}

/// Both of them, by name.
pub(crate) fn both() -> [(&'static str, Broker); 2] {
    [
        ("polymqtt broker", Broker::embedded(&["-p", "0"])),
        ("mosquitto", Broker::mosquitto("allow_anonymous true")),
    ]
}

impl Broker {
    /// `polymqtt broker` with these arguments, once clients can connect.
    pub(crate) fn embedded(arguments: &[&str]) -> Self {
        let mut command = Command::new(POLYMQTT);
        command.args(["broker", "--ready"]).args(arguments);
        let mut running = Running::of(command);
        let ready = running.line();
        let mut words = ready.split(' ');
        assert_eq!(words.next(), Some("ready"), "{:?}", running.end());
        let url = words.next().unwrap().to_owned();
        let tls_url = words.find(|url| url.starts_with("mqtts://")).map(str::to_owned);
        Self { url, tls_url, _running: running, _folder: None }
    }

    /// mosquitto with these lines of configuration, once clients can connect.
    pub(crate) fn mosquitto(configuration: &str) -> Self {
        // Between asking for a free port and using it somebody else may take it.
        (0..5).find_map(|_| Self::try_mosquitto(configuration)).expect("mosquitto starts")
    }

    fn try_mosquitto(configuration: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let file = folder.path().join("mosquitto.conf");
        // As root it would become a user that may not read the folder.
        let text = format!("user root\nlog_dest stderr\nlistener {port} 127.0.0.1\n{configuration}\n");
        fs::write(&file, text).unwrap();
        let mut command = Command::new("mosquitto");
        // Debian has it where only root's PATH looks.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin")).arg("-c").arg(&file);
        let mut running = Running::of(command);
        let url = format!("mqtt://127.0.0.1:{port}");
        running.note_comes(" running").then(|| Self {
            url,
            tls_url: None,
            _running: running,
            _folder: Some(folder),
        })
    }

    /// The port, for a broker that is to follow this one.
    pub(crate) fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap()
    }
}
