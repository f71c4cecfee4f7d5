"""aiomqtt 2, MQTT 3.1.1, asyncio around paho-mqtt.

`publish()` returns when a message of QoS 0 is written and with the acknowledgement of one of QoS 1, so 32
tasks publish at the same time, twice as fast as one; more hardly differed. Receiving: `async for`; messages
are acknowledged before they are taken. MQTT 5.0 was slower.
"""

import asyncio
import logging
import math

import aiomqtt

from ..measurement import Clock, Measurement, RoundTrips
from ..task import ECHO_TOPIC, HOST, PAYLOAD, SINK_TOPIC, Task, barrier_topic

PUBLISHERS = 32


async def publish(task: Task) -> Measurement:
    async with _connect(task) as client:
        await _publish_all(client, task, task.warm_up)
        clock = Clock()
        await _publish_all(client, task, task.count)
        return clock.stop(task.count)


async def receive(task: Task) -> Measurement:
    async with _connect(task) as client:
        await _receive_all(client, task, task.warm_up)
        clock = Clock()
        await _receive_all(client, task, task.count)
        return clock.stop(task.count)


async def round_trip(task: Task) -> Measurement:
    async with _connect(task) as client:
        await client.subscribe(ECHO_TOPIC)
        messages = aiter(client.messages)

        async def exchange() -> None:
            await client.publish(ECHO_TOPIC, PAYLOAD)
            await anext(messages)

        for _ in range(task.warm_up):
            await exchange()
        trips = RoundTrips()
        for _ in range(task.count):
            await exchange()
            trips.lap()
        return trips.stop()


def _connect(task: Task) -> aiomqtt.Client:
    # It warns when more than ten calls are pending.
    logging.getLogger("mqtt").setLevel(logging.ERROR)
    return aiomqtt.Client(HOST, task.port, max_inflight_messages=PUBLISHERS)


async def _publish_all(client: aiomqtt.Client, task: Task, count: int) -> None:
    unsent = iter(range(count))

    async def publish_some() -> None:
        for _ in unsent:
            await client.publish(SINK_TOPIC, PAYLOAD, qos=task.qos, timeout=math.inf)

    await asyncio.gather(*(publish_some() for _ in range(PUBLISHERS)))
    await client.publish(barrier_topic(count), PAYLOAD, qos=1)


async def _receive_all(client: aiomqtt.Client, task: Task, count: int) -> None:
    await client.subscribe(task.source_filter(count), qos=task.qos)
    missing = count + 1
    async for _ in client.messages:
        missing -= 1
        if missing == 0:
            return
