//! Debian's mosquitto as a process of its own, that can be stopped, killed and started again on the same port.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use polymqtt::Scheme;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Certificates, PASSWORD, USER};

/// A mosquitto; killed when it is dropped.
#[derive(Debug)]
pub struct Mosquitto {
    port: u16,
    folder: TempDir,
    /// What its configuration refers to.
    beside: Option<TempDir>,
    /// Listeners beside the first.
    ports: Vec<(Scheme, u16)>,
    /// `None` while it is down.
    child: Option<Child>,
}

impl Mosquitto {
    /// A broker with these lines of configuration, ready for clients. Everybody may connect, and nothing outlives it,
    /// unless the lines say so.
    #[must_use]
    pub fn start(configuration: &str) -> Self {
        let access = if configuration.contains("allow_anonymous") { "" } else { "allow_anonymous true\n" };
        // Somebody else may take the port between asking for it and using it.
        for _ in 0..10 {
            let port = free_port();
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().display();
            // As root it would become a user that may not read the folder.
            let text = format!(
                "user root\nlog_dest stderr\nmax_queued_messages 0\nset_tcp_nodelay true\n\
                 persistence_location {path}/\nlistener {port} 127.0.0.1\n{access}{configuration}\n"
            );
            fs::write(folder.path().join("mosquitto.conf"), text).expect("writable");
            let mut mosquitto = Self { port, folder, beside: None, ports: Vec::new(), child: None };
            if mosquitto.run() {
                return mosquitto;
            }
        }
        panic!("mosquitto does not start");
    }

    /// A broker that keeps sessions over [`Mosquitto::stop`], though not over [`Mosquitto::kill`].
    #[must_use]
    pub fn persistent() -> Self {
        Self::start("persistence true")
    }

    /// A broker that only [`USER`] with [`PASSWORD`] may connect to.
    #[must_use]
    pub fn with_users() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let users = folder.path().join("users");
        fs::write(&users, format!("{USER}:{PASSWORD}\n")).expect("writable");
        let hashed = Command::new("mosquitto_passwd").arg("-U").arg(&users).status();
        assert!(hashed.expect("mosquitto_passwd is installed").success());
        let configuration = format!("allow_anonymous false\npassword_file {}", users.display());
        let mut mosquitto = Self::start(&configuration);
        mosquitto.beside = Some(folder);
        mosquitto
    }

    /// A broker that can be reached in every way, see [`Mosquitto::url_by`]: by TLS with these certificates.
    #[must_use]
    pub fn everywhere(certificates: &Certificates) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tls = certificates.mosquitto(false);
        let ports = [Scheme::Mqtts, Scheme::Ws, Scheme::Wss].map(|scheme| (scheme, free_port()));
        let [mqtts, ws, wss] = ports.map(|(_, port)| format!("listener {port} 127.0.0.1"));
        let unix = socket(&folder);
        let mut mosquitto = Self::start(&format!(
            "{mqtts}\n{tls}\n{ws}\nprotocol websockets\n{wss}\nprotocol websockets\n{tls}\nlistener 0 {unix}"
        ));
        mosquitto.beside = Some(folder);
        mosquitto.ports = ports.to_vec();
        mosquitto
    }

    /// Where a broker that is [everywhere](Mosquitto::everywhere) listens by this scheme.
    #[must_use]
    pub fn url_by(&self, scheme: Scheme) -> String {
        match (scheme, &self.beside) {
            (Scheme::Unix, Some(folder)) => format!("unix://{}", socket(folder)),
            _ => format!("{}://127.0.0.1:{}", scheme.name(), self.port_by(scheme)),
        }
    }

    /// The port of [`Mosquitto::url_by`].
    #[must_use]
    pub fn port_by(&self, scheme: Scheme) -> u16 {
        self.ports.iter().find(|(known, _)| *known == scheme).map_or(self.port, |(_, port)| *port)
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Its port, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it by SIGKILL: it forgets everything.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    /// Ends it by SIGTERM: a [`Mosquitto::persistent`] one writes its sessions down.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = Pid::from_child(&child);
            kill_process(pid, Signal::TERM).expect("it can be told to end");
            child.wait().expect("it ends");
        }
    }

    /// Starts it again after [`Mosquitto::kill`] or [`Mosquitto::stop`], with the same port and folder.
    pub fn restart(&mut self) {
        assert!(self.child.is_none() && self.run(), "mosquitto does not start again");
    }

    /// Starts the process; whether it came to listening.
    fn run(&mut self) -> bool {
        // Debian has it where only root's PATH looks.
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new("mosquitto")
            .env("PATH", format!("{path}:/usr/sbin"))
            .arg("-c")
            .arg(self.folder.path().join("mosquitto.conf"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("mosquitto is installed");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is a pipe")).lines();
        let running = lines.by_ref().map_while(Result::ok).any(|line| line.ends_with(" running"));
        if !running {
            child.wait().expect("it has ended");
            return false;
        }
        self.greet();
        // A full pipe would stop it.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        self.child = Some(child);
        true
    }
}

impl Mosquitto {
    /// Waits for any answer: until its loop runs, mosquitto loses a signal to end.
    fn greet(&self) {
        const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01g";
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.write_all(CONNECT).expect("it reads");
        // Acceptance, refusal, a TLS alert, the end: each will do.
        let _answer = stream.read(&mut [0; 16]);
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

fn socket(folder: &TempDir) -> String {
    folder.path().join("socket").display().to_string()
}

/// A port that nobody listens on: outside of those that the system gives to outgoing connections, so that it is
/// still free when the broker is started again.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = (std::process::id() % 200) as u16 * 100;
    loop {
        let port = 10_000 + (process + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
