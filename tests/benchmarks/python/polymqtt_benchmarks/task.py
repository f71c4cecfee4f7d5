"""What a run does: the topics by which a client tells the server what it wants (see `src/task.rs`)."""

from dataclasses import dataclass
from typing import Literal

HOST = "127.0.0.1"

PAYLOAD = b"x" * 64

SINK_TOPIC = "sink/temperature/1"
"""Where publish workloads publish to."""

ECHO_TOPIC = "echo/temperature/1"
"""What a round trip is published to and subscribed with; the server sends it back."""


@dataclass(frozen=True, slots=True)
class Task:
    """One run of one contender."""

    port: int
    qos: Literal[0, 1]
    count: int
    """Messages, or round trips."""

    @property
    def warm_up(self) -> int:
        """Messages sent on the same connection before the clock starts."""
        return max(self.count // 10, 1)

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    def source_filter(self, count: int) -> str:
        """Makes the server send `count` messages to that very topic, and one more at QoS 0 when all is done.

        At QoS 1 that is when every message was acknowledged.
        """
        return f"source/{self.qos}/{count:09}"


def barrier_topic(count: int) -> str:
    """The topic of a QoS 1 message that the server acknowledges only if it has counted `count` messages."""
    return f"barrier/{count}"
