"""aiomqtt 3, MQTT 5.0, asyncio with a codec in Rust.

QoS 0: one task awaits one `publish()` after the other, which returns when the transport took the message.
QoS 1: it returns with the acknowledgement, so 32 tasks publish at the same time; more were no faster.
Receiving: `async for`, each message acknowledged by `puback()` as soon as it was taken. It drops messages
of QoS 0 that come while nobody waits for one, and of those of one read all but the first do: that workload
it can't do.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt
from aiomqtt import QoS

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
        await client.subscribe(ECHO_TOPIC, max_qos=QoS.AT_MOST_ONCE)
        messages = client.messages()

        async def exchange() -> None:
            # Publishing does not let the event loop run unless the socket is full: the echo finds us waiting.
            await client.publish(ECHO_TOPIC, PAYLOAD)
            await anext(messages)

        for _ in range(task.warm_up):
            await exchange()
        trips = RoundTrips()
        for _ in range(task.count):
            await exchange()
            trips.lap()
        return trips.stop()


@asynccontextmanager
async def _connect(task: Task) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(hostname=HOST, port=task.port, clean_start=True) as client:
        yield client


async def _publish_all(client: aiomqtt.Client, task: Task, count: int) -> None:
    if task.qos == 0:
        for _ in range(count):
            await client.publish(SINK_TOPIC, PAYLOAD)
    else:
        unsent = iter(range(count))

        async def publish_some() -> None:
            for _ in unsent:
                packet_id = next(client.packet_ids)
                await client.publish(SINK_TOPIC, PAYLOAD, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id)

        await asyncio.gather(*(publish_some() for _ in range(PUBLISHERS)))
    packet_id = next(client.packet_ids)
    await client.publish(barrier_topic(count), PAYLOAD, qos=QoS.AT_LEAST_ONCE, packet_id=packet_id)


async def _receive_all(client: aiomqtt.Client, task: Task, count: int) -> None:
    await client.subscribe(task.source_filter(count), max_qos=QoS(task.qos))
    missing = count + 1
    async for message in client.messages():
        if isinstance(message, aiomqtt.PublishPacket) and message.packet_id is not None:
            await client.puback(message.packet_id)
        missing -= 1
        if missing == 0:
            return
