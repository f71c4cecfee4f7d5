"""Functions of the program that are called in threads of their own, which nothing that they raise ends."""

import logging
import threading
from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

__all__ = ["CallbackErrorHook", "Callbacks"]

Item = TypeVar("Item")

CallbackErrorHook: TypeAlias = Callable[[BaseException, Callable[..., object]], None]
"""Takes what a callback has raised, or what ended its subscription, and the callback."""

_log = logging.getLogger("polymqtt")


class Callbacks:
    """The threads of one client's callbacks."""

    def __init__(self) -> None:
        self.on_error: CallbackErrorHook | None = None

    def run(self, items: Iterable[Item], callback: Callable[[Item], object]) -> None:
        """Calls the function for each item, in a thread that ends with them."""
        threading.Thread(
            target=self._run, args=(items, callback), name="polymqtt callback", daemon=True
        ).start()

    def _run(self, items: Iterable[Item], callback: Callable[[Item], object]) -> None:
        try:
            for item in items:
                self._call(callback, item)
        except BaseException as error:  # noqa: BLE001 - what has ended the items
            self._report(error, callback)

    def _call(self, callback: Callable[[Item], object], item: Item) -> None:
        try:
            callback(item)
        except BaseException as error:  # noqa: BLE001 - the next item is none the worse for it
            self._report(error, callback)

    def _report(self, error: BaseException, callback: Callable[..., object]) -> None:
        try:
            if self.on_error is not None:
                self.on_error(error, callback)
            else:
                _log.error("the callback %r has failed", callback, exc_info=error)
        except BaseException:  # noqa: BLE001 - there is nobody left to tell
            _log.exception("the hook for errors of callbacks has failed")
