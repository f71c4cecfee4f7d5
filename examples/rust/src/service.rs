//! What the service says and hears. Its client reconnects, subscribes again and sends again by itself: nothing here
//! is about that, but for the summary, which a broker that was restarted may have forgotten.

use std::future::Future;
use std::time::Duration;

use polymqtt::{Client, DisconnectOptions, Error, Event, Options, QoS, Request, Will};
use serde_json::json;

use crate::table::{Summary, Table};

/// `machines/<machine>/<kind>`: where readings arrive.
const READINGS: &str = "machines/+/+";
/// `table/row/<machine>/<kind>`: where rows are asked for; the payload says how many readings are wanted.
const ROWS: &str = "table/row/+/+";
/// Whether the service is there, and how much it knows. Retained, so that whoever subscribes learns it at once.
const SUMMARY: &str = "table/summary";

/// Serves until `stop` completes.
pub(crate) async fn run(url: &str, stop: impl Future<Output = ()>) -> Result<(), Error> {
    // The server publishes it when this service is gone, however that came about.
    let absent =
        Will::new(SUMMARY, json!({ "state": "absent" }).to_string())?.qos(QoS::AtLeastOnce).retain(true);
    // A broker that is started after its services is no reason to give up.
    let options = Options::new(url)?.will(absent).keep_trying(true);
    tokio::pin!(stop);
    let client = tokio::select! {
        connected = Client::connect(options) => connected?,
        () = &mut stop => return Ok(()),
    };
    tokio::select! {
        served = serve(&client) => served?,
        () = stop => {}
    }
    // An orderly goodbye that leaves the will to be published: there is one message for every kind of absence.
    let goodbye = DisconnectOptions { with_will: true, ..DisconnectOptions::default() };
    client.disconnect_with(goodbye).await?;
    Ok(())
}

/// Runs until the client gives up.
async fn serve(client: &Client) -> Result<(), Error> {
    let mut events = client.events();
    let mut readings = client.subscribe(READINGS).qos(QoS::AtLeastOnce).await?;
    let mut requests = client.respond(ROWS).await?;
    let mut table = Table::default();
    let mut published = None;
    let mut every_second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            // In this order: a request for a row sees all readings that arrived before it.
            biased;
            _ = every_second.tick() => publish_summary(client, &table, &mut published).await?,
            event = events.recv() => if let Some(Event::Connected(_)) = event {
                // The will may have been published meanwhile, or the broker have lost what it retained.
                published = None;
            },
            reading = readings.recv() => match reading? {
                Some(reading) => {
                    if let Err(problem) = table.take(&reading) {
                        eprintln!("table: {}: {problem}", reading.topic());
                    }
                }
                None => return Ok(()),
            },
            request = requests.recv() => match request? {
                Some(request) => answer(&request, &table).await?,
                None => return Ok(()),
            },
        }
    }
}

/// Publishes the summary if that says anything new. Without a connection it waits: only the latest is of interest.
async fn publish_summary(
    client: &Client,
    table: &Table,
    published: &mut Option<Summary>,
) -> Result<(), Error> {
    let summary = table.summary();
    if client.connected().is_none() || published.as_ref() == Some(&summary) {
        return Ok(());
    }
    let text = json!({ "state": "present", "rows": summary.rows, "readings": summary.readings }).to_string();
    let publish = client.publish(SUMMARY, text).qos(QoS::AtLeastOnce).retain(true);
    // Enqueued, not awaited: the acknowledgement is the client's business, and the next reading ours.
    publish.content_type("application/json").enqueue().await?;
    *published = Some(summary);
    Ok(())
}

/// Answers with the latest readings of the row: as many as the payload says, or one.
async fn answer(request: &Request, table: &Table) -> Result<(), Error> {
    let message = request.message();
    let wanted = message.text().ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1);
    let answer = match table.row(message.topic()) {
        Some(row) => row.to_json(wanted),
        None => json!({ "error": "there is no such row" }),
    };
    request.respond(answer.to_string()).content_type("application/json").enqueue().await?;
    Ok(())
}
