//! ntex-mqtt 8.2, MQTT 5.0, on its own runtime over tokio, one thread: its handles can't leave theirs. QoS 1 by its
//! callback for acknowledgements, its fastest way; QoS 2 one message after the other: it keeps only one PUBREL in mind,
//! and with more in flight it waits for ever.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use ntex::rt::System;
use ntex::service::{ServiceFactory, cfg::SharedCfg, fn_service};
use ntex::util::{ByteString, Bytes};
use ntex_mqtt::QoS;
use ntex_mqtt::v5::MqttSink;
use ntex_mqtt::v5::client::{Connect, MqttConnector, ProtocolMessage};
use ntex_mqtt::v5::codec::{PublishAckReason, RetainHandling, SubscriptionOptions};
use tokio::sync::Notify;

use crate::error::BenchError;
use crate::task::{
    ECHO_TOPIC, Measurement, PAYLOAD, RoundTrips, SINK_TOPIC, Task, barrier_topic, rate_since, source_filter,
};

pub(super) const PATTERN: &str = "5.0, one thread; QoS 0: send_at_most_once() while ready() says so; QoS 1: \
    send_at_least_once_no_block(), up to 65,535 in flight, acknowledgements come to a callback; QoS 2: one message at a \
    time, more make it hang; messages are taken in a service, acknowledged when it returns";

static MESSAGE: [u8; PAYLOAD.len()] = PAYLOAD;

pub(super) fn publish(task: Task) -> Result<Measurement, BenchError> {
    run(task, async move |client| {
        client.publish_all(task.qos, task.warm_up()).await?;
        let began = Instant::now();
        client.publish_all(task.qos, task.count).await?;
        Ok(rate_since(began, task.count))
    })
}

pub(super) fn receive(task: Task) -> Result<Measurement, BenchError> {
    run(task, async move |client| {
        client.receive_all(task.qos, task.warm_up()).await?;
        let began = Instant::now();
        client.receive_all(task.qos, task.count).await?;
        Ok(rate_since(began, task.count))
    })
}

pub(super) fn round_trip(task: Task) -> Result<Measurement, BenchError> {
    run(task, async move |client| {
        client.subscribe(ECHO_TOPIC.into(), 0).await?;
        for _ in 0..task.warm_up() {
            client.exchange().await?;
        }
        let mut trips = RoundTrips::start(task.count);
        for _ in 0..task.count {
            client.exchange().await?;
            trips.lap();
        }
        Ok(trips.finish())
    })
}

fn run(
    task: Task,
    measure: impl AsyncFnOnce(&Client) -> Result<Measurement, BenchError> + 'static,
) -> Result<Measurement, BenchError> {
    System::new("benchmark", ntex::rt::DefaultRuntime).block_on(async move {
        let client = Client::connect(task.port).await?;
        measure(&client).await
    })
}

/// What the callbacks count down, and who waits for it.
#[derive(Default)]
struct Missing {
    count: Cell<u64>,
    none: Notify,
}

impl Missing {
    fn one_less(&self) {
        self.count.set(self.count.get().saturating_sub(1));
        if self.count.get() == 0 {
            self.none.notify_one();
        }
    }
}

struct Client {
    sink: MqttSink,
    unacknowledged: Rc<Missing>,
    unreceived: Rc<Missing>,
}

