"""polymqtt on asyncio, MQTT 5.0, default options, a call a message.

QoS 0: one task awaits one `publish()` after the other. QoS 1: it keeps the deliveries of 4,096 calls and
awaits the oldest. Receiving: `async for`; a message is acknowledged when the next is asked for.
"""

from collections import deque

import polymqtt
from polymqtt import Client, Delivery

from ..measurement import Clock, Measurement, RoundTrips
from ..task import ECHO_TOPIC, PAYLOAD, SINK_TOPIC, Task, barrier_topic

KEPT = 4096


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


async def round_trip(task: Task) -> Measurement:
    async with polymqtt.connect(task.url) as client, client.subscribe(ECHO_TOPIC) as echoes:

        async def exchange() -> None:
            await client.publish(ECHO_TOPIC, PAYLOAD)
            await echoes.recv()

        for _ in range(task.warm_up):
            await exchange()
        trips = RoundTrips()
        for _ in range(task.count):
            await exchange()
            trips.lap()
        return trips.stop()


async def _publish_all(client: Client, task: Task, count: int) -> None:
    if task.qos == 0:
        for _ in range(count):
            await client.publish(SINK_TOPIC, PAYLOAD)
    else:
        pending: deque[Delivery] = deque()
        for _ in range(count):
            pending.append(client.publish(SINK_TOPIC, PAYLOAD, qos=1))
            if len(pending) == KEPT:
                await pending.popleft()
        for delivery in pending:
            await delivery
    await client.publish(barrier_topic(count), PAYLOAD, qos=1)


async def _receive_all(client: Client, task: Task, count: int) -> None:
    missing = count + 1
    async with client.subscribe(task.source_filter(count), qos=task.qos) as messages:
        async for _ in messages:
            missing -= 1
            if missing == 0:
                return
