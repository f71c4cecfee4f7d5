//! A display and a sensor: both know the server and a topic, neither knows the other.

use polymqtt::{Client, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());

    let display = Client::connect(Options::new(&url)?.client_id("display")).await?;
    let mut readings = display.subscribe("kitchen/temperature").await?;

    let sensor = Client::connect(Options::new(&url)?.client_id("sensor")).await?;
    sensor.publish("kitchen/temperature", "21.5").await?;
    sensor.disconnect().await?;

    if let Some(message) = readings.recv().await? {
        println!("{}: {}", message.topic(), message.text()?);
    }
    readings.unsubscribe().await?;
    display.disconnect().await?;
    Ok(())
}
