//! Four connections of one client identifier, and whether a session was there.

use std::time::Duration;

use polymqtt::{Client, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());
    for (clean_start, expiry) in [(true, 3600), (false, 3600), (true, 0), (false, 0)] {
        let options = Options::new(&url)?
            .client_id("gate")
            .clean_start(clean_start)
            .session_expiry(Duration::from_secs(expiry));
        let client = Client::connect(options).prepare()?;
        let grant = client.start().await?;
        println!(
            "clean start {clean_start:5}, expiry {expiry:4} s: session present {}",
            grant.session_present
        );
        client.disconnect().await?;
    }
    Ok(())
}
