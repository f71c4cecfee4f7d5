"""The client's questions and events, taken by a thread that there is only where somebody wants them."""

import asyncio
import inspect
import threading
import weakref
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from polymqtt import _native
from polymqtt.events import CLOSED, event_from_native
from polymqtt.questions import WITHDRAWN, Hooks
from polymqtt.sync.events import Events

__all__ = ["News"]

Reply = TypeVar("Reply")


class News:
    """Attends to one client, from when it is first asked to until the client has ended."""

    def __init__(self, client: _native.Client, hooks: Hooks) -> None:
        self.hooks: Final = hooks
        self._client = client
        self._lock = threading.Lock()
        self._listeners: weakref.WeakSet[Events] = weakref.WeakSet()
        self._attending = False
        self._ended = False

    def attend(self) -> None:
        """Begins, unless that was done before."""
        with self._lock:
            self._attend()

    def listen(self) -> Events:
        """The events from now on."""
        self._client._process().check()  # first: in a forked process the lock may be held for ever
        with self._lock:
            # What has happened before is for those who listen already.
            self._tell_events()
            events = Events(self._client._process().check, closed=self._ended)
            self._listeners.add(events)
            self._attend()
        return events

    def _attend(self) -> None:
        if self._attending or self._ended:
            return
        self._attending = True
        threading.Thread(target=self._run, name="polymqtt news", daemon=True).start()

    def _run(self) -> None:
        while not self._ended:
            self._client._wait_news(None)
            for number, name, fields in self._client._take_questions():
                self._ask(number, name, fields)
            with self._lock:
                self._tell_events()

    def _tell_events(self) -> None:
        listeners = list(self._listeners)
        for name, fields in self._client._take_events():
            if name == CLOSED:
                self._ended = True
                for listener in listeners:
                    listener._close()
            elif (event := event_from_native(name, fields)) is not None:
                for listener in listeners:
                    listener._tell(event)

    def _ask(self, number: int, name: str, fields: dict[str, Any]) -> None:
        if name != WITHDRAWN:  # else the thread that answers can't be stopped
            question = (number, name, fields)
            threading.Thread(target=self._answer, args=question, name="polymqtt", daemon=True).start()

    def _answer(self, number: int, name: str, fields: dict[str, Any]) -> None:
        try:
            reply = self.hooks.ask(name, fields)
            if inspect.isawaitable(reply):
                reply = asyncio.run(_awaited(reply))
            self._client._answer(number, self.hooks.answer(name, reply))
        except Exception as error:  # noqa: BLE001 - whatever the program raises is its answer
            self._client._answer(number, self.hooks.failed(name, error))


async def _awaited(reply: Awaitable[Reply]) -> Reply:
    return await reply
