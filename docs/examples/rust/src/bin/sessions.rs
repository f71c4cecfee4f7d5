//! A worker that misses nothing while it is away.

use std::time::Duration;

use polymqtt::{Client, DisconnectOptions, Options, QoS};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());
    let options = Options::new(&url)?.client_id("worker").session_expiry(Duration::from_secs(3600));

    // The first run of the worker: it subscribes and leaves. The session stays, with the subscription.
    let worker = Client::connect(options.clone()).await?;
    worker.subscribe("jobs/#").qos(QoS::AtLeastOnce).await?;
    worker.disconnect().await?;

    // Meanwhile there is work.
    let planner = Client::connect(Options::new(&url)?.client_id("planner")).await?;
    planner.publish("jobs/7", "paint the fence").qos(QoS::AtLeastOnce).await?;
    planner.disconnect().await?;

    // The second run. The messages come right after CONNACK, so the stream for them is there before.
    let worker = Client::connect(options.clean_start(false)).prepare()?;
    let mut jobs = worker.subscribe("jobs/#").qos(QoS::AtLeastOnce).declare()?;
    let grant = worker.start().await?;
    println!("session present: {}", grant.session_present);
    if let Some(job) = jobs.recv().await? {
        println!("{}: {}", job.topic(), job.text()?);
    }
    // A job is acknowledged once the next is asked for, or the stream is dropped.
    drop(jobs);

    // This worker will not come back: the session ends here.
    let for_good = DisconnectOptions { session_expiry: Some(Duration::ZERO), ..DisconnectOptions::default() };
    worker.disconnect_with(for_good).await?;
    Ok(())
}
