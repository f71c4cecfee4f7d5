"""A broker that ends and starts again with what it has written down: nothing of QoS 1 is lost."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polymqtt
import pytest
from brokers import LastingMosquitto
from polymqtt import ReconnectOptions, sync

BEFORE = [str(number) for number in range(500)]
AFTER = [str(number) for number in range(500, 1000)]
TAKEN_BEFORE = 100

LASTING: dict[str, Any] = {
    "clean_start": False,  # mosquitto 2.0.11 writes down only sessions that began without a clean start
    "session_expiry": 300,
    "receive_maximum": 20,  # so that some wait at the broker
    "reconnect": ReconnectOptions(shortest=0.05, longest=0.1),
}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[LastingMosquitto]:
    with LastingMosquitto(tmp_path) as broker:
        yield broker


async def test_asyncio_loses_nothing(broker: LastingMosquitto) -> None:
    async with (
        polymqtt.connect(broker.url, client_id="sender", **LASTING) as sender,
        polymqtt.connect(broker.url, client_id="receiver", **LASTING) as receiver,
        receiver.subscribe("work", qos=1) as messages,
    ):
        await sender.publish_many([("work", text) for text in BEFORE], qos=1)
        received = {(await anext(messages)).text() for _ in range(TAKEN_BEFORE)}
        restarting = asyncio.create_task(asyncio.to_thread(broker.restart))
        deliveries = [sender.publish("work", text, qos=1) for text in AFTER]
        while len(received) < len(BEFORE + AFTER):
            received.add((await anext(messages)).text())
        await asyncio.gather(restarting, *deliveries)
        assert received == {*BEFORE, *AFTER}
        assert receiver.metrics().reconnects > 0


def test_blocking_loses_nothing(broker: LastingMosquitto) -> None:
    with (
        sync.connect(broker.url, client_id="sender", **LASTING) as sender,
        sync.connect(broker.url, client_id="receiver", **LASTING) as receiver,
        receiver.subscribe("work", qos=1) as messages,
    ):
        sender.publish_many([("work", text) for text in BEFORE], qos=1)
        received = {taken(messages) for _ in range(TAKEN_BEFORE)}
        restarting = threading.Thread(target=broker.restart)
        restarting.start()
        deliveries = sender.enqueue_many([("work", text) for text in AFTER], qos=1)
        while len(received) < len(BEFORE + AFTER):
            received.add(taken(messages))
        for delivery in deliveries:
            delivery.wait(timeout=10)
        restarting.join()
        assert received == {*BEFORE, *AFTER}
        assert receiver.metrics().reconnects > 0


def taken(messages: sync.Subscription) -> str:
    message = messages.recv(timeout=10)
    assert message is not None
    return message.text()
