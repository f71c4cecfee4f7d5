//! What the client asks the program: credentials, and the steps of an authentication method. A question goes to the host
//! like news, and is answered by its number: no code of the program runs on a thread of the runtime.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Wake;

use polymqtt::{Attempt, AuthenticationReply, AuthenticationStep, Connect, Credentials, Error, ErrorKind};
use tokio::sync::oneshot;

use crate::bell::Bell;

/// A question to the program.
#[derive(Debug)]
pub enum Question {
    /// Which credentials to use for this attempt.
    Credentials(Attempt),
    /// The client's part of this step of the authentication method.
    Authentication(AuthenticationStep),
    /// Nobody waits any more for the answer to the question with this number.
    Withdrawn,
}

/// What the program answers.
#[derive(Debug)]
pub enum Answer {
    /// Use these.
    Credentials(Credentials),
    /// The client's part of the step.
    Authentication(AuthenticationReply),
    /// The program can't say: the attempt fails with this error.
    Failed(Error),
}

/// The questions of one client.
#[derive(Debug)]
pub(crate) struct Questions {
    bell: Arc<Bell>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    number: u64,
    asked: VecDeque<(u64, Question)>,
    unanswered: BTreeMap<u64, oneshot::Sender<Answer>>,
}

impl Questions {
    pub(crate) fn new(bell: Arc<Bell>) -> Arc<Self> {
        Arc::new(Self { bell, open: Mutex::default() })
    }

    /// Has the client ask here for credentials.
    pub(crate) fn ask_for_credentials(self: &Arc<Self>, connect: Connect) -> Connect {
        let questions = Arc::clone(self);
        connect.credentials(move |attempt| {
            let answer = questions.ask(Question::Credentials(attempt));
            async move {
                match answer.await {
                    Some(Answer::Credentials(credentials)) => Ok(credentials),
                    Some(Answer::Failed(error)) => Err(error),
                    Some(Answer::Authentication(_)) | None => Err(unanswered("the provider of credentials")),
                }
            }
        })
    }

    /// Has the client ask here for each step of the method.
    pub(crate) fn ask_for_authentication(self: &Arc<Self>, connect: Connect, method: &str) -> Connect {
        let questions = Arc::clone(self);
        connect.authenticator(method, move |step| {
            let answer = questions.ask(Question::Authentication(step));
            async move {
                match answer.await {
                    Some(Answer::Authentication(reply)) => Ok(reply),
                    Some(Answer::Failed(error)) => Err(error),
                    Some(Answer::Credentials(_)) | None => Err(unanswered("the authenticator")),
                }
            }
        })
    }

    /// The questions that the host has not seen; each by the number to answer it with.
    pub(crate) fn take(&self) -> Vec<(u64, Question)> {
        self.open().asked.drain(..).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open().asked.is_empty()
    }

    /// Answers a question; one that nobody waits for any more is forgotten.
    pub(crate) fn answer(&self, number: u64, answer: Answer) {
        if let Some(waiting) = self.open().unanswered.remove(&number) {
            let _too_late = waiting.send(answer);
        }
    }

    fn ask(self: &Arc<Self>, question: Question) -> impl Future<Output = Option<Answer>> + use<> {
        let (sender, receiver) = oneshot::channel();
        let mut open = self.open();
        open.number += 1;
        let number = open.number;
        open.unanswered.insert(number, sender);
        open.asked.push_back((number, question));
        drop(open);
        self.bell.wake_by_ref();
        let waiting = Waiting { questions: Arc::clone(self), number };
        async move {
            let answer = receiver.await.ok();
            drop(waiting);
            answer
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt waits for the answer; dropped with it.
struct Waiting {
    questions: Arc<Questions>,
    number: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Self { questions, number } = self;
        let mut open = questions.open();
        if open.unanswered.remove(number).is_some() {
            open.asked.push_back((*number, Question::Withdrawn));
            drop(open);
            questions.bell.wake_by_ref();
        }
    }
}

fn unanswered(who: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{who} gave no answer"))
}
