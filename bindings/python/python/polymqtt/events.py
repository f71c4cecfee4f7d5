"""What happens to the connection, and the iterator that tells it."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Self

from polymqtt.errors import MqttError
from polymqtt.results import Grant

__all__ = [
    "AcksHeld",
    "Connected",
    "Connecting",
    "Disconnected",
    "Dropped",
    "Event",
    "Events",
    "Flapping",
    "Reauthenticated",
    "ReauthenticationFailed",
    "Redirected",
    "SessionLost",
]

KEPT: Final = 256
"""A listener that does not read loses the oldest events beyond these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to the connection; as text, one line for people."""

    text: str = field(default="", repr=False, compare=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting(Event):
    """An attempt to connect begins.

    Attributes:
        server: Where to, as a URL without secrets.
        attempt: Counts attempts since the last connection, from 1.
    """

    server: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(Event):
    """CONNACK is in.

    Attributes:
        grant: What the server granted.
    """

    grant: Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected(Event):
    """The connection, or an attempt, is over.

    Attributes:
        error: Why; `None` for an orderly disconnect.
        retry_in: In how many seconds the next attempt begins; `None` when there will be none.
    """

    error: MqttError | None
    retry_in: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirected(Event):
    """The server sends the client to another one (v5, section 4.11), where the next attempt goes.

    Attributes:
        to: Where to, as a URL.
        moved: Whether for good; else for this time.
    """

    to: str
    moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reauthenticated(Event):
    """The client has authenticated again on its connection (v5, section 4.12.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReauthenticationFailed(Event):
    """The client could not begin to authenticate again; the connection goes on.

    A failure after the beginning ends the connection instead.

    Attributes:
        error: Why.
    """

    error: MqttError


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLost(Event):
    """The server no longer has the session: subscriptions are made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flapping(Event):
    """Several connections in a row were closed soon after the server had accepted them.

    Probably another client uses the same client identifier. Waits between attempts go on growing.

    Attributes:
        connections: How many.
    """

    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AcksHeld(Event):
    """A received message that is not taken keeps acknowledgements of later ones from leaving [MQTT-4.6.0-2].

    Told once, until they have left.

    Attributes:
        acks: How many wait.
    """

    acks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped(Event):
    """Messages were dropped since the last such event, by a policy or because no stream was for them.

    Attributes:
        outgoing: From the queue of outgoing messages.
        incoming: Received messages.
    """

    outgoing: int
    incoming: int


class Events:
    """The events of a client from the moment of `Client.events` on: `async for event in client.events()`.

    It ends when the client has. A listener that falls more than 256 events behind loses the oldest.
    """

    def __init__(self, check: Callable[[], object] = bool, *, closed: bool = False) -> None:
        # Raises where nobody feeds this listener: in a forked process, or in another loop.
        self._check = check
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._closed = closed
        self._news = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await self.recv()
        if event is None:
            raise StopAsyncIteration
        return event

    async def recv(self) -> Event | None:
        """The next event; `None` once the client has ended. Giving up waiting loses nothing.

        Raises:
            ClosedError: The client belongs to the process that this one was forked from.
            RuntimeError: It belongs to another event loop.
        """
        self._check()
        while not self._kept:
            if self._closed:
                return None
            self._news.clear()
            await self._news.wait()
        return self._kept.popleft()

    def _tell(self, event: Event) -> None:
        self._kept.append(event)
        self._news.set()

    def _close(self) -> None:
        self._closed = True
        self._news.set()


CLOSED: Final = "closed"
"""The name under which the native module says, last of all, that the client has ended."""


def event_from_native(name: str, fields: dict[str, Any]) -> Event | None:
    """The native module's event as a value; `None` for one that this version of the package does not know."""
    event = _BY_NAME.get(name)
    if event is None:
        return None
    if event is Connected:
        fields = {**fields, "grant": Grant.from_native(fields["grant"])}
    return event(**fields)


_BY_NAME: dict[str, type[Event]] = {
    "connecting": Connecting,
    "connected": Connected,
    "disconnected": Disconnected,
    "redirected": Redirected,
    "reauthenticated": Reauthenticated,
    "reauthentication_failed": ReauthenticationFailed,
    "session_lost": SessionLost,
    "flapping": Flapping,
    "acks_held": AcksHeld,
    "dropped": Dropped,
}