impl Client {
    async fn connect(port: u16) -> Result<Self, BenchError> {
        let connector = MqttConnector::new().pipeline(SharedCfg::default()).await;
        let connect = Connect::new(format!("127.0.0.1:{port}")).client_id("ntex");
        let connection = connector.map_err(BenchError::client)?.call(connect).await;
        let connection = connection.map_err(|error| BenchError::Client(format!("{error:?}")))?;
        let sink = connection.sink();
        let (unacknowledged, unreceived) = (Rc::new(Missing::default()), Rc::new(Missing::default()));
        let acknowledged = Rc::clone(&unacknowledged);
        sink.publish_ack_cb(move |_, _| acknowledged.one_less());
        let received = Rc::clone(&unreceived);
        let service = fn_service(move |message: ProtocolMessage| {
            if matches!(message, ProtocolMessage::Publish(_)) {
                received.one_less();
            }
            std::future::ready(Ok::<_, ()>(match message {
                ProtocolMessage::Publish(publish) => publish.ack(PublishAckReason::Success),
                ProtocolMessage::PublishRelease(release) => release.ack(),
                ProtocolMessage::Disconnect(disconnect) => disconnect.ack(),
                ProtocolMessage::Ping(ping) => ping.ack(),
            }))
        });
        ntex::rt::spawn(connection.start(service));
        Ok(Self { sink, unacknowledged, unreceived })
    }

    async fn publish_all(&self, qos: u8, count: u64) -> Result<(), BenchError> {
        match qos {
            0 => self.publish_qos0(count).await,
            1 => self.publish_qos1(count).await,
            _ => self.publish_qos2(count).await,
        }
    }

    async fn publish_qos0(&self, count: u64) -> Result<(), BenchError> {
        for _ in 0..count {
            self.ready().await?;
            let publish = self.sink.publish(ByteString::from_static(SINK_TOPIC));
            publish.send_at_most_once(Bytes::from_static(&MESSAGE)).map_err(BenchError::client)?;
        }
        self.unacknowledged.count.set(1);
        self.ready().await?;
        let publish = self.sink.publish(barrier_topic(count));
        publish.send_at_least_once_no_block(Bytes::from_static(&MESSAGE)).map_err(BenchError::client)?;
        self.unacknowledged.none.notified().await;
        Ok(())
    }

    async fn publish_qos1(&self, count: u64) -> Result<(), BenchError> {
        self.unacknowledged.count.set(count);
        for _ in 0..count {
            self.ready().await?;
            let publish = self.sink.publish(ByteString::from_static(SINK_TOPIC));
            publish.send_at_least_once_no_block(Bytes::from_static(&MESSAGE)).map_err(BenchError::client)?;
        }
        self.unacknowledged.none.notified().await;
        Ok(())
    }

    async fn publish_qos2(&self, count: u64) -> Result<(), BenchError> {
        for _ in 0..count {
            let publish = self.sink.publish(ByteString::from_static(SINK_TOPIC));
            let received = publish.send_exactly_once(Bytes::from_static(&MESSAGE)).await;
            received.map_err(BenchError::client)?.release().await.map_err(BenchError::client)?;
        }
        Ok(())
    }

    async fn receive_all(&self, qos: u8, count: u64) -> Result<(), BenchError> {
        // One more than asked for: the message that says that all is done.
        self.unreceived.count.set(count + 1);
        self.subscribe(source_filter(qos, count, PAYLOAD.len()), qos).await?;
        self.unreceived.none.notified().await;
        Ok(())
    }

    async fn subscribe(&self, filter: String, qos: u8) -> Result<(), BenchError> {
        let options = SubscriptionOptions {
            qos: if qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce },
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::AtSubscribe,
        };
        let subscribe = self.sink.subscribe(None).topic_filter(filter.into(), options);
        subscribe.send().await.map(drop).map_err(BenchError::client)
    }

    async fn exchange(&self) -> Result<(), BenchError> {
        self.unreceived.count.set(1);
        let publish = self.sink.publish(ByteString::from_static(ECHO_TOPIC));
        publish.send_at_most_once(Bytes::from_static(&MESSAGE)).map_err(BenchError::client)?;
        self.unreceived.none.notified().await;
        Ok(())
    }

    /// Until the client takes another message.
    async fn ready(&self) -> Result<(), BenchError> {
        if self.sink.is_ready() || self.sink.ready().await {
            return Ok(());
        }
        Err(BenchError::Protocol("the connection was lost"))
    }
}
