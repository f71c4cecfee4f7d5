//! rumqttc 0.25. Its MQTT 3.1.1 client: its v5 client was measured to be as fast or slower in every
//! workload. On a current-thread runtime, as its examples have it (faster here than two threads), with
//! its default network options: without TCP_NODELAY its one write a message is coalesced by the kernel,
//! which more than doubled its publish rates.

use std::time::Instant;

use bytes::Bytes;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};

use super::Threads;
use crate::error::BenchError;
use crate::task::{
    ECHO_TOPIC, Measurement, PAYLOAD, RoundTrips, SINK_TOPIC, Task, barrier_topic, rate_since, source_filter,
};

pub(super) const PATTERN: &str = "3.1.1, one thread; a task awaits publish() (room in a channel of 1,024) while \
    another polls the event loop; up to 65,535 in flight; messages are taken from poll()";

static MESSAGE: [u8; 64] = PAYLOAD;

/// Capacity of the channel between the client and its event loop; 10 to 10,000 made little difference.
const REQUESTS: usize = 1024;

pub(super) fn publish(task: Task) -> Result<Measurement, BenchError> {
    Threads::One.block_on(async {
        let (client, mut events) = connect(task.port).await?;
        publish_all(&client, &mut events, task.qos, task.warm_up()).await?;
        let began = Instant::now();
        publish_all(&client, &mut events, task.qos, task.count).await?;
        Ok(rate_since(began, task.count))
    })
}

pub(super) fn receive(task: Task) -> Result<Measurement, BenchError> {
    Threads::One.block_on(async {
        let (client, mut events) = connect(task.port).await?;
        receive_all(&client, &mut events, task.qos, task.warm_up()).await?;
        let began = Instant::now();
        receive_all(&client, &mut events, task.qos, task.count).await?;
        Ok(rate_since(began, task.count))
    })
}

pub(super) fn round_trip(task: Task) -> Result<Measurement, BenchError> {
    Threads::One.block_on(async {
        let (client, mut events) = connect(task.port).await?;
        client.subscribe(ECHO_TOPIC, QoS::AtMostOnce).await.map_err(BenchError::client)?;
        until(&mut events, |packet| matches!(packet, Packet::SubAck(_))).await?;
        for _ in 0..task.warm_up() {
            exchange(&client, &mut events).await?;
        }
        let mut trips = RoundTrips::start(task.count);
        for _ in 0..task.count {
            exchange(&client, &mut events).await?;
            trips.lap();
        }
        Ok(trips.finish())
    })
}

async fn connect(port: u16) -> Result<(AsyncClient, EventLoop), BenchError> {
    let mut options = MqttOptions::new("rumqttc", "127.0.0.1", port);
    options.set_inflight(u16::MAX);
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    until(&mut events, |packet| matches!(packet, Packet::ConnAck(_))).await?;
    Ok((client, events))
}

async fn publish_all(
    client: &AsyncClient,
    events: &mut EventLoop,
    qos: u8,
    count: u64,
) -> Result<(), BenchError> {
    let level = level(qos);
    let publisher = client.clone();
    let publishing = tokio::spawn(async move {
        for _ in 0..count {
            publisher.publish(SINK_TOPIC, level, false, Bytes::from_static(&MESSAGE)).await?;
        }
        if qos == 0 {
            let topic = barrier_topic(count);
            publisher.publish(topic, QoS::AtLeastOnce, false, Bytes::from_static(&MESSAGE)).await?;
        }
        Ok::<_, rumqttc::ClientError>(())
    });
    let mut missing = if qos == 0 { 1 } else { count };
    until(events, |packet| {
        if matches!(packet, Packet::PubAck(_) | Packet::PubComp(_)) {
            missing -= 1;
        }
        missing == 0
    })
    .await?;
    publishing.await.map_err(BenchError::client)?.map_err(BenchError::client)
}

async fn receive_all(
    client: &AsyncClient,
    events: &mut EventLoop,
    qos: u8,
    count: u64,
) -> Result<(), BenchError> {
    client.subscribe(source_filter(qos, count), level(qos)).await.map_err(BenchError::client)?;
    // One more than asked for: the message that says that all is done.
    let mut missing = count + 1;
    until(events, |packet| {
        if matches!(packet, Packet::Publish(_)) {
            missing -= 1;
        }
        missing == 0
    })
    .await
}

async fn exchange(client: &AsyncClient, events: &mut EventLoop) -> Result<(), BenchError> {
    let payload = Bytes::from_static(&MESSAGE);
    client.publish(ECHO_TOPIC, QoS::AtMostOnce, false, payload).await.map_err(BenchError::client)?;
    until(events, |packet| matches!(packet, Packet::Publish(_))).await
}

fn level(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

/// Polls the event loop until `done` says so of a received packet.
async fn until(events: &mut EventLoop, mut done: impl FnMut(&Packet) -> bool) -> Result<(), BenchError> {
    loop {
        if let Event::Incoming(packet) = events.poll().await.map_err(BenchError::client)?
            && done(&packet)
        {
            return Ok(());
        }
    }
}
