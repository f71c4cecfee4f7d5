//! Asking the program who the client is, before each attempt to connect.

use std::future::Future;
use std::pin::Pin;

use polymqtt_proto::error::Error;
use polymqtt_proto::options::{Credentials, Server};

/// An attempt to connect that credentials are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Where to: a server of the options, or one that a redirect leads to where
    /// [other hosts are trusted](crate::RedirectOptions::trust_other_hosts).
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
