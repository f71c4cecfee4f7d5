"""Many threads with one blocking client, and an asyncio client in a thread that is not its loop's."""

import asyncio
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import polymqtt
import pytest
from polymqtt import sync

Topic = Callable[[str], str]

THREADS = 8
MESSAGES = 50


@pytest.fixture
def client(url: str) -> Iterator[sync.Client]:
    with sync.connect(url, session_expiry=0) as connected:
        yield connected


def test_each_stream_has_each_message_once_and_in_order(client: sync.Client, topic: Topic) -> None:
    def publish(name: int) -> None:
        for number in range(MESSAGES):
            client.publish(topic(str(name)), str(number), qos=1 + number % 2)

    def receive(messages: sync.Subscription) -> list[tuple[str, str]]:
        received = [messages.recv(timeout=10) for _ in range(THREADS * MESSAGES)]
        return [(message.topic, message.text()) for message in received if message is not None]

    streams = [client.subscribe(topic("#"), qos=2) for _ in range(THREADS)]
    with ThreadPoolExecutor(2 * THREADS) as pool:
        receiving = [pool.submit(receive, messages) for messages in streams]
        for _ in pool.map(publish, range(THREADS)):
            pass
        for received in (each.result() for each in receiving):
            for name in map(str, range(THREADS)):
                # Order is kept per topic and quality of service.
                for qos in range(2):
                    texts = [text for of, text in received if of == topic(name) and int(text) % 2 == qos]
                    assert texts == [str(number) for number in range(qos, MESSAGES, 2)]


def test_threads_share_one_stream_and_lose_nothing(client: sync.Client, topic: Topic) -> None:
    messages = client.subscribe(topic("#"), qos=1)
    everything = Counter[str]()
    lock = threading.Lock()

    def receive() -> None:
        for message in messages:
            with lock:
                everything[message.text()] += 1
                if len(everything) == THREADS * MESSAGES:
                    messages.close()

    with ThreadPoolExecutor(THREADS) as pool:
        receiving = [pool.submit(receive) for _ in range(THREADS)]
        client.publish_many([(topic("a"), str(number)) for number in range(THREADS * MESSAGES)], qos=1)
        for each in receiving:
            each.result(timeout=10)
    assert set(everything.values()) == {1}


def test_disconnecting_ends_what_all_threads_wait_for(client: sync.Client, topic: Topic) -> None:
    ended: queue.SimpleQueue[Exception] = queue.SimpleQueue()
    under_way = threading.Semaphore(0)
    calls: list[Callable[[], object]] = [
        lambda: client.publish(topic("a"), "payload", qos=1),
        lambda: client.publish_many([(topic("a"), "payload")] * 3, qos=2),
        lambda: client.request(topic("nobody"), timeout=60),
        lambda: client.subscribe(topic("b")).unsubscribe(),
        lambda: next(client.subscribe(topic("c")).batches()),
    ]

    def use(call: Callable[[], object]) -> None:
        under_way.release()
        try:
            while True:
                call()
        except (polymqtt.MqttError, StopIteration) as error:  # a stream ends in order
            ended.put(error)

    for call in calls:
        threading.Thread(target=use, args=[call], daemon=True).start()
        assert under_way.acquire(timeout=10)
    client.disconnect(timeout=0)
    for _ in calls:
        ended.get(timeout=10)


async def test_another_loop_is_refused(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("a"), qos=1) as messages:
        happening = client.events()
        idle = polymqtt.Client.prepare(url)
        waits = [
            lambda: idle.publish(topic("a"), "payload", qos=1),
            lambda: client.request(topic("nobody")),
            lambda: client.subscribe(topic("b")),
            lambda: client.events().recv(),
            messages.recv,
            happening.recv,
        ]

        def elsewhere() -> None:
            for wait in waits:
                with pytest.raises(RuntimeError, match="loop"):
                    asyncio.run(asyncio.wait_for(_awaited(wait), 5))

        await asyncio.wait_for(asyncio.to_thread(elsewhere), 10)
        await client.publish(topic("a"), "still works", qos=1)
        message = await messages.recv()
        assert message is not None
        assert message.text() == "still works"
        await idle.disconnect(timeout=0)


async def _awaited(wait: Callable[[], object]) -> object:
    return await wait()  # type: ignore[misc]


async def test_another_thread_asks_the_loop(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1) as messages:
        loop = asyncio.get_running_loop()

        def elsewhere() -> polymqtt.PublishAck:
            publishing = _awaited(lambda: client.publish(topic("a"), "from a thread", qos=1))
            return asyncio.run_coroutine_threadsafe(publishing, loop).result(10)

        assert await asyncio.to_thread(elsewhere)
        message = await messages.recv()
        assert message is not None
        assert message.text() == "from a thread"
