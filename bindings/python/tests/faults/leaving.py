"""Programs that end with clients alive, in all the states that these may be in."""

import asyncio
import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import polymqtt
from polymqtt import ReconnectOptions, sync

TOGETHER = 4
"""Programs at once."""

SESSION = {"session_expiry": 0}
"""Else the server would have a session of each program, and send it what the others publish."""

_kept: list[Any] = []
"""Ends with the interpreter."""


class _Slow:
    """Has the interpreter's end take a while, for threads to run into it."""

    def __del__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        for _ in range(10):
            sleep(0.002)


def a_hundred_times(name: str, url: str) -> None:
    """Runs a program in forked processes, which end as any does; says how often one did not end with 0."""
    running, failed = 0, 0
    for _ in range(100):
        if os.fork() == 0:
            _kept.append(_Slow())
            # Threads run into each other as often as they can.
            sys.setswitchinterval(1e-6)
            globals()[name](url)
            sys.exit(0)
        running += 1
        if running == TOGETHER:
            running -= 1
            failed += os.wait()[1] != 0
    for _ in range(running):
        failed += os.wait()[1] != 0
    print(failed)


def _topic(name: str) -> str:
    return f"leaving/{os.getpid()}/{name}"


def asyncio_connected(url: str) -> None:
    async def main() -> None:
        client = await polymqtt.connect(url, **SESSION)
        _kept.append([client, await client.subscribe(_topic("#"), qos=1), client.events()])
        _kept.extend(client.publish(_topic("a"), str(number), qos=1) for number in range(100))

    asyncio.run(main())


def asyncio_let_go_of(url: str) -> None:
    async def main() -> None:
        client = await polymqtt.connect(url, **SESSION)
        await client.subscribe(_topic("#"), qos=1)
        client.publish(_topic("a"), "payload", qos=1)

    asyncio.run(main())


def asyncio_with_tasks(url: str) -> None:
    async def receive(messages: polymqtt.Subscription) -> None:
        async for _message in messages:
            pass

    async def main() -> None:
        client = await polymqtt.connect(url, **SESSION)
        happening = client.events()
        waiting = [happening.recv(), *[receive(await client.subscribe(_topic("#"), qos=1)) for _ in range(5)]]
        publishing = [client.publish(_topic("a"), str(number), qos=1) for number in range(100)]
        _kept.extend(asyncio.create_task(each) for each in [*waiting, *publishing])
        await asyncio.sleep(0)

    asyncio.run(main())


def asyncio_exiting(url: str) -> None:
    async def main() -> None:
        async with polymqtt.connect(url, **SESSION) as client, client.subscribe(_topic("#"), qos=1):
            client.publish(_topic("a"), "payload", qos=1)
            sys.exit(0)

    asyncio.run(main())


def asyncio_reconnecting(url: str) -> None:
    async def main() -> None:
        hasty = ReconnectOptions(shortest=0.001, longest=0.002)
        client = polymqtt.Client.prepare("mqtt://localhost:1", keep_trying=True, reconnect=hasty)
        messages = client.declare(_topic("#"), qos=1)
        happening = client.events()
        _kept.append([client, messages, client.publish(_topic("a"), "payload", qos=1)])
        _kept.append(asyncio.create_task(client.start()))
        for _ in range(3):
            await happening.recv()

    asyncio.run(main())


def asyncio_asked_for_credentials(url: str) -> None:
    async def main() -> None:
        asked = asyncio.Event()

        async def credentials(_attempt: polymqtt.Attempt) -> polymqtt.Credentials:
            asked.set()
            await asyncio.sleep(60)
            return polymqtt.Credentials("name", "password")

        client = polymqtt.Client.prepare(url, **SESSION, credentials=credentials)
        _kept.append([client, asyncio.create_task(client.start())])
        await asked.wait()

    asyncio.run(main())


def asyncio_in_a_daemon(url: str) -> None:
    connected = threading.Event()

    async def main() -> None:
        client = await polymqtt.connect(url, **SESSION)
        messages = await client.subscribe(_topic("#"), qos=1)
        while True:
            await client.publish(_topic("a"), "payload", qos=1)
            await messages.recv()
            connected.set()

    threading.Thread(target=asyncio.run, args=[main()], daemon=True).start()
    assert connected.wait(10)


def blocking_connected(url: str) -> None:
    client = sync.connect(url, **SESSION)
    _kept.append([client, client.subscribe(_topic("#"), qos=1), client.events()])
    _kept.extend(client.enqueue(_topic("a"), str(number), qos=1) for number in range(100))


def blocking_let_go_of(url: str) -> None:
    client = sync.connect(url, **SESSION)
    client.subscribe(_topic("#"), qos=1)
    client.enqueue(_topic("a"), "payload", qos=1)


def blocking_with_callbacks(url: str) -> None:
    client = sync.connect(url, **SESSION)
    called = threading.Event()
    client.on_event = lambda _event: called.set()
    for _ in range(3):
        client.subscribe(
            _topic("#"), qos=1, callback=lambda message: client.enqueue(message.topic, b"", qos=1)
        )
    client.subscribe(_topic("#"), qos=1, callback=lambda _: called.set())
    client.enqueue(_topic("a"), "payload", qos=1)
    assert called.wait(10)


def blocking_in_daemons(url: str) -> None:
    client = sync.connect(url, **SESSION)
    went_round = threading.Semaphore(0)
    messages = client.subscribe(_topic("#"), qos=1)

    def publish() -> None:
        while True:
            client.publish(_topic("a"), "payload", qos=1)
            went_round.release()

    def receive() -> None:
        for _message in messages:
            went_round.release()

    for target in (publish, publish, receive, receive, lambda: next(client.events())):
        threading.Thread(target=target, daemon=True).start()
    for _ in range(10):
        assert went_round.acquire(timeout=10)


def blocking_reconnecting(url: str) -> None:
    hasty = ReconnectOptions(shortest=0.001, longest=0.002)
    client = sync.Client.prepare("mqtt://localhost:1", keep_trying=True, reconnect=hasty)
    happening = client.events()
    _kept.append(
        [client, client.declare(_topic("#"), callback=print), client.enqueue(_topic("a"), b"", qos=1)]
    )
    threading.Thread(target=client.start, daemon=True).start()
    for _ in range(3):
        happening.recv(timeout=10)


def blocking_asked_for_credentials(url: str) -> None:
    asked = threading.Event()

    def credentials(_attempt: polymqtt.Attempt) -> polymqtt.Credentials:
        asked.set()
        time.sleep(60)
        return polymqtt.Credentials("name", "password")

    client = sync.Client.prepare(url, **SESSION, credentials=credentials)
    _kept.append(client)
    threading.Thread(target=client.start, daemon=True).start()
    assert asked.wait(10)


def blocking_disconnecting_at_exit(url: str) -> None:
    client = sync.connect(url, **SESSION)
    client.subscribe(_topic("#"), qos=1, callback=lambda _: None)
    client.enqueue(_topic("a"), "payload", qos=1)
    atexit.register(client.disconnect)


ALL = [
    asyncio_connected,
    asyncio_let_go_of,
    asyncio_with_tasks,
    asyncio_exiting,
    asyncio_reconnecting,
    asyncio_asked_for_credentials,
    asyncio_in_a_daemon,
    blocking_connected,
    blocking_let_go_of,
    blocking_with_callbacks,
    blocking_in_daemons,
    blocking_reconnecting,
    blocking_asked_for_credentials,
    blocking_disconnecting_at_exit,
]
