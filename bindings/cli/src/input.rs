//! Messages to publish as they come in: one for a whole file, or one a line.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use polymqtt::Message;
use tokio::sync::mpsc;

use crate::exit::Failure;

/// Most lines that are handed over together.
const LINES_AT_ONCE: usize = 256;

/// Hand-overs that may wait: with it the reader is at most some thousand lines ahead of the connection.
const WAITING: usize = 4;

/// The longest line, in bytes: the largest payload of MQTT (section 2.1.4).
const LONGEST_LINE: u64 = 268_435_455;

/// Something that came in, with the number of its line.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) line: u64,
    /// The message, or in one line for people why the line is none.
    pub(crate) message: Result<Message, String>,
}

/// Reads lines on a thread of its own: reading a terminal or pipe blocks, and can't be called off.
///
/// A line's end is its line feed, which is not part of it. `parse` makes a message of a line.
pub(crate) fn lines<R, P>(from: R, parse: P) -> mpsc::Receiver<Vec<Entry>>
where
    R: Read + Send + 'static,
    P: Fn(Vec<u8>) -> Result<Message, String> + Send + 'static,
{
    let (entries, receiver) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        let mut reader = BufReader::with_capacity(64 * 1024, from);
        let mut line = 0;
        while let Some(batch) = next_batch(&mut reader, &mut line, &parse) {
            if entries.blocking_send(batch).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The lines that can be had without waiting for more than the first; `None` at the end.
fn next_batch<R, P>(reader: &mut BufReader<R>, line: &mut u64, parse: &P) -> Option<Vec<Entry>>
where
    R: Read,
    P: Fn(Vec<u8>) -> Result<Message, String>,
{
    let mut batch = Vec::new();
    loop {
        *line += 1;
        let message = match next_line(reader) {
            Ok(Some(bytes)) => parse(bytes),
            Ok(None) => break,
            Err(error) => {
                batch.push(Entry { line: *line, message: Err(format!("it can't be read: {error}")) });
                break;
            }
        };
        batch.push(Entry { line: *line, message });
        if batch.len() == LINES_AT_ONCE || !reader.buffer().contains(&b'\n') {
            break;
        }
    }
    Some(batch).filter(|batch| !batch.is_empty())
}

fn next_line<R: Read>(reader: &mut BufReader<R>) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(LONGEST_LINE + 1).read_until(b'\n', &mut bytes)?;
    match bytes.last() {
        None => return Ok(None),
        Some(b'\n') => {
            bytes.pop();
        }
        Some(_) if bytes.len() as u64 > LONGEST_LINE => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it is longer than the {LONGEST_LINE} bytes of the largest payload"),
            ));
        }
        // The last line needs no line feed.
        Some(_) => {}
    }
    Ok(Some(bytes))
}

/// The one payload that the arguments name: the content of a file, of standard input, or else a text.
pub(crate) fn payload(text: Option<&str>, file: Option<&Path>, stdin: bool) -> Result<Vec<u8>, Failure> {
    if let Some(path) = file {
        return std::fs::read(path)
            .map_err(|error| Failure::usage(format!("--file {}: {error}", path.display())));
    }
    let mut payload = text.unwrap_or_default().as_bytes().to_vec();
    if stdin {
        io::stdin()
            .read_to_end(&mut payload)
            .map_err(|error| Failure::usage(format!("standard input can't be read: {error}")))?;
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads(text: &str) -> Vec<String> {
        let mut entries = lines(io::Cursor::new(text.to_owned()), |bytes| {
            Message::new("t", bytes).map_err(|error| error.to_string())
        });
        let mut all = Vec::new();
        while let Some(batch) = entries.blocking_recv() {
            for entry in batch {
                assert_eq!(entry.line, all.len() as u64 + 1);
                all.push(entry.message.unwrap().text().unwrap().to_owned());
            }
        }
        all
    }

    #[test]
    fn a_line_is_a_message() {
        assert_eq!(payloads("one\n\ntwo\r\nthree"), ["one", "", "two\r", "three"]);
        assert!(payloads("").is_empty());
    }

    #[test]
    fn more_lines_than_are_handed_over_together() {
        let text: String = (0..1000).map(|line| format!("{line}\n")).collect();
        let payloads = payloads(&text);
        assert_eq!(payloads.len(), 1000);
        assert_eq!(payloads[999], "999");
    }
}
