"""Programs that fork with a client alive: what the child may do with it, and what both can do after."""

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import polymqtt
import pytest
from polymqtt import Message, sync

SESSION = {"session_expiry": 0}


def blocking(url: str, topic: str) -> None:
    """Every call for the client of the parent is an error at once, and the parent goes on."""
    client = sync.connect(url, **SESSION)
    messages = client.subscribe(topic, qos=1)
    happening = client.events()
    client.on_event = lambda _event: None
    idle = sync.Client.prepare(url)
    pending = idle.enqueue(topic, "pending", qos=1)
    client.publish(topic, "before", qos=1)
    calls: list[Callable[[], object]] = [
        *_waits(client, messages, happening),
        *_answers(client),
        lambda: next(iter(messages)),
        lambda: next(iter(messages.batches())),
        pending.wait,
    ]

    def child() -> None:
        for call in calls:
            _refused(call)
        _harmless(client, messages)
        with client, messages:
            pass
        with sync.connect(url, **SESSION) as own:
            own.publish(topic, "child", qos=1)

    _in_child(child)
    client.publish(topic, "after", qos=1)
    assert not pending.done()
    assert _texts(messages, 3) == ["before", "child", "after"]
    client.disconnect()


def in_asyncio(url: str, topic: str) -> None:
    """The same, forked out of an event loop."""

    async def refused(
        client: polymqtt.Client, messages: polymqtt.Subscription, happening: polymqtt.Events, pending: Any
    ) -> None:
        awaited: list[Callable[[], Any]] = [
            *_waits(client, messages, happening),
            lambda: messages.__aiter__().__anext__(),
            lambda: messages.batches().__anext__(),
            lambda: pending,
        ]
        for call in awaited:
            await _refused_awaited(call)
        for call in _answers(client):
            _refused(call)
        _harmless(client, messages)
        async with client, messages:
            pass

    async def child(*parents: Any) -> None:
        await refused(*parents)
        async with polymqtt.connect(url, **SESSION) as own:
            await own.publish(topic, "child", qos=1)

    async def main() -> None:
        async with polymqtt.connect(url, **SESSION) as client, client.subscribe(topic, qos=1) as messages:
            idle = polymqtt.Client.prepare(url)
            pending = idle.publish(topic, "pending", qos=1)
            happening = client.events()
            await client.publish(topic, "before", qos=1)
            # What the parent's loop waits with is the parent's: the child leaves it alone.
            _in_child(lambda: asyncio.run(child(client, messages, happening, pending)), os._exit)
            assert not pending.done()
            await client.publish(topic, "after", qos=1)
            received = [await messages.recv() for _ in range(3)]
            assert [message.text() for message in received if message] == ["before", "child", "after"]

    asyncio.run(main())


def _waits(client: Any, messages: Any, happening: Any) -> list[Callable[[], Any]]:
    """What waits, by blocking or when it is awaited; of either kind of client."""
    return [
        client.start,
        client.flush,
        client.reauthenticate,
        client.disconnect,
        lambda: client.publish("a"),
        lambda: client.publish("a", qos=1),
        lambda: client.send(Message("a", qos=2)),
        lambda: client.enqueue("a", qos=1),
        lambda: client.publish_many([("a", "payload")], qos=1),
        lambda: client.enqueue_many([("a", "payload")]),
        lambda: client.subscribe("a"),
        lambda: client.unsubscribe("a"),
        lambda: client.respond("a"),
        lambda: client.request("a"),
        messages.recv,
        messages.unsubscribe,
        lambda: client.events().recv(),
        happening.recv,
    ]


def _answers(client: Any) -> list[Callable[[], Any]]:
    """What answers at once, of either kind of client."""
    return [client.status, client.metrics, client.unclaimed, lambda: client.declare("a")]


