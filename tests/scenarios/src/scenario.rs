//! The format of a scenario: a title, what it shows, and steps, a line each. See the README of this crate.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::words::{self, Word, Words};

/// A scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its first line.
    pub title: String,
    /// Why only the engine plays it, in virtual time; `None` when every host does.
    pub engine_only: Option<String>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// A step and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The number of its line, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// What it says.
    pub act: Act,
}

/// What a step says.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// The host is told to do something; the outcome is looked at by a later step, under this name.
    Client {
        /// What.
        verb: String,
        /// With what.
        words: Words,
        /// The name of its outcome, and of what it gives.
        name: String,
    },
    /// The host is given the answer to its question.
    Answer {
        /// What it is answered.
        fields: Map<String, Value>,
        /// The kind of error that is answered instead, if one is.
        error: Option<String>,
    },
    /// The command of this name has succeeded, or does within the patience of the player.
    Succeeds {
        /// Whose outcome.
        name: String,
        /// What it must say.
        fields: Map<String, Value>,
    },
    /// The command has failed.
    Fails {
        /// Whose outcome.
        name: String,
        /// The kind of the error.
        kind: String,
        /// What it must say beside.
        fields: Map<String, Value>,
    },
    /// The command has no outcome, and gets none for this time.
    Waits {
        /// Whose outcome.
        name: String,
        /// For how long.
        during: Duration,
    },
    /// The next message of a stream.
    Receives {
        /// The stream.
        stream: String,
        /// Topic and payload, and other fields.
        words: Words,
        /// What the message is called from then on.
        name: Option<String>,
    },
    /// The stream has no message, and gets none for this time.
    ReceivesNothing {
        /// The stream.
        stream: String,
        /// For how long.
        during: Duration,
    },
    /// The stream ends.
    Ends {
        /// The stream.
        stream: String,
        /// With this error; in order when there is none.
        kind: Option<String>,
        /// What the error must say beside.
        fields: Map<String, Value>,
    },
    /// The next event of this kind; others before it are passed over.
    Event {
        /// Which.
        kind: String,
        /// What it must say.
        fields: Map<String, Value>,
    },
    /// The host asks its program.
    Asked {
        /// For what.
        what: String,
        /// What the question must say.
        fields: Map<String, Value>,
    },
    /// The broker's part.
    Broker {
        /// The server that a new connection is expected at, where there are several.
        server: Option<String>,
        /// What it does.
        act: BrokerAct,
    },
    /// Nothing is done for this time.
    Wait(Duration),
}

/// What the broker does.
#[derive(Debug, Clone, PartialEq)]
pub enum BrokerAct {
    /// Takes the next packet, which must be this one.
    Expects(PacketWords),
    /// Gets nothing for this time.
    ExpectsNothing(Duration),
    /// Sees the end of the connection.
    ExpectsClose,
    /// Sends a packet.
    Sends(PacketWords),
    /// Sends bytes.
    SendsBytes(Vec<u8>),
    /// Takes CONNECT and answers with a CONNACK of these words.
    Accepts(Words),
    /// Takes the next SUBSCRIBE, which must be so, and grants what it asks for.
    Grants(PacketWords),
    /// Plays the server of SCRAM-SHA-256 from CONNECT to CONNACK.
    Authenticates(Map<String, Value>),
    /// Closes the connection.
    Closes,
}

/// A packet as a script tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct PacketWords {
    /// The specification's name of its type.
    pub packet: String,
    /// Its fields.
    pub words: Words,
    /// The earlier packet whose packet identifier it has.
    pub to: Option<String>,
    /// What it is called from then on.
    pub name: Option<String>,
}

/// A line that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}: {text}")]
pub struct ScenarioError {
    /// The number of the line, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// What is wrong, and what is allowed.
    pub what: String,
}

/// The longest time that a scenario for real sockets may name.
const LONGEST_REAL_WAIT: Duration = Duration::from_secs(1);

