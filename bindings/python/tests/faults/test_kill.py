"""Subscribers that are killed with messages in hand: the server sends again whatever they had not taken."""

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest
from brokers import Broker, Certificates, mosquitto
from polymqtt import sync

from . import subscribers
from .processes import started

COUNT = 1500
HELD = 700


@pytest.fixture(scope="module")
def only_mosquitto(certificates: Certificates) -> Iterator[Broker]:
    """One that keeps all messages of a session, and hands out many at once."""
    bounds = "allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 300"
    with mosquitto(certificates, bounds) as broker:
        yield broker


@pytest.fixture(params=["mosquitto", "embedded"])
def url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(f"only_{request.param}").tcp


@pytest.mark.parametrize("program", subscribers.ALL, ids=lambda program: program.__name__)
def test_nothing_that_was_not_taken_is_lost(
    program: Callable[..., None], url: str, topic: Callable[[str], str]
) -> None:
    client_id = topic(program.__name__).replace("/", "-")
    session = {"client_id": client_id, **subscribers.SESSION}
    with sync.connect(url, **session) as client:
        client.subscribe(topic("work"), qos=1)
    with sync.connect(url) as publisher:
        publisher.publish_many([(topic("work"), str(number)) for number in range(COUNT)], qos=1)
    arguments = (url, client_id, topic("work"))

    with started(program, *arguments, HELD) as process:
        done = _killed(process, lambda said: "holding" in said)
    assert str(HELD) not in done
    assert "0" in done

    # Again, in the middle of whatever it does.
    with started(program, *arguments, "none") as process:
        done_later = _killed(process, lambda said: len(said) > 100)

    client = sync.Client.prepare(url, **session)
    with client:
        messages = client.declare(topic("work"), qos=1)
        client.start()
        client.publish(topic("work"), "end", qos=1)
        sent_again = list(iter(lambda: _payload(messages), "end"))
        client.disconnect(session_expiry=0)
    everything = {str(number) for number in range(COUNT)}
    assert everything - {*done, *done_later} <= set(sent_again)
    assert str(HELD) in {*done_later, *sent_again}


def _payload(messages: sync.Subscription) -> str:
    message = messages.recv(timeout=10)
    assert message is not None
    return message.text()


def _killed(process: subprocess.Popen[bytes], when: Callable[[list[str]], bool]) -> list[str]:
    """What a program has done when it is killed; a line that was cut is not done."""
    assert process.stdout is not None
    said = b""
    while not when(said.decode().splitlines()):
        more = os.read(process.stdout.fileno(), 4096)
        assert more, process.stderr.read().decode() if process.stderr else ""
        said += more
    process.kill()
    said += process.stdout.read()
    return said.decode().split("\n")[:-1]
