"""The blocking API: what differs from the asyncio one."""

import asyncio
import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import polymqtt
import pytest
from brokers import free_ports
from polymqtt import ReasonCode, events, sync
from servers import DISCONNECT, accepting, server

Topic = Callable[[str], str]


@pytest.fixture
def client(url: str) -> Iterator[sync.Client]:
    with sync.connect(url) as connected:
        yield connected


def test_what_is_published_comes_back(client: sync.Client, topic: Topic) -> None:
    with client.subscribe(topic("#"), qos=2) as messages:
        assert messages.granted[0].qos is polymqtt.QoS.EXACTLY_ONCE
        for qos in (0, 1, 2):
            ack = client.publish(topic("a"), str(qos), qos=qos, content_type="text/plain")
            assert ack.reason_code is ReasonCode.SUCCESS
            message = messages.recv(timeout=5)
            assert message is not None
            assert (message.text(), message.qos, message.content_type) == (str(qos), qos, "text/plain")


def test_iterating_ends_with_the_client(url: str, topic: Topic) -> None:
    client = sync.connect(url)
    messages = client.subscribe(topic("#"), qos=1)
    client.publish_many([(topic("a"), str(number)) for number in range(10)], qos=1)
    received = list[str]()
    for message in messages:
        received.append(message.text())
        if len(received) == 10:
            client.disconnect()
    assert received == [str(number) for number in range(10)]
    assert messages.recv() is None
    assert list(messages.batches()) == []
    assert client.status().phase == "closed"
    assert repr(client).startswith("<Client closed")


def test_the_next_message_by_next(client: sync.Client, topic: Topic) -> None:
    with client.subscribe(topic("#"), qos=1) as messages:
        client.publish(topic("a"), "payload", qos=1)
        assert next(messages).text() == "payload"
        messages.close()
        with pytest.raises(StopIteration):
            next(messages)


def test_messages_come_in_batches(client: sync.Client, topic: Topic) -> None:
    with client.subscribe(topic("#"), qos=1) as messages:
        client.publish_many([(topic("a"), str(number)) for number in range(20)], qos=1)
        received = list[str]()
        for batch in messages.batches(most=8):
            assert 1 <= len(batch) <= 8
            received += [message.text() for message in batch]
            if len(received) == 20:
                break
        assert received == [str(number) for number in range(20)]


def test_a_wait_may_have_an_end(client: sync.Client, topic: Topic) -> None:
    with client.subscribe(topic("#")) as messages, client.respond(topic("b")) as requests:
        with pytest.raises(polymqtt.TimeoutError):
            messages.recv(timeout=0.01)
        with pytest.raises(TimeoutError):
            messages.recv(timeout=timedelta(milliseconds=1))
        with pytest.raises(polymqtt.TimeoutError):
            requests.recv(timeout=0)
        with pytest.raises(polymqtt.TimeoutError):
            client.events().recv(timeout=timedelta(milliseconds=1))


def test_waiting_for_a_delivery_may_have_an_end() -> None:
    client = sync.Client.prepare("mqtt://localhost:1")
    delivery = client.enqueue("a", qos=1)
    with pytest.raises(polymqtt.TimeoutError):
        delivery.wait(timeout=0.01)
    assert not delivery.done()
    delivery.cancel()
    with pytest.raises(polymqtt.WithdrawnError):
        delivery.wait()
    client.disconnect(timeout=0)


def test_connecting_to_nobody() -> None:
    with pytest.raises(polymqtt.TransportError):
        sync.connect(f"mqtt://localhost:{free_ports(1)[0]}")


def test_a_prepared_client(url: str, topic: Topic) -> None:
    with sync.Client.prepare(url) as client:
        happening = client.events()
        messages = client.declare(topic("#"), qos=1)
        assert client.connected() is None
        grant = client.start()
        assert client.connected() == grant
        assert client.client_id == grant.client_id
        client.send(polymqtt.Message(topic("a"), "payload", qos=1))
        assert messages.recv() is not None
        ack = messages.unsubscribe()
        assert ack.reason_codes == [ReasonCode.SUCCESS]
        assert client.unsubscribe(topic("#")).reason_codes == [ReasonCode.NO_SUBSCRIPTION_EXISTED]
        client.flush()
    assert [type(event) for event in happening] == [events.Connecting, events.Connected, events.Disconnected]


