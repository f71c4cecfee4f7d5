"""gmqtt, MQTT 3.1.1, asyncio with callbacks.

`publish()` is a plain call that hands the bytes to the transport, and nothing tells when that is full or a
message is acknowledged. QoS 0: the event loop gets its turn after every 1,000 messages. QoS 1: the client
is given a store that is its own but for telling when an acknowledgement took a message out, so that 1,000
are in flight. Receiving: a callback that is a plain function (the fastest that it knows), acknowledged
before it is called; a round trip is published from it. MQTT 5.0 was slower to receive and no faster to
publish.
"""

import asyncio

import gmqtt
from gmqtt.mqtt.constants import MQTTv311
from gmqtt.storage import PersistentStorage

from ..measurement import Clock, Measurement, RoundTrips
from ..task import ECHO_TOPIC, HOST, PAYLOAD, SINK_TOPIC, Task, barrier_topic

WINDOW = 1_000
"""Messages in flight; of QoS 0, messages before the event loop has its turn."""


class InFlight(PersistentStorage):
    """Counts the messages without an acknowledgement."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._room = asyncio.Event()

    def push_message(self, mid: int, raw_package: bytes) -> None:
        super().push_message(mid, raw_package)
        self._count += 1

    def remove_message_by_mid(self, mid: int) -> None:
        super().remove_message_by_mid(mid)
        self._count -= 1
        self._room.set()

    async def room(self) -> None:
        """Waits until another message may be sent."""
        while self._count >= WINDOW:
            self._room.clear()
            await self._room.wait()


async def publish(task: Task) -> Measurement:
    in_flight = InFlight()
    client = await _connect(task, in_flight)
    await _publish_all(client, in_flight, task, task.warm_up)
    clock = Clock()
    await _publish_all(client, in_flight, task, task.count)
    measured = clock.stop(task.count)
    await client.disconnect()
    return measured


async def receive(task: Task) -> Measurement:
    client = await _connect(task)
    await _receive_all(client, task, task.warm_up)
    clock = Clock()
    await _receive_all(client, task, task.count)
    measured = clock.stop(task.count)
    await client.disconnect()
    return measured


async def round_trip(task: Task) -> Measurement:
    client = await _connect(task)
    done = asyncio.Event()
    trips = RoundTrips()
    missing = 0

    def on_message(client: gmqtt.Client, topic: str, payload: bytes, qos: int, properties: object) -> int:
        nonlocal missing
        trips.lap()
        missing -= 1
        if missing == 0:
            done.set()
        else:
            client.publish(ECHO_TOPIC, PAYLOAD)
        return 0

    client.on_message = on_message
    await _subscribe(client, ECHO_TOPIC, 0)
    for count in (task.warm_up, task.count):
        missing = count
        done.clear()
        trips = RoundTrips()
        client.publish(ECHO_TOPIC, PAYLOAD)
        await done.wait()
    measured = trips.stop()
    await client.disconnect()
    return measured


async def _connect(task: Task, store: PersistentStorage | None = None) -> gmqtt.Client:
    client = gmqtt.Client("benchmark", persistent_storage=store)
    await client.connect(HOST, task.port, version=MQTTv311)
    return client


async def _publish_all(client: gmqtt.Client, in_flight: InFlight, task: Task, count: int) -> None:
    if task.qos == 0:
        for number in range(count):
            client.publish(SINK_TOPIC, PAYLOAD)
            if number % WINDOW == 0:
                await asyncio.sleep(0)
    else:
        for _ in range(count):
            client.publish(SINK_TOPIC, PAYLOAD, qos=1)
            await in_flight.room()
        await in_flight.wait_empty()
    client.publish(barrier_topic(count), PAYLOAD, qos=1)
    await in_flight.wait_empty()


async def _receive_all(client: gmqtt.Client, task: Task, count: int) -> None:
    missing = count + 1
    done = asyncio.Event()

    def on_message(client: gmqtt.Client, topic: str, payload: bytes, qos: int, properties: object) -> int:
        nonlocal missing
        missing -= 1
        if missing == 0:
            done.set()
        return 0

    client.on_message = on_message
    client.subscribe(task.source_filter(count), qos=task.qos)
    await done.wait()


async def _subscribe(client: gmqtt.Client, topic: str, qos: int) -> None:
    subscribed = asyncio.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.subscribe(topic, qos=qos)
    await subscribed.wait()
