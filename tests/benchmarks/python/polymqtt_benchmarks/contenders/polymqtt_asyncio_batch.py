"""polymqtt on asyncio, MQTT 5.0, default options, in batches.

Publishing: `publish_many()` of 4,096 messages, all awaited before the next. Receiving: `batches()` of up to
4,096 messages, acknowledged when the next batch is asked for.
"""

import polymqtt
from polymqtt import Client

from ..measurement import Clock, Measurement
from ..task import PAYLOAD, SINK_TOPIC, Task, barrier_topic

BATCH = 4096


async def publish(task: Task) -> Measurement:
    async with polymqtt.connect(task.url) as client:
        await _publish_all(client, task, task.warm_up)
        clock = Clock()
        await _publish_all(client, task, task.count)
        return clock.stop(task.count)


async def receive(task: Task) -> Measurement:
    async with polymqtt.connect(task.url) as client:
        await _receive_all(client, task, task.warm_up)
        clock = Clock()
        await _receive_all(client, task, task.count)
        return clock.stop(task.count)


async def _publish_all(client: Client, task: Task, count: int) -> None:
    for sent in range(0, count, BATCH):
        messages = [(SINK_TOPIC, PAYLOAD) for _ in range(min(BATCH, count - sent))]
        await client.publish_many(messages, qos=task.qos)
    await client.publish(barrier_topic(count), PAYLOAD, qos=1)


async def _receive_all(client: Client, task: Task, count: int) -> None:
    missing = count + 1
    async with client.subscribe(task.source_filter(count), qos=task.qos) as messages:
        async for batch in messages.batches(BATCH):
            missing -= len(batch)
            if missing == 0:
                return
