"""Event loops: none, another library's, several, and one that can't wait for descriptors."""

import asyncio
import contextlib
import functools
import gc
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import polymqtt
import pytest
from servers import DISCONNECT, accepting, server

Topic = Callable[[str], str]


def test_without_a_loop_the_error_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"asyncio\.run.*polymqtt\.sync"):
        polymqtt.Client.prepare("mqtt://localhost")


def test_trio_is_told_of_the_blocking_api() -> None:
    trio = pytest.importorskip("trio")

    async def main() -> None:
        await polymqtt.connect("mqtt://localhost")

    with pytest.raises(RuntimeError, match=r"trio.*polymqtt\.sync in a thread"):
        trio.run(main)


async def exchange(url: str, topic: str) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic, qos=1) as messages:
        happening = client.events()
        acks = await client.publish_many([(topic, str(number)) for number in range(100)], qos=1)
        assert len(acks) == 100
        received = [await messages.recv() for _ in range(100)]
        assert [message.text() for message in received if message] == [str(number) for number in range(100)]
    assert [event async for event in happening]


def test_one_loop_after_the_other(url: str, topic: Topic) -> None:
    for _ in range(3):
        asyncio.run(exchange(url, topic("a")))


def test_loops_in_several_threads(url: str, topic: Topic) -> None:
    failed = list[BaseException]()

    def run(name: str) -> None:
        try:
            asyncio.run(exchange(url, topic(name)))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is for Unix")
def test_uvloop(url: str, topic: Topic) -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(exchange(url, topic("a")))


class WithoutReaders(asyncio.SelectorEventLoop):
    """As the proactor of Windows: it can't wait for a descriptor."""

    def add_reader(self, *_: Any) -> Any:
        raise NotImplementedError

    def remove_reader(self, *_: Any) -> Any:
        raise NotImplementedError


def test_a_loop_that_waits_for_no_descriptor(url: str, topic: Topic) -> None:
    with asyncio.Runner(loop_factory=WithoutReaders) as runner:
        runner.run(exchange(url, topic("a")))


async def test_the_loop_lets_go_of_a_client_that_has_ended(url: str) -> None:
    client = await polymqtt.connect(url)
    happening = client.events()
    await client.disconnect()
    assert [event async for event in happening]  # until it has ended
    known = weakref.ref(client)
    del client, happening
    gc.collect()
    assert known() is None


async def test_the_loop_keeps_a_client_that_nobody_holds(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as other, other.subscribe(topic("#"), qos=1) as messages:

        async def forget() -> None:
            client = await polymqtt.connect(url)
            echo = await client.subscribe(topic("in"), qos=1)

            async def answer() -> None:
                async for message in echo:
                    await client.publish(topic("out"), message.payload, qos=1)

            tasks.append(asyncio.create_task(answer()))

        tasks = list[asyncio.Task[None]]()
        await forget()
        gc.collect()
        await other.publish(topic("in"), "payload", qos=1)
        topics = {(await messages.recv()).topic, (await messages.recv()).topic}  # type: ignore[union-attr]
        assert topics == {topic("in"), topic("out")}
        tasks[0].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await tasks[0]


@pytest.mark.parametrize("kind", [asyncio.SelectorEventLoop, WithoutReaders])
async def test_a_loop_that_ends_without_a_goodbye_ends_its_clients(
    kind: type[asyncio.AbstractEventLoop],
) -> None:
    received = asyncio.Queue[bytes]()

    async def forget(url: str) -> None:
        await polymqtt.connect(url)

    def run(url: str) -> None:
        with asyncio.Runner(loop_factory=kind) as runner:
            runner.run(forget(url))
        gc.collect()

    async with server(functools.partial(accepting, received)) as url:
        await asyncio.to_thread(run, url)
        assert (await received.get())[0] == DISCONNECT
