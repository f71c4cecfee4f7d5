"""Callbacks of the blocking API."""

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import polymqtt
import pytest
from polymqtt import events, sync

Topic = Callable[[str], str]


@pytest.fixture
def client(url: str) -> Iterator[sync.Client]:
    with sync.connect(url) as connected:
        yield connected


def test_each_message_is_a_call_in_a_thread_of_the_subscription(client: sync.Client, topic: Topic) -> None:
    calls = queue.Queue[tuple[str, str]]()

    def called(message: polymqtt.Message) -> None:
        calls.put((message.text(), threading.current_thread().name))

    with client.subscribe(topic("#"), qos=1, callback=called):
        client.publish_many([(topic("a"), str(number)) for number in range(10)], qos=1)
        taken = [calls.get(timeout=5) for _ in range(10)]
    assert [text for text, _ in taken] == [str(number) for number in range(10)]
    assert {thread for _, thread in taken} == {"polymqtt callback"}


def test_a_callback_may_publish_and_wait(client: sync.Client, topic: Topic) -> None:
    answers = queue.Queue[str]()

    def answer(message: polymqtt.Message) -> None:
        client.publish(topic("out"), message.payload, qos=1)

    client.subscribe(topic("in"), qos=1, callback=answer)
    client.subscribe(topic("out"), qos=1, callback=lambda message: answers.put(message.text()))
    client.publish(topic("in"), "payload", qos=1)
    assert answers.get(timeout=5) == "payload"


def test_a_declared_subscription_calls_back_too(url: str, topic: Topic) -> None:
    calls = queue.Queue[polymqtt.Message]()
    with sync.Client.prepare(url) as client:
        client.declare(topic("#"), qos=1, callback=calls.put)
        client.start()
        client.publish(topic("a"), "payload", qos=1)
        assert calls.get(timeout=5).text() == "payload"


def test_what_a_callback_raises_goes_to_the_hook_and_the_next_message_comes(
    client: sync.Client, topic: Topic
) -> None:
    failures = queue.Queue[tuple[BaseException, Any]]()
    client.on_callback_error = lambda error, callback: failures.put((error, callback))
    assert client.on_callback_error is not None

    def fail(message: polymqtt.Message) -> None:
        if message.text() == "exit":
            raise SystemExit
        raise ZeroDivisionError(message.text())

    client.subscribe(topic("#"), qos=1, callback=fail)
    client.publish_many([(topic("a"), "1"), (topic("a"), "exit"), (topic("a"), "2")], qos=1)
    taken = [failures.get(timeout=5) for _ in range(3)]
    assert [repr(error) for error, _ in taken] == [
        "ZeroDivisionError('1')",
        "SystemExit()",
        "ZeroDivisionError('2')",
    ]
    assert {callback for _, callback in taken} == {fail}


def test_without_a_hook_it_is_logged(
    client: sync.Client, topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    called = threading.Event()

    def fail(message: polymqtt.Message) -> None:
        if message.text() == "end":
            called.set()
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "polymqtt"):
        client.subscribe(topic("#"), qos=1, callback=fail)
        client.publish_many([(topic("a"), "1"), (topic("a"), "end")], qos=1)
        assert called.wait(5)
    assert "has failed" in caplog.records[0].getMessage()
    assert caplog.records[0].exc_info is not None


def test_a_hook_that_fails_is_logged_too(
    client: sync.Client, topic: Topic, caplog: pytest.LogCaptureFixture
) -> None:
    called = threading.Event()

    def hook(error: BaseException, callback: object) -> None:
        raise RuntimeError

    def fail(message: polymqtt.Message) -> None:
        if message.text() == "end":
            called.set()
        raise ZeroDivisionError

    client.on_callback_error = hook
    with caplog.at_level(logging.ERROR, "polymqtt"):
        client.subscribe(topic("#"), qos=1, callback=fail)
        client.publish_many([(topic("a"), "1"), (topic("a"), "end")], qos=1)
        assert called.wait(5)
    assert "hook" in caplog.records[0].getMessage()


def test_what_ends_a_subscription_goes_to_the_hook() -> None:
    failures = queue.Queue[BaseException]()
    client = sync.Client.prepare("mqtt://localhost:1")
    client.on_callback_error = lambda error, _: failures.put(error)
    client.declare("a", callback=print)
    with pytest.raises(polymqtt.TransportError):
        client.start()
    assert isinstance(failures.get(timeout=5), polymqtt.TransportError)


def test_events_call_back(url: str) -> None:
    happened = queue.Queue[polymqtt.Event]()
    client = sync.Client.prepare(url)
    assert client.on_event is None
    client.on_event = happened.put
    client.start()
    assert isinstance(happened.get(timeout=5), events.Connecting)
    assert isinstance(happened.get(timeout=5), events.Connected)
    other = queue.Queue[polymqtt.Event]()
    client.on_event = other.put
    client.disconnect()
    assert isinstance(other.get(timeout=5), events.Disconnected)
    assert happened.empty()


def test_no_thread_is_left_when_the_client_has_ended(url: str, topic: Topic) -> None:
    before = set(threading.enumerate())
    with sync.connect(url) as client:
        client.on_event = print
        client.subscribe(topic("#"), callback=print)
        started = set(threading.enumerate()) - before
        assert len(started) == 3
        assert all(thread.daemon for thread in started)
    for thread in started:
        thread.join(timeout=5)
        assert not thread.is_alive()


def test_nothing_that_is_not_asked_for_has_a_thread(url: str, topic: Topic) -> None:
    before = set(threading.enumerate())
    with sync.connect(url) as client, client.subscribe(topic("#")):
        assert set(threading.enumerate()) == before