def under_load(url: str, topic: str) -> None:
    """Forks again and again while threads use the client: no child hangs on what one of them held."""
    client = sync.connect(url, **SESSION)
    ends = threading.Event()

    def use(name: str) -> None:
        messages = client.subscribe(f"{topic}/{name}", qos=1)
        while not ends.is_set():
            client.publish(f"{topic}/{name}", "payload", qos=1)
            messages.recv(timeout=10)

    client.on_event = lambda _event: None
    messages = client.subscribe(topic)
    threads = [threading.Thread(target=use, args=[name], daemon=True) for name in "abc"]
    for thread in threads:
        thread.start()

    def child() -> None:
        for call in (
            client.status,
            messages.recv,
            client.flush,
            lambda: client.events().recv(),
        ):
            _refused(call)
        _harmless(client, messages)

    for _ in range(40):
        _in_child(child, os._exit)
    ends.set()
    for thread in threads:
        thread.join()
    client.disconnect()


def with_multiprocessing(url: str, topic: str) -> None:
    """Workers of a pool that was forked with a client alive."""
    client = sync.connect(url, **SESSION)
    messages = client.subscribe(topic, qos=1)
    with multiprocessing.get_context("fork").Pool(3) as pool:
        results = pool.map(_work, [(url, topic, str(number)) for number in range(6)])
        pool.close()
        pool.join()
    assert len(set(results)) == 6, results
    assert sorted(_texts(messages, 6)) == [str(number) for number in range(6)]
    client.disconnect()


def _work(task: tuple[str, str, str]) -> str:
    url, topic, text = task
    with sync.connect(url, **SESSION) as own:
        own.publish(topic, text, qos=1)
        return own.client_id


def prefork_server(url: str, topic: str) -> None:
    """A server whose workers are forked, each with a client of its own, that answer a shared subscription."""
    client = sync.connect(url, **SESSION)
    ready, say = os.pipe()
    workers = []
    for number in range(3):
        if worker := os.fork():
            workers.append(worker)
            continue
        asyncio.run(_serve(url, topic, number, say))
        sys.exit(0)
    for _ in workers:
        os.read(ready, 1)
    answers = {client.request(topic, "who", timeout=10).text() for _ in range(12)}
    assert answers <= {"0", "1", "2"}
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
        assert os.waitpid(worker, 0)[1] == 0
    client.disconnect()


async def _serve(url: str, topic: str, number: int, ready: int) -> None:
    async with polymqtt.connect(url, **SESSION) as own, own.respond(f"$share/workers/{topic}") as requests:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, requests.close)
        os.write(ready, b"1")
        async for request in requests:
            await request.respond(str(number))


def siblings(url: str, _topic: str) -> None:
    """Says the identifiers of clients that siblings make, where the protocol has the client choose one."""
    parents = sync.connect(url, version="3.1.1")
    print(parents.client_id, flush=True)
    for _ in range(3):
        _in_child(lambda: print(sync.connect(url, version="3.1.1").client_id, flush=True))


def _in_child(what: Callable[[], object], leave: Callable[[int], object] = sys.exit) -> None:
    """Does this in a forked process, which must end in order; waits for that."""
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        return
    try:
        what()
    except BaseException:
        traceback.print_exc()
        leave(1)
    leave(0)


def _refused(call: Callable[[], object]) -> None:
    with pytest.raises(polymqtt.ClosedError, match="forked"):
        raise AssertionError(f"{call} gave {call()!r}")


async def _refused_awaited(call: Callable[[], Any]) -> None:
    with pytest.raises(polymqtt.ClosedError, match="forked"):
        raise AssertionError(f"{call} gave {await call()!r}")


def _harmless(client: polymqtt.Client | sync.Client, messages: Any) -> None:
    """What gives no error must not hang either."""
    assert client.connected() is None
    assert not client.client_id
    repr(client)
    repr(messages)
    messages.close()


def _texts(messages: sync.Subscription, count: int) -> list[str]:
    received = [messages.recv(timeout=10) for _ in range(count)]
    return [message.text() for message in received if message is not None]


ALL = [blocking, in_asyncio, under_load, with_multiprocessing, prefork_server]