/// How long "nothing happens" is watched where the line does not say.
const A_WHILE: Duration = Duration::from_millis(50);

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// The first line that can't be read.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let mut scenario = Self { title: String::new(), engine_only: None, steps: Vec::new() };
        for (index, text) in text.lines().enumerate() {
            let error = |what: String| ScenarioError { line: index + 1, text: text.to_owned(), what };
            let line = text.trim();
            if let Some(comment) = line.strip_prefix('#') {
                if scenario.title.is_empty() {
                    comment.trim().clone_into(&mut scenario.title);
                }
            } else if let Some(why) = line.strip_prefix("engine only:") {
                scenario.engine_only = Some(why.trim().to_owned());
            } else if !line.is_empty() {
                let act = act(line).map_err(error)?;
                scenario.check_wait(&act).map_err(error)?;
                scenario.steps.push(Step { line: index + 1, text: line.to_owned(), act });
            }
        }
        if scenario.title.is_empty() || scenario.steps.is_empty() {
            let what = "a scenario begins with its title behind a # and has steps".to_owned();
            return Err(ScenarioError { line: 1, text: String::new(), what });
        }
        Ok(scenario)
    }

    fn check_wait(&self, act: &Act) -> Result<(), String> {
        let (Act::Wait(wait)
        | Act::Waits { during: wait, .. }
        | Act::ReceivesNothing { during: wait, .. }
        | Act::Broker { act: BrokerAct::ExpectsNothing(wait), .. }) = act
        else {
            return Ok(());
        };
        if self.engine_only.is_none() && *wait > LONGEST_REAL_WAIT {
            return Err(
                "a wait of more than a second is for scenarios that say `engine only: why`".to_owned()
            );
        }
        Ok(())
    }
}

fn act(line: &str) -> Result<Act, String> {
    let mut words = Line(words::split(line)?);
    let subject = words.keyword()?;
    match subject.as_str() {
        "client" => client(words),
        "broker" => broker(words),
        "wait" => Ok(Act::Wait(words.duration()?)),
        "event" => Ok(Act::Event { kind: words.keyword()?, fields: words.fields()? }),
        "asked" => {
            words.expect("for")?;
            Ok(Act::Asked { what: words.keyword()?, fields: words.fields()? })
        }
        "answer" => {
            let error = words.take("error").then(|| words.keyword()).transpose()?;
            Ok(Act::Answer { fields: words.fields()?, error })
        }
        _ => outcome(subject, words),
    }
}

fn client(mut words: Line) -> Result<Act, String> {
    let verb = words.keyword()?;
    let name = words.behind("as")?.unwrap_or_else(|| verb.clone());
    Ok(Act::Client { verb, words: words.rest()?, name })
}

fn outcome(name: String, mut words: Line) -> Result<Act, String> {
    match words.keyword()?.as_str() {
        "succeeds" => Ok(Act::Succeeds { name, fields: words.fields()? }),
        "fails" => Ok(Act::Fails { name, kind: words.keyword()?, fields: words.fields()? }),
        "waits" => Ok(Act::Waits { name, during: words.while_for()? }),
        "ends" => {
            let kind = words.take("with").then(|| words.keyword()).transpose()?;
            Ok(Act::Ends { stream: name, kind, fields: words.fields()? })
        }
        "receives" if words.take("nothing") => {
            Ok(Act::ReceivesNothing { stream: name, during: words.while_for()? })
        }
        "receives" => {
            let message = words.behind("as")?;
            Ok(Act::Receives { stream: name, words: words.rest()?, name: message })
        }
        other => Err(format!("{other:?} is none of succeeds, fails, waits, receives, ends")),
    }
}

fn broker(mut words: Line) -> Result<Act, String> {
    let verbs = ["expects", "sends", "accepts", "grants", "authenticates", "closes"];
    let mut verb = words.keyword()?;
    let mut server = None;
    if !verbs.contains(&verb.as_str()) {
        server = Some(std::mem::replace(&mut verb, words.keyword()?));
    }
    let act = match verb.as_str() {
        "expects" if words.take("nothing") => BrokerAct::ExpectsNothing(words.while_for()?),
        "expects" if words.take("close") => BrokerAct::ExpectsClose,
        "expects" => BrokerAct::Expects(words.packet()?),
        "sends" if words.take("bytes") => BrokerAct::SendsBytes(words.bytes()?),
        "sends" => BrokerAct::Sends(words.packet()?),
        "accepts" => BrokerAct::Accepts(words.rest()?),
        "grants" => {
            words.0.insert(0, Word { name: None, value: Value::from("SUBSCRIBE") });
            BrokerAct::Grants(words.packet()?)
        }
        "authenticates" => BrokerAct::Authenticates(words.fields()?),
        "closes" => BrokerAct::Closes,
        other => return Err(format!("a broker does not {other:?}: it {}", verbs.join(", "))),
    };
    Ok(Act::Broker { server, act })
}

/// The words of a line that are not taken yet.
struct Line(Vec<Word>);

impl Line {
    /// The next word, which is no value.
    fn keyword(&mut self) -> Result<String, String> {
        if self.0.is_empty() {
            return Err("the line ends too early".to_owned());
        }
        match self.0.remove(0) {
            Word { name: None, value: Value::String(word) } => Ok(word),
            Word { value, .. } => Err(format!("{value} stands where a keyword belongs")),
        }
    }

