//! The client of a command: connected under a limit and until an interrupt, and its goodbye.

use std::time::Duration;

use polymqtt::{Client, DisconnectOptions, Options};

use crate::connection::ConnectionArgs;
use crate::events;
use crate::exit::Failure;
use crate::interrupt::Interrupt;

/// How long the end may take: what is worth waiting for was waited for before.
const GOODBYE: Duration = Duration::from_secs(1);

/// Connects, does the `work` of the command called `name`, says goodbye. An interrupt or the limit ends all of it early.
pub(crate) async fn run(
    name: &'static str,
    connection: &ConnectionArgs,
    options: Options,
    limit: Option<Duration>,
    timed_out: impl Fn(Duration) -> Result<(), Failure>,
    work: impl AsyncFnOnce(&Client) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen();
    let limit = after(limit);
    tokio::pin!(limit);
    let client = tokio::select! {
        client = connect(name, connection, options, &mut interrupt) => client?,
        limit = &mut limit => return timed_out(limit),
    };
    let result = tokio::select! {
        result = work(&client) => result,
        exit = interrupt.wait() => Err(Failure::silent(exit)),
        limit = &mut limit => timed_out(limit),
    };
    say_goodbye(&client).await;
    result
}

/// Connects, unless an interrupt comes first. From then on events are reported as the arguments say.
pub(crate) async fn connect(
    name: &'static str,
    connection: &ConnectionArgs,
    options: Options,
    interrupt: &mut Interrupt,
) -> Result<Client, Failure> {
    let client = tokio::select! {
        connected = Client::connect(options) => connected.map_err(|error| Failure::connecting(&error))?,
        exit = interrupt.wait() => return Err(Failure::silent(exit)),
    };
    events::report(&client, name, &connection.notes);
    Ok(client)
}

/// Completes when the limit has passed, if there is one.
pub(crate) async fn after(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}

/// Disconnects in order, so that acknowledgements on their way arrive and no will is published.
pub(crate) async fn say_goodbye(client: &Client) {
    let options = DisconnectOptions { timeout: GOODBYE, ..DisconnectOptions::default() };
    // Closed already: there is nobody to say it to.
    let _closed = client.disconnect_with(options).await;
}
