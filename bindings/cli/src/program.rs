//! A program of the user's that makes the answer to a request: payload on standard input, answer on standard output.

use std::process::Stdio;
use std::time::Duration;

use polymqtt::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// The largest payload of MQTT (section 2.1.4), in bytes.
const LARGEST_ANSWER: u64 = 268_435_455;

/// What to run for each request.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// For the shell.
    pub(crate) command: String,
    /// How long it may take.
    pub(crate) limit: Duration,
    /// Whether the line feed at the end of its output is part of the answer.
    pub(crate) keeps_line_feed: bool,
}

impl Program {
    /// Runs it for this request; gives what it wrote.
    ///
    /// Dropping the future kills it with everything that it has started.
    ///
    /// # Errors
    /// One line for people: it can't be started, failed, or took too long.
    pub(crate) async fn run(&self, request: &Message) -> Result<Vec<u8>, String> {
        let limit = self.limit;
        tokio::time::timeout(limit, self.answer(request))
            .await
            .unwrap_or_else(|_late| Err(format!("the command took longer than {} s", limit.as_secs())))
    }

    async fn answer(&self, request: &Message) -> Result<Vec<u8>, String> {
        let cannot = |what: &str, error: std::io::Error| format!("the command can't be {what}: {error}");
        let child = self.shell(request).spawn().map_err(|error| cannot("started", error))?;
        let mut group = Group(child);
        let (stdin, stdout) = (group.0.stdin.take(), group.0.stdout.take());
        // At once, since a command that writes before it has read all would wait for us as we for it.
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A command need not read what it does not need.
                let _unread = stdin.write_all(request.payload()).await;
            }
        };
        let mut answer = Vec::new();
        let collect = async {
            match stdout {
                Some(stdout) => stdout.take(LARGEST_ANSWER + 1).read_to_end(&mut answer).await.map(drop),
                None => Ok(()),
            }
        };
        let ((), collected) = tokio::join!(feed, collect);
        collected.map_err(|error| cannot("read", error))?;
        if answer.len() as u64 > LARGEST_ANSWER {
            return Err(format!("the command wrote more than {LARGEST_ANSWER} bytes"));
        }
        let status = group.0.wait().await.map_err(|error| cannot("waited for", error))?;
        if !status.success() {
            return Err(format!("the command failed: {status}"));
        }
        if !self.keeps_line_feed && answer.last() == Some(&b'\n') {
            answer.pop();
        }
        Ok(answer)
    }

    fn shell(&self, request: &Message) -> Command {
        let (shell, option) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
        let mut command = Command::new(shell);
        command.arg(option).arg(&self.command);
        // In the environment, never in the command's text: whoever asks chooses them.
        command.env("POLYMQTT_TOPIC", request.topic());
        match request.content_type() {
            Some(content_type) => command.env("POLYMQTT_CONTENT_TYPE", content_type),
            None => command.env_remove("POLYMQTT_CONTENT_TYPE"),
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        command
    }
}

/// A shell that leads a group of processes; dropping it ends them all.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal, kill_process_group};

            // None once it was waited for: then the number may be somebody else's.
            let id = self.0.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
            // Whoever has ended meanwhile can't be killed.
            let _ended = id.map(|id| kill_process_group(id, Signal::KILL));
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn program(command: &str) -> Program {
        Program { command: command.to_owned(), limit: Duration::from_secs(20), keeps_line_feed: false }
    }

    async fn run(program: &Program) -> Result<String, String> {
        let request = Message::new("rows/$(7)", "in").map_err(|error| error.to_string())?;
        String::from_utf8(program.run(&request).await?).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn payload_and_topic_go_in_and_the_output_comes_out() {
        assert_eq!(run(&program("cat; echo \" $POLYMQTT_TOPIC\"")).await.unwrap(), "in rows/$(7)");
        let exact = Program { keeps_line_feed: true, ..program("echo x") };
        assert_eq!(run(&exact).await.unwrap(), "x\n");
    }

    #[tokio::test]
    async fn more_than_a_pipe_holds_goes_both_ways() {
        let request = Message::new("t", vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(program("cat").run(&request).await.unwrap().len(), 1 << 20);
        // Who does not read it need not.
        assert_eq!(program("echo done").run(&request).await.unwrap(), b"done");
    }

    #[tokio::test]
    async fn a_failure_is_no_answer() {
        assert!(run(&program("echo x; exit 3")).await.unwrap_err().contains("exit status: 3"));
        let short = Program { limit: Duration::from_millis(50), ..program("sleep 100 | sleep 100") };
        assert!(run(&short).await.unwrap_err().contains("longer than"));
    }
}
