"""Programs that are killed: each works off the messages of a session that lasts, and says which it has done.

A message or batch in hand is not done until that is said.
"""

import asyncio
import os
import signal
from collections.abc import Iterable
from typing import Any

import polymqtt
from polymqtt import Message, sync

SESSION = {"clean_start": False, "session_expiry": 300}


class Work:
    """What is done with messages; it never ends with the message of this number."""

    def __init__(self, held: str) -> None:
        self._held = held.encode()

    def do(self, messages: Iterable[Message]) -> None:
        """Works off what the program has in hand."""
        for message in messages:
            if message.payload == self._held:
                os.write(1, b"holding\n")
                signal.pause()
        os.write(1, b"".join(message.payload + b"\n" for message in messages))


def asyncio_messages(url: str, client_id: str, topic: str, held: str) -> None:
    async def receive(messages: polymqtt.Subscription, work: Work) -> None:
        async for message in messages:
            work.do([message])

    asyncio.run(_asyncio(url, client_id, topic, held, receive))


def asyncio_batches(url: str, client_id: str, topic: str, held: str) -> None:
    async def receive(messages: polymqtt.Subscription, work: Work) -> None:
        async for batch in messages.batches(50):
            work.do(batch)

    asyncio.run(_asyncio(url, client_id, topic, held, receive))


async def _asyncio(url: str, client_id: str, topic: str, held: str, receive: Any) -> None:
    client = polymqtt.Client.prepare(url, client_id=client_id, **SESSION)
    messages = client.declare(topic, qos=1)
    await client.start()
    await receive(messages, Work(held))


def blocking_messages(url: str, client_id: str, topic: str, held: str) -> None:
    work = Work(held)
    for message in _blocking(url, client_id, topic):
        work.do([message])


def blocking_batches(url: str, client_id: str, topic: str, held: str) -> None:
    work = Work(held)
    for batch in _blocking(url, client_id, topic).batches(50):
        work.do(batch)


def _blocking(url: str, client_id: str, topic: str) -> sync.Subscription:
    client = sync.Client.prepare(url, client_id=client_id, **SESSION)
    messages = client.declare(topic, qos=1)
    client.start()
    return messages


def callback(url: str, client_id: str, topic: str, held: str) -> None:
    work = Work(held)
    client = sync.Client.prepare(url, client_id=client_id, **SESSION)
    client.declare(topic, qos=1, callback=lambda message: work.do([message]))
    client.start()
    signal.pause()


ALL = [asyncio_messages, asyncio_batches, blocking_messages, blocking_batches, callback]
