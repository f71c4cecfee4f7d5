//! rumqttc 0.25. Its MQTT 3.1.1 client: its v5 client was measured to be as fast or slower in every
//! workload. On a current-thread runtime, as its examples have it (faster here than two threads), with
//! its default network options: without TCP_NODELAY its one write a message is coalesced by the kernel,
//! which more than doubled its publish rates.

use std::time::Instant;

use bytes::Bytes;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS, TlsConfiguration, Transport};

use super::{Held, Threads, on_threads};
use crate::certificates::{self, SERVER};
use crate::error::BenchError;
use crate::link::Link;
use crate::task::{
    ECHO_TOPIC, Measurement, PAYLOAD, RoundTrips, SINK_TOPIC, Task, barrier_topic, rate_since,
};

pub(super) const PATTERN: &str = "3.1.1, one thread; a task awaits publish() (room in a channel of 1,024) while \
    another polls the event loop; up to 65,535 in flight; messages are taken from poll()";

static MESSAGE: [u8; 64] = PAYLOAD;

/// The largest packet in either direction.
const LARGEST: usize = 4 << 20;

/// Capacity of the channel between the client and its event loop; 10 to 10,000 made little difference.
const REQUESTS: usize = 1024;

/// The same of a client that idles.
const IDLE_REQUESTS: usize = 10;

pub(super) fn publish(task: Task) -> Result<Measurement, BenchError> {
    Threads::One.block_on(async {
        let (client, mut events) = connect(task).await?;
        publish_all(&client, &mut events, task, task.warm_up()).await?;
        let began = Instant::now();
        publish_all(&client, &mut events, task, task.count).await?;
        Ok(rate_since(began, task.count))
    })
}

pub(super) fn receive(task: Task) -> Result<Measurement, BenchError> {
    Threads::One.block_on(async {
        let (client, mut events) = connect(task).await?;
        receive_all(&client, &mut events, task, task.warm_up()).await?;
        let began = Instant::now();
        receive_all(&client, &mut events, task, task.count).await?;
        Ok(rate_since(began, task.count))
    })
}

pub(super) fn round_trip(task: Task) -> Result<Measurement, BenchError> {
    Threads::One.block_on(async {
        let (client, mut events) = connect(task).await?;
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

/// A connection that idles.
pub(super) async fn open(port: u16) -> Result<Held, BenchError> {
    let (client, mut events) =
        AsyncClient::new(MqttOptions::new("rumqttc", "127.0.0.1", port), IDLE_REQUESTS);
    until(&mut events, |packet| matches!(packet, Packet::ConnAck(_))).await?;
    tokio::spawn(async move { while events.poll().await.is_ok() {} });
    Ok(Box::new(client))
}

async fn connect(task: Task) -> Result<(AsyncClient, EventLoop), BenchError> {
    let host = if task.workload.link == Link::Tls { SERVER } else { "127.0.0.1" };
    let mut options = MqttOptions::new("rumqttc", host, task.port);
    if task.workload.link == Link::Tls {
        let config = TlsConfiguration::Rustls(certificates::client(task.authority()?)?);
        options.set_transport(Transport::tls_with_config(config));
    }
    options.set_max_packet_size(LARGEST, LARGEST);
    options.set_inflight(u16::MAX);
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    until(&mut events, |packet| matches!(packet, Packet::ConnAck(_))).await?;
    Ok((client, events))
}

async fn publish_all(
    client: &AsyncClient,
    events: &mut EventLoop,
    task: Task,
    count: u64,
) -> Result<(), BenchError> {
    let publisher = client.clone();
    let publishing = tokio::spawn(async move {
        let each = publisher.clone();
        let payload = task.payload();
        match task.workload.threads {
            None => publish_each(each, task.qos, payload, count).await?,
            Some(threads) => {
                let publish = move |share| publish_each(each.clone(), task.qos, payload.clone(), share);
                on_threads(threads, count, publish).await?;
            }
        }
        if task.qos == 0 {
            let topic = barrier_topic(count);
            let barrier = publisher.publish(topic, QoS::AtLeastOnce, false, Bytes::from_static(&MESSAGE));
            barrier.await.map_err(BenchError::client)?;
        }
        Ok::<_, BenchError>(())
    });
    let mut missing = if task.qos == 0 { 1 } else { count };
    until(events, |packet| {
        if matches!(packet, Packet::PubAck(_) | Packet::PubComp(_)) {
            missing -= 1;
        }
        missing == 0
    })
    .await?;
    publishing.await.map_err(BenchError::client)?
}

async fn publish_each(client: AsyncClient, qos: u8, payload: Bytes, count: u64) -> Result<(), BenchError> {
    for _ in 0..count {
        let publish = client.publish_bytes(SINK_TOPIC, level(qos), false, payload.clone());
        publish.await.map_err(BenchError::client)?;
    }
    Ok(())
}

async fn receive_all(
    client: &AsyncClient,
    events: &mut EventLoop,
    task: Task,
    count: u64,
) -> Result<(), BenchError> {
    client.subscribe(task.source_filter(count), level(task.qos)).await.map_err(BenchError::client)?;
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
