//! Where what the program says leaves from, and the answers to its questions arrive.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use polymqtt::{Attempt, AuthenticationReply, AuthenticationStep, Credentials, Error, ErrorKind};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::host::{self, Fields};

#[derive(Debug)]
pub(super) struct Desk {
    reports: UnboundedSender<Value>,
    questions: Mutex<Questions>,
}

#[derive(Debug, Default)]
struct Questions {
    last: u64,
    open: BTreeMap<u64, oneshot::Sender<Fields>>,
}

impl Desk {
    pub(super) fn new(reports: UnboundedSender<Value>) -> Self {
        Self { reports, questions: Mutex::default() }
    }

    /// The outcome of a command.
    pub(super) fn report(&self, id: u64, outcome: Result<Value, Error>) {
        self.say(match outcome {
            Ok(ok) => json!({ "id": id, "ok": ok }),
            Err(error) => json!({ "id": id, "error": host::error(&error) }),
        });
    }

    pub(super) fn say(&self, line: Value) {
        // The broker is gone when the play is over.
        let _over = self.reports.send(line);
    }

    /// An answer has come.
    pub(super) fn answered(&self, fields: &Fields) {
        let number = fields.get("answer").and_then(Value::as_u64).unwrap_or_default();
        let question = self.questions.lock().unwrap_or_else(PoisonError::into_inner).open.remove(&number);
        if let Some(question) = question {
            // Who asked may have given up.
            let _late = question.send(fields.clone());
        }
    }

    pub(super) async fn credentials(&self, attempt: Attempt) -> Result<Credentials, Error> {
        let answer = self.ask(|number| host::attempt(number, &attempt.server, attempt.number)).await?;
        host::credentials(&answer)
    }

    pub(super) async fn authentication(
        &self,
        step: AuthenticationStep,
    ) -> Result<AuthenticationReply, Error> {
        let answer = self.ask(|number| host::step(number, &step)).await?;
        Ok(host::reply(&answer))
    }

    async fn ask(&self, question: impl FnOnce(u64) -> Value) -> Result<Fields, Error> {
        let (sender, answer) = oneshot::channel();
        let number = {
            let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
            questions.last += 1;
            let number = questions.last;
            questions.open.insert(number, sender);
            number
        };
        self.say(question(number));
        let Ok(answer) = answer.await else {
            return Err(Error::new(ErrorKind::Closed, "the play is over"));
        };
        host::error_named(&answer).map_or(Ok(answer), Err)
    }
}
