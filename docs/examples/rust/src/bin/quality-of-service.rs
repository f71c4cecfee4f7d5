//! A message at each quality of service, to a subscription that takes QoS 1 at most.

use polymqtt::{Client, QoS};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());
    let client = Client::connect(url).await?;
    let mut messages = client.subscribe("meter/#").qos(QoS::AtLeastOnce).await?;

    for (topic, qos) in [
        // Completes once the message is in the queue: there will be no answer.
        ("meter/power", QoS::AtMostOnce),
        // Completes with the server's PUBACK.
        ("meter/energy", QoS::AtLeastOnce),
        // Completes with the server's PUBCOMP, the end of the handshake.
        ("meter/bill", QoS::ExactlyOnce),
    ] {
        let ack = client.publish(topic, "42").qos(qos).await?;
        print!("{topic}: sent at QoS {qos}, {}", ack.reason_code);
        // Asking for the next message acknowledges the one before.
        if let Some(message) = messages.recv().await? {
            println!(", arrived at QoS {}", message.qos());
        }
    }
    client.disconnect().await?;
    Ok(())
}
