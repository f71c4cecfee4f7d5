"""The iterator that tells what happens to the connection."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Self

from polymqtt.errors import TimeoutError  # noqa: A004 - it is one
from polymqtt.events import KEPT, Event
from polymqtt.options import Duration

__all__ = ["Events"]


class Events:
    """The events of a client from the moment of `Client.events` on: `for event in client.events()`.

    It ends when the client has. A listener that falls more than 256 events behind loses the oldest.
    """

    def __init__(self, check: Callable[[], object] = bool, *, closed: bool = False) -> None:
        # Raises where nobody feeds this listener: in a forked process.
        self._check = check
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._closed = closed
        self._news = threading.Condition()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = self.recv()
        if event is None:
            raise StopIteration
        return event

    def recv(self, timeout: Duration | None = None) -> Event | None:
        """Waits for the next event; `None` once the client has ended.

        Args:
            timeout: The longest wait, in seconds; by default there is no end to it.

        Raises:
            TimeoutError: None came in time.
            ClosedError: The client belongs to the process that this one was forked from.
        """
        self._check()  # first: there a lock may be held for ever
        longest = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        with self._news:
            if not self._news.wait_for(lambda: self._kept or self._closed, longest):
                raise TimeoutError("no event came in time")
            return self._kept.popleft() if self._kept else None

    def _tell(self, event: Event) -> None:
        with self._news:
            if not self._closed:
                self._kept.append(event)
                self._news.notify()

    def _close(self) -> None:
        with self._news:
            self._closed = True
            self._news.notify_all()
