//! polymqtt, MQTT 5.0, two ways of using it: a call a message, and in batches.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use polymqtt::{Client, Message, Options, Pem, QoS, TlsOptions, TopicName};

use super::{Held, Threads, on_threads};
use crate::error::BenchError;
use crate::link::Link;
use crate::task::{
    ECHO_TOPIC, Measurement, PAYLOAD, RoundTrips, SINK_TOPIC, Task, barrier_topic, rate_since,
};

pub(super) const PATTERN: &str = "5.0; enqueue() a message to a checked topic, QoS 1 and 2 with 16,384 deliveries kept, the oldest awaited; \
    recv() a message, acknowledged when the next is asked for; two threads to publish, one to receive";

pub(super) const PATTERN_BATCH: &str = "5.0; publish_many() of 4,096 messages, all awaited before the next; \
    recv_many() of up to 4,096, acknowledged when the next batch is asked for; two threads to publish, one to receive";

static MESSAGE: [u8; PAYLOAD.len()] = PAYLOAD;

/// Deliveries kept before the oldest is awaited.
const PIPELINE: usize = 16_384;

/// Messages of one `publish_many` or `recv_many`.
const BATCH: usize = 4096;

/// Whether a call is a message or a batch.
#[derive(Clone, Copy)]
pub(super) enum Calls {
    Message,
    Batch,
}

pub(super) fn publish(task: Task, calls: Calls) -> Result<Measurement, BenchError> {
    Threads::Many.block_on(async {
        let client = connect(task).await?;
        publish_all(&client, task, task.warm_up(), calls).await?;
        let began = Instant::now();
        publish_all(&client, task, task.count, calls).await?;
        Ok(rate_since(began, task.count))
    })
}

pub(super) fn receive(task: Task, calls: Calls) -> Result<Measurement, BenchError> {
    Threads::One.block_on(async {
        let client = connect(task).await?;
        receive_all(&client, task, task.warm_up(), calls).await?;
        let began = Instant::now();
        receive_all(&client, task, task.count, calls).await?;
        Ok(rate_since(began, task.count))
    })
}

pub(super) fn round_trip(task: Task) -> Result<Measurement, BenchError> {
    Threads::One.block_on(async {
        let client = connect(task).await?;
        let mut echoes = client.subscribe(ECHO_TOPIC).await.map_err(BenchError::client)?;
        let mut exchange = async || {
            let publish = client.publish(ECHO_TOPIC, Bytes::from_static(&MESSAGE));
            publish.await.map_err(BenchError::client)?;
            echoes.recv().await.map_err(BenchError::client)
        };
        for _ in 0..task.warm_up() {
            exchange().await?;
        }
        let mut trips = RoundTrips::start(task.count);
        for _ in 0..task.count {
            exchange().await?;
            trips.lap();
        }
        Ok(trips.finish())
    })
}

/// A connection that idles.
pub(super) async fn open(port: u16) -> Result<Held, BenchError> {
    let client = Client::connect(format!("mqtt://127.0.0.1:{port}")).await.map_err(BenchError::client)?;
    Ok(Box::new(client))
}

async fn connect(task: Task) -> Result<Client, BenchError> {
    let mut options = Options::new(&task.url()).map_err(BenchError::client)?;
    if task.workload.link == Link::Tls {
        options = options
            .tls(TlsOptions { ca: Some(Pem::File(task.authority()?.into())), ..TlsOptions::default() });
    }
    Client::connect(options).await.map_err(BenchError::client)
}

async fn publish_all(client: &Client, task: Task, count: u64, calls: Calls) -> Result<(), BenchError> {
    let payload = task.payload();
    match task.workload.threads {
        None => publish_some(client.clone(), task.qos, payload, count, calls, PIPELINE).await?,
        Some(threads) => {
            let client = client.clone();
            let kept = PIPELINE / usize::try_from(threads).map_err(BenchError::client)?;
            let publish =
                move |share| publish_some(client.clone(), task.qos, payload.clone(), share, calls, kept);
            on_threads(threads, count, publish).await?;
        }
    }
    // The server acknowledges it once it has counted all.
    let barrier = client.publish(barrier_topic(count), Bytes::from_static(&MESSAGE)).qos(QoS::AtLeastOnce);
    barrier.await.map(drop).map_err(BenchError::client)
}

async fn publish_some(
    client: Client,
    qos: u8,
    payload: Bytes,
    count: u64,
    calls: Calls,
    kept: usize,
) -> Result<(), BenchError> {
    match calls {
        Calls::Message => publish_each(&client, qos, &payload, count, kept).await,
        Calls::Batch => publish_batches(&client, qos, &payload, count).await,
    }
}

async fn publish_each(
    client: &Client,
    qos: u8,
    payload: &Bytes,
    count: u64,
    kept: usize,
) -> Result<(), BenchError> {
    let topic = TopicName::try_from(SINK_TOPIC).map_err(BenchError::client)?;
    let mut pending = VecDeque::with_capacity(kept);
    for _ in 0..count {
        let publish = client.publish(topic.clone(), payload.clone()).qos(level(qos));
        let delivery = publish.enqueue().await.map_err(BenchError::client)?;
        if qos == 0 {
            continue;
        }
        pending.push_back(delivery);
        if pending.len() == kept
            && let Some(oldest) = pending.pop_front()
        {
            oldest.await.map_err(BenchError::client)?;
        }
    }
    for delivery in pending {
        delivery.await.map_err(BenchError::client)?;
    }
    Ok(())
}

async fn publish_batches(client: &Client, qos: u8, payload: &Bytes, count: u64) -> Result<(), BenchError> {
    let topic = TopicName::try_from(SINK_TOPIC).map_err(BenchError::client)?;
    let message = Message::to(topic, payload.clone()).with_qos(level(qos));
    let mut left = usize::try_from(count).map_err(BenchError::client)?;
    while left > 0 {
        let batch = left.min(BATCH);
        let outcomes = client.publish_many(std::iter::repeat_n(message.clone(), batch)).await;
        for outcome in outcomes.map_err(BenchError::client)? {
            outcome.map_err(BenchError::client)?;
        }
        left -= batch;
    }
    Ok(())
}

async fn receive_all(client: &Client, task: Task, count: u64, calls: Calls) -> Result<(), BenchError> {
    let filter = task.source_filter(count);
    let mut messages = client.subscribe(&filter).qos(level(task.qos)).await.map_err(BenchError::client)?;
    // One more than asked for: the message that says that all is done.
    let mut missing = usize::try_from(count + 1).map_err(BenchError::client)?;
    let mut taken = Vec::with_capacity(BATCH);
    while missing > 0 {
        let received = match calls {
            Calls::Message => messages.recv().await.map(|message| usize::from(message.is_some())),
            Calls::Batch => {
                taken.clear();
                messages.recv_many(&mut taken, BATCH).await
            }
        };
        match received.map_err(BenchError::client)? {
            0 => return Err(BenchError::Protocol("the stream ended")),
            received => missing = missing.saturating_sub(received),
        }
    }
    Ok(())
}

fn level(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}
