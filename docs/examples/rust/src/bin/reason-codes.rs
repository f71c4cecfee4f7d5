//! What the server says when things do not go as usual.

use polymqtt::{Client, Event, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());
    let options = Options::new(&url)?.client_id("twin");
    let client = Client::connect(options.clone()).await?;
    let mut events = client.events();

    // A success that says more.
    let answer = client.unsubscribe("never/subscribed").await?;
    for code in answer.reason_codes {
        println!("UNSUBACK: {code}");
    }

    // A failure: somebody else connects with the same client identifier.
    let other = Client::connect(options).await?;
    while let Some(event) = events.recv().await {
        if let Event::Disconnected { error: Some(error), retry_in } = event {
            if let Some(code) = error.reason_code() {
                println!("DISCONNECT: {code}");
            }
            println!("tries again: {}", retry_in.is_some());
        }
    }
    other.disconnect().await?;
    Ok(())
}
