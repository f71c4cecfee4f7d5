//! A message that says what it is.

use polymqtt::{Client, ErrorKind};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());
    let client = Client::connect(url).await?;
    let mut readings = client.subscribe("press/+").await?;

    client
        .publish("press/oil", r#"{"bar": 4.2}"#)
        .payload_is_utf8(true)
        .content_type("application/json")
        .user_property("schema", "press-2")
        .await?;

    if let Some(message) = readings.recv().await?
        && let Some(properties) = message.properties()
    {
        println!("UTF-8: {:?}", properties.payload_format_indicator);
        println!("content type: {:?}", message.content_type());
        for (name, value) in properties.user_properties.iter().filter(|(name, _)| *name == "schema") {
            println!("{name}: {value}");
        }
        println!("{}", message.text()?);
    }

    // The promise is checked before anything is sent.
    let broken = client.publish("press/oil", vec![0xFF]).payload_is_utf8(true).await;
    println!("refused: {}", broken.is_err_and(|error| error.kind() == ErrorKind::InvalidMessage));
    client.disconnect().await?;
    Ok(())
}
