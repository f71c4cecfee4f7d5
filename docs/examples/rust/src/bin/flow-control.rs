//! A press that has two jobs in hand at most.

use polymqtt::{Client, Options, QoS};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());
    let press = Client::connect(Options::new(&url)?.client_id("press").receive_maximum(2)).await?;
    let mut jobs = press.subscribe("jobs/press").qos(QoS::AtLeastOnce).manual_ack().await?;

    let planner = Client::connect(Options::new(&url)?.client_id("planner")).await?;
    for job in ["job 1", "job 2", "job 3", "job 4"] {
        planner.publish("jobs/press", job).qos(QoS::AtLeastOnce).await?;
    }

    let (first, second) = (jobs.recv().await?, jobs.recv().await?);
    // An answer of the server comes after all that it sent before: nothing else did.
    press.unsubscribe("nothing").await?;
    println!("{} of 4 have come", press.metrics().messages_received);

    // Each acknowledgement makes room for one more.
    for job in [first, second].into_iter().flatten() {
        println!("{} is done", job.text()?);
        jobs.ack(&job)?;
    }
    for _ in 0..2 {
        if let Some(job) = jobs.recv().await? {
            println!("{} has come", job.text()?);
            jobs.ack(&job)?;
        }
    }
    planner.disconnect().await?;
    press.disconnect().await?;
    Ok(())
}
