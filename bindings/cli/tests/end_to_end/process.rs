//! Runs the command, with what it writes and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// No test waits longer: then something hangs, and the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The command's file.
pub(crate) const POLYMQTT: &str = env!("CARGO_BIN_EXE_polymqtt");

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    /// What it wrote, once it is known that it succeeded.
    pub(crate) fn output(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        String::from_utf8(self.stdout).unwrap()
    }
}

/// A command that runs. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<BufReader<ChildStdout>>,
    notes: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    /// Starts `polymqtt` with these arguments, the server's URL in the environment.
    pub(crate) fn start(url: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(POLYMQTT);
        command.args(arguments).env("POLYMQTT_URL", url).env_remove("POLYMQTT_PASSWORD");
        Self::of(command)
    }

    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{command:?}: {error}; scripts/install test installs what tests need")
            });
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, notes) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(BufReader::new);
        Self { child, stdin, stdout, notes, seen: Vec::new() }
    }

    /// A subscriber, once its subscription stands.
    pub(crate) fn subscriber(url: &str, arguments: &[&str]) -> Self {
        let mut running = Self::start(url, &[&["sub", "--ready", "-W", "30"], arguments].concat());
        running.wait_for_note("ready");
        running
    }

    /// Waits for a line of standard error that holds `text`; false when standard error ended without it.
    pub(crate) fn note_comes(&mut self, text: &str) -> bool {
        loop {
            match self.notes.recv_timeout(PATIENCE) {
                Ok(line) => {
                    let found = line.contains(text);
                    self.seen.push(line);
                    if found {
                        return true;
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return false,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("no {text:?} in {:?}", self.seen),
            }
        }
    }

    pub(crate) fn wait_for_note(&mut self, text: &str) {
        assert!(self.note_comes(text), "ended without {text:?}: {:?}", self.seen);
    }

    /// The next line of standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        line.trim_end_matches('\n').to_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Writes to standard input, which stays open.
    pub(crate) fn write(&mut self, input: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(input).unwrap();
        stdin.flush().unwrap();
    }

    /// Writes all of it to standard input and closes that.
    pub(crate) fn feed(&mut self, input: &[u8]) {
        self.stdin.take().unwrap().write_all(input).unwrap();
    }

    /// Closes standard input and waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        drop(self.stdin.take());
        self.ended_by_itself()
    }

    /// Waits for the end with standard input open.
    pub(crate) fn ended_by_itself(mut self) -> Ended {
        let mut stdout = Vec::new();
        if let Some(mut pipe) = self.stdout.take() {
            pipe.read_to_end(&mut stdout).unwrap();
        }
        let status = self.child.wait().unwrap();
        while let Ok(line) = self.notes.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        Ended { code: status.code().unwrap_or(-1), stdout, stderr: self.seen.join("\n") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `polymqtt` to its end without input.
pub(crate) fn run(url: &str, arguments: &[&str]) -> Ended {
    Running::start(url, arguments).end()
}

/// Publishes, and waits until the server has it.
pub(crate) fn publish(url: &str, topic: &str, arguments: &[&str]) {
    let ended = run(url, &[&["pub", "-W", "30", "-q", "1", "-t", topic], arguments].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}
