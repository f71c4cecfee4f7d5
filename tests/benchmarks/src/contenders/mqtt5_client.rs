//! mqtt5 0.49, MQTT 5.0 (its 3.1.1 made no difference). Its publish returns when a QoS 0 message is
//! written and when a QoS 1 message is acknowledged, so many tasks publish to keep many messages in
//! flight; messages come to a callback. Each workload on the runtime that was the faster one for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use mqtt5::{ConnectOptions, MqttClient, QoS, SubscribeOptions};
use tokio::sync::Notify;

use super::{Held, Threads};
use crate::error::BenchError;
use crate::task::{
    ECHO_TOPIC, Measurement, PAYLOAD, RoundTrips, SINK_TOPIC, Task, barrier_topic, rate_since,
};

pub(super) const PATTERN: &str = "5.0; QoS 0: publish() awaited one by one (written); QoS 1 and 2: 512 tasks, \
    each awaits its own acknowledgement; messages are taken in a callback, acknowledged before it is called; \
    two threads to publish and to receive QoS 0, else one";

/// Tasks that publish at QoS 1 or 2 at the same time; fewer were slower.
const PUBLISHERS: u64 = 512;

pub(super) fn publish(task: Task) -> Result<Measurement, BenchError> {
    Threads::Many.block_on(async {
        let client = connect(task.port).await?;
        publish_all(&client, task, task.warm_up()).await?;
        let began = Instant::now();
        publish_all(&client, task, task.count).await?;
        Ok(rate_since(began, task.count))
    })
}

pub(super) fn receive(task: Task) -> Result<Measurement, BenchError> {
    let threads = if task.qos == 0 { Threads::Many } else { Threads::One };
    threads.block_on(async {
        let client = connect(task.port).await?;
        receive_all(&client, task, task.warm_up()).await?;
        let began = Instant::now();
        receive_all(&client, task, task.count).await?;
        Ok(rate_since(began, task.count))
    })
}

pub(super) fn round_trip(task: Task) -> Result<Measurement, BenchError> {
    Threads::One.block_on(async {
        let client = connect(task.port).await?;
        let echoed = Arc::new(Notify::new());
        let callback = Arc::clone(&echoed);
        client.subscribe(ECHO_TOPIC, move |_| callback.notify_one()).await.map_err(BenchError::client)?;
        for _ in 0..task.warm_up() {
            exchange(&client, &echoed).await?;
        }
        let mut trips = RoundTrips::start(task.count);
        for _ in 0..task.count {
            exchange(&client, &echoed).await?;
            trips.lap();
        }
        Ok(trips.finish())
    })
}

/// A connection that idles.
pub(super) async fn open(port: u16) -> Result<Held, BenchError> {
    Ok(Box::new(connect(port).await?))
}

async fn connect(port: u16) -> Result<MqttClient, BenchError> {
    let client = MqttClient::with_options(ConnectOptions::new("mqtt5").with_automatic_reconnect(false));
    client.connect(&format!("mqtt://127.0.0.1:{port}")).await.map_err(BenchError::client)?;
    Ok(client)
}

async fn publish_all(client: &MqttClient, task: Task, count: u64) -> Result<(), BenchError> {
    let payload = task.payload();
    if task.qos == 0 {
        for _ in 0..count {
            client.publish_qos0(SINK_TOPIC, payload.clone()).await.map_err(BenchError::client)?;
        }
        client.publish_qos1(barrier_topic(count), PAYLOAD).await.map_err(BenchError::client)?;
        return Ok(());
    }
    let unsent = Arc::new(AtomicU64::new(count));
    let mut publishing = tokio::task::JoinSet::new();
    for _ in 0..PUBLISHERS.min(count) {
        let (client, payload, unsent) = (client.clone(), payload.clone(), Arc::clone(&unsent));
        publishing.spawn(async move {
            while take_one(&unsent) {
                match task.qos {
                    1 => client.publish_qos1(SINK_TOPIC, payload.clone()).await?,
                    _ => client.publish_qos2(SINK_TOPIC, payload.clone()).await?,
                };
            }
            Ok::<_, mqtt5::MqttError>(())
        });
    }
    while let Some(ended) = publishing.join_next().await {
        ended.map_err(BenchError::client)?.map_err(BenchError::client)?;
    }
    Ok(())
}

/// Claims one of the messages that are still to be sent.
fn take_one(unsent: &AtomicU64) -> bool {
    unsent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

async fn receive_all(client: &MqttClient, task: Task, count: u64) -> Result<(), BenchError> {
    let done = Arc::new(Notify::new());
    let callback = Arc::clone(&done);
    // One more than asked for: the message that says that all is done.
    let missing = AtomicU64::new(count + 1);
    let received = move |_| {
        if missing.fetch_sub(1, Ordering::Relaxed) == 1 {
            callback.notify_one();
        }
    };
    let level = if task.qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
    let options = SubscribeOptions { qos: level, ..SubscribeOptions::default() };
    let filter = task.source_filter(count);
    client.subscribe_with_options(filter, options, received).await.map_err(BenchError::client)?;
    done.notified().await;
    Ok(())
}

async fn exchange(client: &MqttClient, echoed: &Notify) -> Result<(), BenchError> {
    client.publish_qos0(ECHO_TOPIC, PAYLOAD).await.map_err(BenchError::client)?;
    echoed.notified().await;
    Ok(())
}
