//! Asking the program who the client is, before each attempt to connect.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use polymqtt_proto::engine::{Answer, RequestId};
use polymqtt_proto::error::{Error, ErrorKind};
use polymqtt_proto::options::{Credentials, Server};
use tokio::task::JoinHandle;

/// An attempt to connect that credentials are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Where to. After a redirect this may be a server that the options do not name.
    pub server: Server,
    /// Counts attempts since the last connection, from 1.
    pub number: u32,
}

/// Gives the credentials of each attempt to connect, such as a token that expires; set by
/// [`Connect::credentials`](crate::Connect::credentials). Closures that take an [`Attempt`] and return a future of
/// `Result<Credentials, Error>` are providers.
///
/// It runs in a task of its own, which ends with the attempt: [`Options::connect_timeout`](crate::Options) covers it.
/// Its error is the attempt's, so that [its kind](Error::kind) decides whether another attempt follows; a panic counts
/// as an error. It must not block its thread.
pub trait CredentialsProvider: Send + Sync + 'static {
    /// The credentials for this attempt.
    fn credentials(&self, attempt: Attempt) -> ProvidedCredentials;
}

/// The future of a [`CredentialsProvider`].
pub type ProvidedCredentials = Pin<Box<dyn Future<Output = Result<Credentials, Error>> + Send>>;

impl<P, F> CredentialsProvider for P
where
    P: Fn(Attempt) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Credentials, Error>> + Send + 'static,
{
    fn credentials(&self, attempt: Attempt) -> ProvidedCredentials {
        Box::pin(self(attempt))
    }
}

/// A provider at work for one attempt; dropping this ends it.
#[derive(Debug)]
pub(crate) struct Asking {
    request: RequestId,
    task: JoinHandle<Result<Credentials, Error>>,
}

impl Asking {
    /// Starts the provider's task. The provider's own code runs within it only: a panic is caught there.
    pub(crate) fn start(
        request: RequestId,
        provider: &Arc<dyn CredentialsProvider>,
        attempt: Attempt,
    ) -> Self {
        let provider = Arc::clone(provider);
        let task = tokio::spawn(async move { provider.credentials(attempt).await });
        Self { request, task }
    }

    /// The request that waits for it.
    pub(crate) fn request(&self) -> RequestId {
        self.request
    }

    /// The engine's answer, once.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        Pin::new(&mut self.task).poll(cx).map(|outcome| match outcome {
            Ok(Ok(credentials)) => Answer::Credentials(credentials),
            Ok(Err(error)) => Answer::Failed(error),
            Err(_panicked) => {
                Answer::Failed(Error::new(ErrorKind::Unsupported, "the provider of credentials has panicked"))
            }
        })
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.task.abort();
    }
}
