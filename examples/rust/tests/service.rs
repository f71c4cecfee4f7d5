//! The service as a process, against a real broker that ends and comes back.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

use std::process::{Child, Command};

use polymqtt::{Client, ErrorKind, QoS, Subscription, Version};
use polymqtt_broker_tests::{Mosquitto, bounded, options};
use rustix::process::{Pid, Signal, kill_process};

/// Killed when it is dropped.
struct Service(Child);

impl Service {
    fn start(url: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polymqtt-example-rust"));
        Self(command.env("POLYMQTT_URL", url).spawn().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

async fn connect(broker: &Mosquitto) -> Client {
    Client::connect(options(&broker.url(), Version::V5)).await.unwrap()
}

/// Waits for a summary that says this.
async fn summary(summaries: &mut Subscription, says: &str) {
    loop {
        let message = summaries.recv().await.unwrap().unwrap();
        if message.text().unwrap().contains(says) {
            return;
        }
    }
}

async fn publish(client: &Client, sequence: u64) {
    let reading = format!(r#"{{"sequence":{sequence},"value":{{"x":1}},"taken_us":{}}}"#, sequence + 1);
    client.publish("machines/m/cpu", reading).qos(QoS::AtLeastOnce).await.unwrap();
}

#[tokio::test]
async fn it_answers_for_its_rows_and_tells_whether_it_is_there() {
    bounded("mosquitto", async {
        let mut broker = Mosquitto::start("");
        let client = connect(&broker).await;
        let mut summaries = client.subscribe("table/summary").qos(QoS::AtLeastOnce).await.unwrap();
        let mut service = Service::start(&broker.url());
        summary(&mut summaries, r#""state":"present""#).await;

        for sequence in 0..3 {
            publish(&client, sequence).await;
        }
        summary(&mut summaries, r#""readings":3,"rows":1"#).await;
        let row = client.request("table/row/m/cpu", "2").await.unwrap();
        assert_eq!(row.content_type(), Some("application/json"));
        let text = row.text().unwrap();
        assert!(text.contains(r#""total":3"#) && text.contains(r#""sequence":1"#), "{text}");
        assert!(!text.contains(r#""sequence":0"#), "{text}");
        let none = client.request("table/row/m/other", "").await.unwrap();
        assert!(none.text().unwrap().contains("error"));

        // The broker forgets everything: the service is back with its table and its summary.
        broker.kill();
        broker.restart();
        summary(&mut summaries, r#""readings":3,"rows":1"#).await;
        let text = loop {
            match client.request("table/row/m/cpu", "").await {
                Ok(row) => break row.text().unwrap().to_owned(),
                Err(error) => assert_eq!(error.kind(), ErrorKind::NoResponder),
            }
        };
        assert!(text.contains(r#""total":3"#), "{text}");

        // In order, or killed: both are told.
        kill_process(Pid::from_child(&service.0), Signal::TERM).unwrap();
        summary(&mut summaries, "absent").await;
        assert!(service.0.wait().unwrap().success());
        let service = Service::start(&broker.url());
        summary(&mut summaries, "present").await;
        drop(service);
        summary(&mut summaries, "absent").await;
    })
    .await;
}
