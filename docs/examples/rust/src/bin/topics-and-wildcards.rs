//! Two filters that overlap, each with a stream of its own, and which topics reach them.

use polymqtt::{Client, QoS, TopicFilter};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());
    let client = Client::connect(url).await?;
    let mut temperatures = client.subscribe("home/+/temperature").qos(QoS::AtLeastOnce).await?;
    let mut kitchen = client.subscribe("home/kitchen/#").qos(QoS::AtLeastOnce).await?;

    for topic in ["home/kitchen/temperature", "home/attic/temperature", "home/kitchen/oven/door"] {
        client.publish(topic, "?").qos(QoS::AtLeastOnce).await?;
    }

    // Two of the three topics match each filter.
    for (filter, stream) in [("home/+/temperature", &mut temperatures), ("home/kitchen/#", &mut kitchen)] {
        for _ in 0..2 {
            if let Some(message) = stream.recv().await? {
                println!("{filter:18} gets {}", message.topic());
            }
        }
    }

    // The same rules, without a server.
    let filter = TopicFilter::try_from("home/#")?;
    println!("home/# matches home: {}", filter.matches("home"));

    client.disconnect().await?;
    Ok(())
}
