//! A pump that dies without a word, and a monitor that hears of it.

use polymqtt::{Client, Options, QoS, Will};
use tokio::runtime::Runtime;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());
    let monitor = Client::connect(Options::new(&url)?.client_id("monitor")).await?;
    let mut states = monitor.subscribe("pump/state").qos(QoS::AtLeastOnce).await?;

    let will = Will::new("pump/state", "offline")?.qos(QoS::AtLeastOnce).retain(true);
    let options = Options::new(&url)?.client_id("pump").will(will);
    // A runtime of its own stands for the pump's process.
    let process = Runtime::new()?;
    let pump = process.spawn(async move { Client::connect(options).await }).await??;
    pump.publish("pump/state", "online").qos(QoS::AtLeastOnce).retain(true).await?;
    if let Some(state) = states.recv().await? {
        println!("{}: {}", state.topic(), state.text()?);
    }

    // The process ends: its connection closes, without DISCONNECT.
    process.shutdown_background();
    if let Some(state) = states.recv().await? {
        println!("{}: {}", state.topic(), state.text()?);
    }
    // Nothing is kept for the next who asks.
    monitor.publish("pump/state", "").retain(true).await?;
    monitor.disconnect().await?;
    Ok(())
}
