//! A thermostat whose last reading waits for whoever comes later.

use polymqtt::{Client, Options, QoS};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());
    let thermostat = Client::connect(Options::new(&url)?.client_id("thermostat")).await?;
    thermostat.publish("hall/temperature", "21.5").qos(QoS::AtLeastOnce).retain(true).await?;

    // The panel comes later and need not wait for the next reading.
    let panel = Client::connect(Options::new(&url)?.client_id("panel")).await?;
    let mut readings = panel.subscribe("hall/temperature").qos(QoS::AtLeastOnce).await?;

    // The next two arrive while the panel is there. An empty payload takes back what the server keeps.
    for payload in ["22.0", ""] {
        if let Some(message) = readings.recv().await? {
            println!("{:?}, retained: {}", message.text()?, message.retain());
        }
        thermostat.publish("hall/temperature", payload).qos(QoS::AtLeastOnce).retain(true).await?;
    }
    if let Some(message) = readings.recv().await? {
        println!("{:?}, retained: {}", message.text()?, message.retain());
    }

    thermostat.disconnect().await?;
    panel.disconnect().await?;
    Ok(())
}
