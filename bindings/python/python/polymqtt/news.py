"""The event loop's side of a client: news are taken, and questions answered, in the loop's thread."""

import asyncio
import contextlib
import functools
import inspect
import selectors
import sys
import threading
import weakref
from typing import Any, Final

from polymqtt import _native
from polymqtt.errors import WithdrawnError
from polymqtt.events import CLOSED, Event, Events, event_from_native
from polymqtt.questions import WITHDRAWN, Hooks

__all__ = ["News", "running_loop"]

CLOSED_WITHIN: Final = 1
"""Seconds after which a thread that waits for the loop looks whether it is closed."""


class News:
    """Attends to one client until it has ended; the loop keeps both alive for so long."""

    def __init__(self, client: _native.Client, loop: asyncio.AbstractEventLoop, hooks: Hooks) -> None:
        self.hooks: Final = hooks
        self._client = client
        self._loop = loop
        self._listeners: weakref.WeakSet[Events] = weakref.WeakSet()
        self._answering: dict[int, asyncio.Task[None]] = {}
        self._ended = False

    def attend(self) -> None:
        """Begins: from now on the loop wakes for the client."""
        try:
            self._loop.add_reader(self._client._fileno(), self._take)
        except NotImplementedError:  # such as the proactor of Windows
            threading.Thread(target=self._wait_beside, name="polymqtt", daemon=True).start()

    def listen(self) -> Events:
        """The events from now on."""
        check = functools.partial(_check, self._client._process(), self._loop)
        events = Events(check, closed=self._ended)
        self._listeners.add(events)
        return events

    def _take(self) -> None:
        if not self._client._drain():
            return
        for number, name, fields in self._client._take_questions():
            self._ask(number, name, fields)
        for name, fields in self._client._take_events():
            if name == CLOSED:
                self._end()
            elif (event := event_from_native(name, fields)) is not None:
                self._tell(event)

    def _tell(self, event: Event) -> None:
        for listener in list(self._listeners):
            listener._tell(event)

    def _end(self) -> None:
        self._ended = True
        with contextlib.suppress(NotImplementedError):
            self._loop.remove_reader(self._client._fileno())
        for task in list(self._answering.values()):
            task.cancel()
        for listener in list(self._listeners):
            listener._close()

    def _ask(self, number: int, name: str, fields: dict[str, Any]) -> None:
        if name == WITHDRAWN:
            if (task := self._answering.get(number)) is not None:
                task.cancel()
            return
        task = self._loop.create_task(self._answer(number, name, fields))
        self._answering[number] = task
        task.add_done_callback(lambda _: self._answering.pop(number, None))

    async def _answer(self, number: int, name: str, fields: dict[str, Any]) -> None:
        try:
            reply = self.hooks.ask(name, fields)
            if inspect.isawaitable(reply):
                reply = await reply
            self._client._answer(number, self.hooks.answer(name, reply))
        except asyncio.CancelledError:
            self._client._answer(number, WithdrawnError("the task that was to answer was cancelled"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever the program raises is its answer
            self._client._answer(number, self.hooks.failed(name, error))

    def _wait_beside(self) -> None:
        """For loops that can't wait for a descriptor: this thread does, and wakes the loop at each edge."""
        taken = threading.Event()

        def take() -> None:
            try:
                self._take()
            finally:
                taken.set()

        with selectors.DefaultSelector() as selector:
            selector.register(self._client._fileno(), selectors.EVENT_READ)
            while not (self._ended or self._loop.is_closed()):
                if not selector.select(CLOSED_WITHIN):
                    continue
                taken.clear()
                with contextlib.suppress(RuntimeError):  # closed just now
                    self._loop.call_soon_threadsafe(take)
                    while not (taken.wait(CLOSED_WITHIN) or self._loop.is_closed()):
                        pass
        if not self._ended:
            # The loop was closed without a goodbye: this thread must not keep the client connected.
            self._client._disconnect({"timeout": 0})


def _check(process: _native.Process, loop: asyncio.AbstractEventLoop) -> None:
    """Whether this is where a client's events arrive: the process and the loop that it was made in."""
    process.check()
    if running_loop() is not loop:
        raise RuntimeError("the client belongs to another event loop, which alone can wait for its events")


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop that this code runs in.

    Raises:
        RuntimeError: There is none; it says what to do.
    """
    with contextlib.suppress(RuntimeError):
        return asyncio.get_running_loop()
    if _runs_in_trio():
        raise RuntimeError(
            "polymqtt speaks asyncio, this is trio: use polymqtt.sync in a thread (trio.to_thread.run_sync)"
        )
    raise RuntimeError(
        "no event loop is running: call this from a coroutine, such as one that asyncio.run(...) runs, "
        "or use polymqtt.sync in a program without an event loop"
    )


def _runs_in_trio() -> bool:
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
