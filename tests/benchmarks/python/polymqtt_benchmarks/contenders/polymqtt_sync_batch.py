"""polymqtt.sync, MQTT 5.0, default options, in batches.

Publishing: `publish_many()` of 4,096 messages, all waited for before the next. Receiving: `batches()` of up
to 4,096 messages, acknowledged when the next batch is asked for.
"""

from polymqtt import sync
from polymqtt.sync import Client

from ..measurement import Clock, Measurement
from ..task import PAYLOAD, SINK_TOPIC, Task, barrier_topic

BATCH = 4096


def publish(task: Task) -> Measurement:
    with sync.connect(task.url) as client:
        _publish_all(client, task, task.warm_up)
        clock = Clock()
        _publish_all(client, task, task.count)
        return clock.stop(task.count)


def receive(task: Task) -> Measurement:
    with sync.connect(task.url) as client:
        _receive_all(client, task, task.warm_up)
        clock = Clock()
        _receive_all(client, task, task.count)
        return clock.stop(task.count)


def _publish_all(client: Client, task: Task, count: int) -> None:
    for sent in range(0, count, BATCH):
        messages = [(SINK_TOPIC, PAYLOAD) for _ in range(min(BATCH, count - sent))]
        client.publish_many(messages, qos=task.qos)
    client.publish(barrier_topic(count), PAYLOAD, qos=1)


def _receive_all(client: Client, task: Task, count: int) -> None:
    missing = count + 1
    with client.subscribe(task.source_filter(count), qos=task.qos) as messages:
        for batch in messages.batches(BATCH):
            missing -= len(batch)
            if missing == 0:
                return
