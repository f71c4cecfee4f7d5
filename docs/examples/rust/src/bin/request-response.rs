//! A table that answers, and a client that asks.

use polymqtt::{Client, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("mqtt://localhost".to_owned());
    let table = Client::connect(Options::new(&url)?.client_id("table")).await?;
    let mut requests = table.respond("rows/+").await?;
    let answering = tokio::spawn(async move {
        while let Some(request) = requests.recv().await? {
            let row = request.message().topic().trim_start_matches("rows/").to_owned();
            request.respond(format!("this is row {row}")).await?;
        }
        Ok::<_, polymqtt::Error>(())
    });

    let client = Client::connect(Options::new(&url)?.client_id("client")).await?;
    let answer = client.request("rows/7", "").await?;
    println!("{}", answer.text()?);

    client.disconnect().await?;
    table.disconnect().await?;
    answering.await??;
    Ok(())
}