def test_events_are_those_from_then_on(url: str) -> None:
    with sync.connect(url) as client:
        first = client.events()
        second = client.events()
    assert [type(event) for event in first] == [type(event) for event in second] == [events.Disconnected]
    assert list(client.events()) == []


def test_requests_are_answered_by_another_thread(client: sync.Client, topic: Topic) -> None:
    requests = client.respond(topic("double"))

    def serve() -> None:
        for request in requests:
            request.respond(str(2 * int(request.payload)))

    server = threading.Thread(target=serve)
    server.start()
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda number: client.request(topic("double"), str(number)), range(32))
        assert [int(answer.payload) for answer in answers] == [2 * number for number in range(32)]
    requests.close()
    server.join()
    assert requests.skipped == 0


def test_a_client_is_used_from_many_threads(client: sync.Client, topic: Topic) -> None:
    with client.subscribe(topic("#"), qos=1) as messages, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: client.publish(topic("a"), str(number), qos=1), range(200)))
        received = {messages.recv(timeout=5).text() for _ in range(200)}  # type: ignore[union-attr]
        assert received == {str(number) for number in range(200)}


def test_one_stream_feeds_many_threads(client: sync.Client, topic: Topic) -> None:
    messages = client.subscribe(topic("#"), qos=1)
    received, enough = list[str](), threading.Semaphore(0)

    def work() -> None:
        for message in messages:
            received.append(message.text())
            enough.release()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    client.publish_many([(topic("a"), str(number)) for number in range(100)], qos=1)
    for _ in range(100):
        assert enough.acquire(timeout=5)
    messages.close()
    for worker in workers:
        worker.join()
    assert sorted(received, key=int) == [str(number) for number in range(100)]


def test_closing_wakes_whoever_waits(client: sync.Client, topic: Topic) -> None:
    messages = client.subscribe(topic("#"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(messages.recv)
        messages.close()
        assert waiting.result(timeout=5) is None


def test_disconnecting_wakes_whoever_waits(client: sync.Client, topic: Topic) -> None:
    messages = client.subscribe(topic("#"))
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(messages.recv), pool.submit(client.events().recv)]
        client.disconnect()
        assert waiting[0].result(timeout=5) is None
        assert isinstance(waiting[1].result(timeout=5), events.Disconnected)


def test_a_closed_client_takes_nothing_more(client: sync.Client, topic: Topic) -> None:
    client.disconnect()
    for call in (
        lambda: client.publish(topic("a")),
        lambda: client.enqueue(topic("a")),
        lambda: client.request(topic("a")),
        lambda: client.subscribe(topic("#")),
        lambda: client.declare(topic("#")),
        client.flush,
    ):
        with pytest.raises(polymqtt.ClosedError):
            call()


def test_errors_are_those_of_the_other_api(client: sync.Client, topic: Topic) -> None:
    with pytest.raises(polymqtt.InvalidTopicError):
        client.publish(topic("#"))
    with pytest.raises(TypeError, match="payload"):
        client.publish(topic("a"), 21.5)  # type: ignore[arg-type]
    with pytest.raises(polymqtt.InvalidTopicError):
        client.subscribe("a/#/b")
    with pytest.raises(polymqtt.TimeoutError):
        client.request(topic("nobody"), qos=0, timeout=0.05)
    with pytest.raises(polymqtt.UnsupportedError):
        client.reauthenticate()
    with pytest.raises(polymqtt.InvalidOptionError):
        client.unclaimed(max_messages=0)
    assert client.metrics().messages_sent == 1


def test_what_was_dropped_of_a_batch_is_an_outcome() -> None:
    client = sync.Client.prepare(
        "mqtt://localhost:1", queue=polymqtt.QueueOptions(max_messages=1, when_full="drop_newest")
    )
    deliveries = client.enqueue_many([("a", "1"), ("a", "2")], qos=1)
    with pytest.raises(polymqtt.DroppedError):
        deliveries[1].wait()
    client.disconnect(timeout=0)


async def test_dropping_the_client_disconnects() -> None:
    received = asyncio.Queue[bytes]()
    async with server(functools.partial(accepting, received)) as url:
        await asyncio.to_thread(lambda: sync.connect(url) and None)
        assert (await received.get())[0] == DISCONNECT
