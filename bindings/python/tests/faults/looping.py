"""Programs that do the same again and again, and fail when more is left of it each time."""

import asyncio
import contextlib
import gc
import itertools
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import polymqtt
from polymqtt import sync

ROUNDS = 5
BLOCKS = 0.9
"""What may be left of a turn in Python's memory, in blocks: an object that is left takes one at least."""
BYTES = 64
"""What may be left of a turn in the memory of the process."""
SPARE = 3 << 20
"""Memory that allocators may keep besides, whatever is done."""


def again_and_again(name: str, url: str, topic: str) -> None:
    """Does one of the things below for two rounds, to be warm, then for several more."""
    if name in BLOCKING:
        turns, act = BLOCKING[name]
        with sync.connect(url, session_expiry=0) as client:
            _measure(turns, lambda: act(client, topic, turns))
        return
    turns, awaited = ASYNCIO[name]

    async def connected() -> polymqtt.Client:
        return await polymqtt.connect(url, session_expiry=0)

    with asyncio.Runner() as runner:
        client = runner.run(connected())
        _measure(turns, lambda: runner.run(awaited(client, topic, turns)))
        runner.run(client.__aexit__(None, None, None))


def _measure(turns: int, act: Callable[[], None]) -> None:
    for _ in range(2):
        act()
    memory, blocks = _memory(), [_blocks()]
    for _ in range(ROUNDS):
        act()
        blocks.append(_blocks())
    # What is left of every turn is left of every round; the rest is what Python keeps for later.
    least = min(after - before for before, after in itertools.pairwise(blocks))
    assert least < turns * BLOCKS, f"{least} blocks or more are left of each {turns} turns"
    memory = _memory() - memory
    assert memory < ROUNDS * turns * BYTES + SPARE, f"{memory} bytes are left of {ROUNDS * turns} turns"


def _blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


def _memory() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


async def publish_and_receive(client: polymqtt.Client, topic: str, turns: int) -> None:
    async with client.subscribe(topic, qos=2) as messages:
        for turn in range(turns):
            await client.publish(topic, "payload", qos=turn % 3, user_properties={"turn": str(turn)})
            message = await messages.recv()
            assert message is not None
            assert message.user_properties
            assert memoryview(message).nbytes == 7


async def publish_many(client: polymqtt.Client, topic: str, turns: int) -> None:
    async with client.subscribe(topic, qos=1) as messages:
        outcomes = await client.publish_many(((topic, "payload") for _ in range(turns)), qos=1)
        assert len(outcomes) == turns
        async for batch in messages.batches():
            turns -= len(batch)
            if not turns:
                return


async def let_go_of_deliveries(client: polymqtt.Client, topic: str, turns: int) -> None:
    for _ in range(turns // 100):
        for _ in range(100):
            client.publish(topic, "payload", qos=1)
        await client.publish(topic, "payload", qos=1)


async def give_up_waiting(client: polymqtt.Client, topic: str, turns: int) -> None:
    idle = polymqtt.Client.prepare("mqtt://localhost:1")
    pending = idle.publish(topic, "payload", qos=1)
    happening = client.events()
    async with client.subscribe(topic, qos=1) as messages:
        for _ in range(turns):
            for wait in (messages.recv(), messages.__aiter__().__anext__(), happening.recv(), pending):
                task = asyncio.ensure_future(_awaited(wait))
                await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
    await idle.disconnect(timeout=0)


async def _awaited(wait: Awaitable[Any]) -> Any:
    return await wait


async def subscribe(client: polymqtt.Client, topic: str, turns: int) -> None:
    for turn in range(turns):
        async with client.subscribe(f"{topic}/{turn}", qos=1):
            pass
        messages = client.declare(topic)
        await messages.unsubscribe()


async def connect(client: polymqtt.Client, _topic: str, turns: int) -> None:
    url = client.status().server
    assert url is not None
    for _ in range(turns):
        async with polymqtt.connect(url, session_expiry=0) as other:
            other.events()
            await other.subscribe("a")


async def connect_in_vain(_client: polymqtt.Client, _topic: str, turns: int) -> None:
    for _ in range(turns):
        with contextlib.suppress(polymqtt.TransportError):
            await polymqtt.connect("mqtt://localhost:1")


async def request(client: polymqtt.Client, topic: str, turns: int) -> None:
    async def respond() -> None:
        async for each in requests:
            await each.respond("answer")

    async with client.respond(topic) as requests:
        responding = asyncio.create_task(respond())
        for _ in range(turns):
            await client.request(topic, "question")
    await responding


async def be_refused(client: polymqtt.Client, _topic: str, turns: int) -> None:
    for _ in range(turns):
        for call in (client.publish, client.declare, client.subscribe):
            with contextlib.suppress(polymqtt.InvalidTopicError):
                await call("a/#/b")  # type: ignore[misc]


def blocking_publish_and_receive(client: sync.Client, topic: str, turns: int) -> None:
    with client.subscribe(topic, qos=2) as messages:
        for turn in range(turns):
            client.publish(topic, "payload", qos=turn % 3)
            assert messages.recv(timeout=10) is not None


def blocking_callbacks(client: sync.Client, topic: str, turns: int) -> None:
    for _ in range(turns):
        client.on_event = lambda _event: None
        with client.subscribe(topic, qos=1, callback=lambda _message: None):
            client.publish(topic, "payload", qos=1)
    client.on_event = None


def blocking_give_up_waiting(client: sync.Client, topic: str, turns: int) -> None:
    idle = sync.Client.prepare("mqtt://localhost:1")
    pending = idle.enqueue(topic, "payload", qos=1)
    with client.subscribe(topic, qos=1) as messages:
        for _ in range(turns):
            for wait in (messages.recv, pending.wait):
                with contextlib.suppress(polymqtt.TimeoutError):
                    wait(timeout=0)
    idle.disconnect(timeout=0)


def blocking_connect(client: sync.Client, _topic: str, turns: int) -> None:
    url = client.status().server
    assert url is not None
    for _ in range(turns):
        with sync.connect(url, session_expiry=0) as other:
            other.on_event = lambda _event: None
            other.subscribe("a", callback=lambda _message: None)


def blocking_request(client: sync.Client, topic: str, turns: int) -> None:
    with client.respond(topic) as requests:
        for _ in range(turns):
            asked = client._client.request(topic, "question")
            next(requests).respond("answer")
            asked.wait()


ASYNCIO: dict[str, tuple[int, Callable[[polymqtt.Client, str, int], Any]]] = {
    "publish_and_receive": (300, publish_and_receive),
    "publish_many": (3000, publish_many),
    "let_go_of_deliveries": (5000, let_go_of_deliveries),
    "give_up_waiting": (1000, give_up_waiting),
    "subscribe": (100, subscribe),
    "connect": (60, connect),
    "connect_in_vain": (100, connect_in_vain),
    "request": (100, request),
    "be_refused": (1000, be_refused),
}
BLOCKING: dict[str, tuple[int, Callable[[sync.Client, str, int], None]]] = {
    "blocking_publish_and_receive": (300, blocking_publish_and_receive),
    "blocking_callbacks": (50, blocking_callbacks),
    "blocking_give_up_waiting": (1000, blocking_give_up_waiting),
    "blocking_connect": (60, blocking_connect),
    "blocking_request": (100, blocking_request),
}
