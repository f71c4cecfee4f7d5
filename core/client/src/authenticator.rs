//! Authentication methods that the program speaks itself (v5, section 4.12).

use std::future::Future;
use std::pin::Pin;

use polymqtt_proto::connection::{AuthenticationReply, AuthenticationStep};
use polymqtt_proto::error::Error;

/// The client's side of an authentication method; set by [`Connect::authenticator`](crate::Connect::authenticator).
/// Closures that take an [`AuthenticationStep`] and return a future of `Result<AuthenticationReply, Error>` are
/// authenticators. SCRAM-SHA-256 needs none: see [`Authentication::ScramSha256`](crate::Authentication).
///
/// It is asked for each step in turn, [the stage](crate::AuthenticationStage) says which; after
/// [`Complete`](crate::AuthenticationStage::Complete) the client trusts the server, so that a method which authenticates
/// the server too must verify its last data there.
///
/// It runs in a task of its own, which ends with the attempt: [`Options::connect_timeout`](crate::Options) covers it. Its
/// error ends the attempt or the connection, so that [its kind](Error::kind) decides whether another attempt follows; a
/// panic counts as an error. It must not block its thread.
pub trait Authenticator: Send + Sync + 'static {
    /// The client's part of this step.
    fn authenticate(&self, step: AuthenticationStep) -> Authenticating;
}

/// The future of an [`Authenticator`].
pub type Authenticating = Pin<Box<dyn Future<Output = Result<AuthenticationReply, Error>> + Send>>;

impl<A, F> Authenticator for A
where
    A: Fn(AuthenticationStep) -> F + Send + Sync + 'static,
    F: Future<Output = Result<AuthenticationReply, Error>> + Send + 'static,
{
    fn authenticate(&self, step: AuthenticationStep) -> Authenticating {
        Box::pin(self(step))
    }
}
