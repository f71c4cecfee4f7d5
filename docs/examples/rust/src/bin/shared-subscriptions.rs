//! Two painters who share the work.

use polymqtt::{Client, Options, QoS};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());
    let first = Client::connect(Options::new(&url)?.client_id("painter-1")).await?;
    let second = Client::connect(Options::new(&url)?.client_id("painter-2")).await?;
    let mut first_jobs = first.subscribe("$share/painters/jobs/#").qos(QoS::AtLeastOnce).await?;
    let mut second_jobs = second.subscribe("$share/painters/jobs/#").qos(QoS::AtLeastOnce).await?;

    let planner = Client::connect(Options::new(&url)?.client_id("planner")).await?;
    for job in ["jobs/1", "jobs/2", "jobs/3", "jobs/4"] {
        planner.publish(job, "paint it").qos(QoS::AtLeastOnce).await?;
    }

    // Who gets which is the server's choice; each job is somebody's, once.
    let mut done = Vec::new();
    while done.len() < 4 {
        let job = tokio::select! {
            job = first_jobs.recv() => job?,
            job = second_jobs.recv() => job?,
        };
        done.extend(job.map(|job| job.topic().to_owned()));
    }
    done.sort();
    println!("{}", done.join(", "));

    for client in [first, second, planner] {
        client.disconnect().await?;
    }
    Ok(())
}
