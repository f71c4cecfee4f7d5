//! Connecting: what a client is given beside its options, then the wait for the first connection.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use polymqtt_proto::error::Error;
#[cfg(doc)]
use polymqtt_proto::error::ErrorKind;
use polymqtt_proto::options::{Authentication, Options};

use crate::authenticator::Authenticator;
use crate::client::Client;
use crate::credentials::CredentialsProvider;

/// A connection being prepared by [`Client::connect`]: give it what [`Options`] can't hold, then await it.
#[must_use = "nothing is connected until it is awaited"]
pub struct Connect {
    options: Result<Options, Error>,
    hooks: Hooks,
}

/// Code of the user's that the client asks.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) credentials: Option<Arc<dyn CredentialsProvider>>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
}

impl Connect {
    pub(crate) fn new(options: Result<Options, Error>) -> Self {
        Self { options, hooks: Hooks::default() }
    }

    /// Asks for credentials before each attempt to connect, instead of taking those of the options. See
    /// [`CredentialsProvider`].
    ///
    /// Where the server refuses them ("bad user name or password", "not authorized"), it is asked again for the next
    /// attempt; three refusals in a row end the client.
    ///
    /// ```no_run
    /// # use polymqtt::{Client, Credentials, Error};
    /// # async fn fresh_token() -> Result<String, Error> { Ok(String::new()) }
    /// # async fn example() -> Result<(), Error> {
    /// let client = Client::connect("mqtts://broker.example")
    ///     .credentials(async |_attempt| Credentials::new("device-7", fresh_token().await?))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn credentials(mut self, provider: impl CredentialsProvider) -> Self {
        self.options = self.options.map(|options| options.credentials_from_host(true));
        self.hooks.credentials = Some(Arc::new(provider));
        self
    }

    /// Authenticates by this method (v5, section 4.12), which the program speaks itself, in place of the options'
    /// [`authentication`](Options::authentication). See [`Authenticator`].
    ///
    /// ```no_run
    /// # use polymqtt::{AuthenticationReply, AuthenticationStage, AuthenticationStep, Client, Error, ErrorKind};
    /// # fn answer_to(challenge: &[u8]) -> Vec<u8> { challenge.to_vec() }
    /// # fn is_proof(data: &[u8]) -> bool { true }
    /// # async fn example() -> Result<(), Error> {
    /// let client = Client::connect("mqtts://broker.example")
    ///     .authenticator("CHALLENGE", async |step: AuthenticationStep| {
    ///         let data = step.data.unwrap_or_default();
    ///         match step.stage {
    ///             AuthenticationStage::Start | AuthenticationStage::Restart => Ok(AuthenticationReply::new("device-7")),
    ///             AuthenticationStage::Continue => Ok(AuthenticationReply::new(answer_to(&data))),
    ///             AuthenticationStage::Complete if is_proof(&data) => Ok(AuthenticationReply::default()),
    ///             AuthenticationStage::Complete => Err(Error::new(ErrorKind::NotAuthorized, "not our server")),
    ///         }
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn authenticator(mut self, method: &str, authenticator: impl Authenticator) -> Self {
        let method = Authentication::Method(method.to_owned());
        self.options = self.options.map(|options| options.authentication(method));
        self.hooks.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// Makes the client without connecting yet, so that subscriptions are declared and events listened to before the
    /// first packet: then [`Client::start`] connects. Messages of a session that goes on come right after CONNACK.
    ///
    /// ```no_run
    /// # use polymqtt::{Client, Error, Options, QoS};
    /// # async fn example(options: Options) -> Result<(), Error> {
    /// let client = Client::connect(options).prepare()?;
    /// let mut jobs = client.subscribe("jobs/#").qos(QoS::AtLeastOnce).declare()?;
    /// client.start().await?;
    /// # jobs.recv().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] and [`ErrorKind::Unsupported`] for options that can't be.
    pub fn prepare(self) -> Result<Client, Error> {
        Client::prepare(&self.options?, self.hooks)
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { options, hooks } = self;
        f.debug_struct("Connect")
            .field("options", options)
            .field("credentials", &hooks.credentials.is_some())
            .field("authenticator", &hooks.authenticator.is_some())
            .finish()
    }
}

impl IntoFuture for Connect {
    type Output = Result<Client, Error>;
    type IntoFuture = Connecting;

    fn into_future(self) -> Connecting {
        Connecting(Box::pin(async move {
            let client = self.prepare()?;
            client.start().await.map(|_grant| client)
        }))
    }
}

/// A connect that is awaited; made from [`Connect`]. Dropping it gives up.
#[must_use = "futures do nothing unless awaited"]
pub struct Connecting(Pin<Box<dyn Future<Output = Result<Client, Error>> + Send>>);

impl Future for Connecting {
    type Output = Result<Client, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}
