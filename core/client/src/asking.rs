//! Questions of the engine on their way to whoever answers them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use polymqtt_proto::engine::{Answer, Request, RequestId};
use polymqtt_proto::error::{Error, ErrorKind};
use tokio::task::JoinHandle;

use crate::connect::Hooks;
use crate::credentials::Attempt;

/// A question that is being answered; dropping this ends it.
#[derive(Debug)]
pub(crate) struct Asking {
    request: RequestId,
    /// Who answers, for people.
    who: &'static str,
    task: JoinHandle<Result<Answer, Error>>,
}

impl Asking {
    /// Starts a task that answers. Code of the user's runs within it only: a panic is caught there.
    pub(crate) fn start(request: RequestId, question: Request, hooks: &Hooks) -> Self {
        let (who, task) = match question {
            Request::Credentials { server, attempt: number } => {
                let provider = hooks.credentials.clone();
                let task = tokio::spawn(async move {
                    let provider = provider.ok_or_else(|| nobody("credentials"))?;
                    provider.credentials(Attempt { server, number }).await.map(Answer::Credentials)
                });
                ("the provider of credentials", task)
            }
            Request::Authenticate(step) => {
                let authenticator = hooks.authenticator.clone();
                let task = tokio::spawn(async move {
                    let authenticator = authenticator.ok_or_else(|| nobody("its authentication method"))?;
                    authenticator.authenticate(*step).await.map(Answer::Authenticate)
                });
                ("the authenticator", task)
            }
            Request::DeriveKeys(derivation) => {
                // Long, and pure: nobody minds when nobody waits for it any more.
                let task = tokio::task::spawn_blocking(move || Ok(Answer::Keys(derivation.derive())));
                ("the derivation of keys", task)
            }
            Request::Randomness => {
                // Reading the system's randomness may block at boot.
                ("the source of randomness", tokio::task::spawn_blocking(randomness))
            }
            _ => ("nobody", tokio::spawn(async { Err(nobody("this")) })),
        };
        Self { request, who, task }
    }

    /// The request that waits for it.
    pub(crate) fn request(&self) -> RequestId {
        self.request
    }

    /// The answer, once.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        Pin::new(&mut self.task).poll(cx).map(|outcome| match outcome {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Answer::Failed(error),
            Err(_panicked) => {
                let what = format!("{} has panicked", self.who);
                Answer::Failed(Error::new(ErrorKind::Unsupported, what))
            }
        })
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn nobody(what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("this client has nobody to ask for {what}"))
}

fn randomness() -> Result<Answer, Error> {
    let mut random = [0; 24];
    let source = rustls::crypto::ring::default_provider().secure_random;
    source.fill(&mut random).map_err(|_unspecified| {
        Error::new(ErrorKind::Unsupported, "the system has no cryptographic randomness")
    })?;
    Ok(Answer::Randomness(random))
}
