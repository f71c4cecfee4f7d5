//! A user who proves to know the password without sending it, and a server that does the same.
//!
//! It needs a server that offers SCRAM-SHA-256 and knows this user.

use polymqtt::{Authentication, Client, Options, Scram};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());

    let scram = |password| Authentication::ScramSha256(Scram::new("ann", password));

    let guess = Options::new(&url)?.client_id("guess").authentication(scram("password"));
    if let Err(error) = Client::connect(guess).await {
        println!("a wrong password: {}", error.kind());
    }

    let client =
        Client::connect(Options::new(&url)?.client_id("ann").authentication(scram("pass/word"))).await?;
    println!("connected");
    // The same again, while everything else goes on.
    client.reauthenticate().await?;
    println!("authenticated again");
    client.disconnect().await?;
    Ok(())
}
