//! Options by name: a language's arguments as the engine's options.
//!
//! Tables of one line an option set it and describe it. What is allowed beyond its type is for the engine to say. What
//! a language gives functions for (credentials asked for, authenticators) is no option here.

mod authentication;
mod client;
mod description;
mod disconnect;
mod error;
mod queue;
mod reconnect;
mod redirect;
mod subscribe;
mod table;
mod tls;
mod value;
mod will;

use polymqtt::{Error, ErrorKind, Options, QueueOptions, RedirectOptions};

use authentication::AuthenticationParts;
use reconnect::ReconnectParts;
use table::{describe, find, unknown};
use tls::TlsParts;
use will::WillParts;

pub use description::{Description, Kind};
pub use disconnect::{descriptions as disconnect_descriptions, disconnect};
pub use error::OptionError;
pub use subscribe::{descriptions as subscribe_descriptions, stream, stream_descriptions, subscribe};
pub use value::Value;

/// The options of a client for the servers at these URLs, the first and its fallbacks. What is named twice is as it was
/// named last; what is not named has its default.
///
/// # Errors
/// The first URL or option that can't be, by its name. Whether they fit together is checked when the client is made.
pub fn options(
    servers: &[String],
    named: impl IntoIterator<Item = (String, Value)>,
) -> Result<Options, OptionError> {
    let mut given = Given::new(servers)?;
    for (name, value) in named {
        given = given.set(&name, value)?;
    }
    given.options()
}

/// The options that a client can be given.
pub fn descriptions() -> impl Iterator<Item = Description> {
    describe(client::TABLE)
        .chain(describe(authentication::TABLE))
        .chain(describe(will::TABLE))
        .chain(describe(queue::TABLE))
        .chain(describe(reconnect::TABLE))
        .chain(describe(redirect::TABLE))
        .chain(describe(tls::TABLE))
}

/// What was given so far, by groups: some options make sense only together.
struct Given {
    options: Options,
    authentication: AuthenticationParts,
    will: Option<WillParts>,
    queue: QueueOptions,
    reconnect: ReconnectParts,
    redirect: RedirectOptions,
    tls: TlsParts,
}

impl Given {
    fn new(servers: &[String]) -> Result<Self, Error> {
        let Some((first, fallbacks)) = servers.split_first() else {
            return Err(Error::new(
                ErrorKind::InvalidOption,
                "no server is given: a client needs at least one URL",
            ));
        };
        let options = Options::new(first)?;
        Ok(Self {
            options: fallbacks.iter().try_fold(options, |options, url| options.fallback(url))?,
            authentication: AuthenticationParts::default(),
            will: None,
            queue: QueueOptions::default(),
            reconnect: ReconnectParts::default(),
            redirect: RedirectOptions::default(),
            tls: TlsParts::default(),
        })
    }

    fn set(mut self, name: &str, value: Value) -> Result<Self, OptionError> {
        if let Some(option) = find(client::TABLE, name) {
            self.options = option.set(self.options, value)?;
        } else if let Some(option) = find(authentication::TABLE, name) {
            self.authentication = option.set(self.authentication, value)?;
        } else if let Some(option) = find(will::TABLE, name) {
            self.will = Some(option.set(self.will.unwrap_or_default(), value)?);
        } else if let Some(option) = find(queue::TABLE, name) {
            self.queue = option.set(self.queue, value)?;
        } else if let Some(option) = find(reconnect::TABLE, name) {
            self.reconnect = option.set(self.reconnect, value)?;
        } else if let Some(option) = find(redirect::TABLE, name) {
            self.redirect = option.set(self.redirect, value)?;
        } else if let Some(option) = find(tls::TABLE, name) {
            self.tls = option.set(self.tls, value)?;
        } else {
            return Err(unknown(name, descriptions()));
        }
        Ok(self)
    }

    fn options(self) -> Result<Options, OptionError> {
        let mut options = self
            .options
            .queue(self.queue)
            .reconnect(self.reconnect.together()?)
            .redirect(self.redirect)
            .tls(self.tls.together()?);
        if let Some(will) = self.will {
            options = options.will(will.together()?);
        }
        self.authentication.of(options)
    }
}

#[cfg(test)]
mod tests;
