//! Where messages and notes go: standard output for messages, flushed as they come, standard error for people.

use std::fmt;
use std::io::{self, Write};

use polymqtt::Message;

use crate::json_line;

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The payload and a line feed.
    Payload,
    /// The payload alone.
    BarePayload,
    /// Topic, space, payload, line feed.
    TopicAndPayload,
    /// A JSON object and a line feed.
    Json,
}

/// Writes messages so that whoever reads the pipe sees them at once.
pub(crate) struct Output<W> {
    form: Form,
    to: W,
    /// Kept for its memory only.
    block: Vec<u8>,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(form: Form, to: W) -> Self {
        Self { form, to, block: Vec::new() }
    }

    /// Writes all of them at once and flushes: on return the reader has them.
    pub(crate) fn write<'a>(&mut self, messages: impl IntoIterator<Item = &'a Message>) -> io::Result<()> {
        self.block.clear();
        for message in messages {
            self.append(message)?;
        }
        self.to.write_all(&self.block)?;
        self.to.flush()
    }

    fn append(&mut self, message: &Message) -> io::Result<()> {
        match self.form {
            Form::Json => return json_line::write(message, &mut self.block).map_err(Into::into),
            Form::TopicAndPayload => {
                self.block.extend_from_slice(message.topic().as_bytes());
                self.block.push(b' ');
            }
            Form::Payload | Form::BarePayload => {}
        }
        self.block.extend_from_slice(message.payload());
        if self.form != Form::BarePayload {
            self.block.push(b'\n');
        }
        Ok(())
    }
}

/// Writes a line to standard error; who closed that does not want it. In one piece: standard error is not buffered, and
/// the process may end, or another one write there, between two.
pub(crate) fn note(line: impl fmt::Display) {
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Completes once nobody reads standard output any more, so that `polymqtt sub | head -n 1` ends without waiting for
/// a second message. Where that can't be known, it never completes.
pub(crate) async fn closed() {
    #[cfg(unix)]
    {
        use rustix::event::{PollFd, PollFlags, poll};

        let (tell, told) = tokio::sync::oneshot::channel();
        // A thread of its own: the wait has no end, and a pool of threads would wait for it.
        std::thread::spawn(move || {
            let stdout = io::stdout();
            let mut descriptors = [PollFd::new(&stdout, PollFlags::empty())];
            loop {
                match poll(&mut descriptors, None) {
                    Ok(_) => break tell.send(()),
                    Err(rustix::io::Errno::INTR) => {}
                    Err(_) => break Ok(()),
                }
            }
        });
        if told.await.is_ok() {
            return;
        }
    }
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form) -> String {
        let mut to = Vec::new();
        let message = Message::new("a/b", "c").unwrap();
        Output::new(form, &mut to).write([&message, &message]).unwrap();
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn forms() {
        assert_eq!(written(Form::Payload), "c\nc\n");
        assert_eq!(written(Form::BarePayload), "cc");
        assert_eq!(written(Form::TopicAndPayload), "a/b c\na/b c\n");
        assert_eq!(written(Form::Json).lines().count(), 2);
    }
}
