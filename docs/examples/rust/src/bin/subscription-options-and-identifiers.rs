//! A chat room: what one hears of oneself, of the past, and on which stream.

use polymqtt::{Client, Options, QoS, RetainHandling};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());
    let ann = Client::connect(Options::new(&url)?.client_id("ann")).await?;
    let bob = Client::connect(Options::new(&url)?.client_id("bob")).await?;
    ann.publish("room/topic", "fences").qos(QoS::AtLeastOnce).retain(true).await?;

    // What others say from now on: neither Ann's own words nor the topic that was set before.
    let mut others = ann
        .subscribe("room/#")
        .qos(QoS::AtLeastOnce)
        .no_local(true)
        .retain_handling(RetainHandling::DoNotSend)
        .await?;
    // The topic, as the last who set it did. Both filters match it.
    let mut topic = ann.subscribe("room/topic").qos(QoS::AtLeastOnce).retain_as_published(true).await?;
    if let Some(message) = topic.recv().await? {
        println!("topic:  {}, retained: {}", message.text()?, message.retain());
    }

    ann.publish("room/talk", "I like green").qos(QoS::AtLeastOnce).await?;
    bob.publish("room/topic", "gates").qos(QoS::AtLeastOnce).retain(true).await?;
    for (name, stream) in [("others", &mut others), ("topic", &mut topic)] {
        if let Some(message) = stream.recv().await? {
            println!("{name}: {}, retained: {}", message.text()?, message.retain());
        }
    }

    ann.publish("room/topic", "").retain(true).await?;
    ann.disconnect().await?;
    bob.disconnect().await?;
    Ok(())
}