    /// Takes this keyword, if it is the next.
    fn take(&mut self, keyword: &str) -> bool {
        let next = self.0.first().is_some_and(|word| word.name.is_none() && word.value == keyword);
        if next {
            self.0.remove(0);
        }
        next
    }

    fn expect(&mut self, keyword: &str) -> Result<(), String> {
        if self.take(keyword) { Ok(()) } else { Err(format!("{keyword:?} is missing")) }
    }

    fn duration(&mut self) -> Result<Duration, String> {
        let word = if self.0.is_empty() { None } else { Some(self.0.remove(0).value) };
        let seconds = word.as_ref().and_then(Value::as_f64);
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .ok_or_else(|| "a time is missing, such as 100ms".to_owned())
    }

    /// `for 100ms`, or nothing.
    fn while_for(&mut self) -> Result<Duration, String> {
        let during = if self.take("for") { self.duration()? } else { A_WHILE };
        self.end()?;
        Ok(during)
    }

    /// The word behind the last `keyword`, if the line has that near its end.
    fn behind(&mut self, keyword: &str) -> Result<Option<String>, String> {
        let found = self.0.iter().rposition(|word| word.name.is_none() && word.value == keyword);
        let Some(at) = found.filter(|at| at + 2 == self.0.len()) else {
            return Ok(None);
        };
        let mut rest = Self(self.0.split_off(at + 1));
        self.0.pop();
        rest.keyword().map(Some)
    }

    fn packet(mut self) -> Result<PacketWords, String> {
        let packet = self.keyword()?;
        let name = self.behind("as")?;
        let to = self.behind("to")?;
        Ok(PacketWords { packet, words: self.rest()?, to, name })
    }

    fn rest(self) -> Result<Words, String> {
        Words::new(self.0)
    }

    fn fields(self) -> Result<Map<String, Value>, String> {
        let words = self.rest()?;
        match words.positional.first() {
            None => Ok(words.named),
            Some(word) => Err(format!("{word} has no name")),
        }
    }

    fn bytes(self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        for word in self.rest()?.positional {
            let digits = word.as_str().map_or_else(|| word.to_string(), ToOwned::to_owned);
            let byte = u8::from_str_radix(&digits, 16);
            bytes.push(
                byte.map_err(|error| format!("{digits:?} is no byte of two hexadecimal digits: {error}"))?,
            );
        }
        Ok(bytes)
    }

    fn end(&self) -> Result<(), String> {
        match self.0.first() {
            None => Ok(()),
            Some(word) => Err(format!("{} is one word too many", word.value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines() {
        let scenario = Scenario::parse(
            "# A title\n# more\n\nclient publish a \"b c\" qos=1 as p\nbroker b expects PUBLISH a to x as y\n\
             p fails not_authorized reason_code=0x87\nclient connect\nbroker sends bytes 00 ff 10\n",
        )
        .unwrap();
        assert_eq!(scenario.title, "A title");
        let acts: Vec<_> = scenario.steps.iter().map(|step| &step.act).collect();
        let Act::Client { verb, words, name } = acts[0] else { panic!("{acts:?}") };
        assert_eq!((verb.as_str(), name.as_str()), ("publish", "p"));
        assert_eq!(words.positional, [json!("a"), json!("b c")]);
        let Act::Broker { server: Some(server), act: BrokerAct::Expects(packet) } = acts[1] else {
            panic!("{acts:?}")
        };
        assert_eq!(
            (server.as_str(), packet.to.as_deref(), packet.name.as_deref()),
            ("b", Some("x"), Some("y"))
        );
        assert!(matches!(acts[3], Act::Client { name, .. } if name == "connect"));
        let bytes = Act::Broker { server: None, act: BrokerAct::SendsBytes(vec![0, 0xFF, 0x10]) };
        assert_eq!(*acts[4], bytes);
    }

    #[test]
    fn errors_name_the_line() {
        for (text, line) in [
            ("", 1),
            ("# A\nclient", 2),
            ("# A\n\np1 sings", 3),
            ("# A\nbroker sends bytes 1z", 2),
            ("# A\nwait 2s", 2),
            ("# A\nbroker dances around", 2),
            ("# A\np succeeds 0x00", 2),
        ] {
            assert_eq!(Scenario::parse(text).unwrap_err().line, line, "{text}");
        }
        assert!(Scenario::parse("# A\nengine only: minutes\nwait 2min").is_ok());
    }
}
