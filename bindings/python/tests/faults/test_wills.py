"""A will is for those who are gone without a goodbye, and for those who ask for it."""

from collections.abc import Callable, Iterator

import pytest
from brokers import Broker
from polymqtt import sync

from . import wills
from .processes import run, started

Program = Callable[..., None]
each = pytest.mark.parametrize("program", wills.ALL, ids=lambda program: program.__name__)


@pytest.fixture
def monitor(broker: Broker) -> Iterator[sync.Client]:
    with sync.connect(broker.tcp, session_expiry=0) as client:
        yield client


def first(states: sync.Subscription) -> str:
    message = states.recv(timeout=10)
    assert message is not None
    return message.text()


@each
def test_the_will_of_a_program_that_is_killed_is_published(
    program: Program, broker: Broker, monitor: sync.Client, topic: Callable[[str], str]
) -> None:
    states = monitor.subscribe(topic("state"), qos=1)
    with started(program, broker.tcp, topic("state"), "killed") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"connected\n"
        process.kill()
        assert first(states) == "will"


@each
@pytest.mark.parametrize(("end", "expected"), [("in order", "later"), ("with will", "will")])
def test_who_leaves_in_order_says_whether_it_is(
    program: Program,
    end: str,
    expected: str,
    broker: Broker,
    monitor: sync.Client,
    topic: Callable[[str], str],
) -> None:
    states = monitor.subscribe(topic("state"), qos=1)
    assert run(program, broker.tcp, topic("state"), end).in_order() == "connected\n"
    monitor.publish(topic("state"), "later", qos=1)
    assert first(states) == expected
