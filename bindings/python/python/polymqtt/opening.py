"""What is begun by `await`, or by `async with` that also ends it."""

import warnings
from collections.abc import Generator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

__all__ = ["Opening"]

Opened = TypeVar("Opened")


class Opening(Generic[Opened]):
    """Something that is opened once: `await` gives it, `async with` also closes it at the end.

    Nothing happens until one of the two.
    """

    _what = "this"
    _begun = False
    _opened: Opened | None = None

    async def _open(self) -> Opened:
        raise NotImplementedError

    async def _close(self, opened: Opened) -> None:
        raise NotImplementedError

    def __await__(self) -> Generator[Any, Any, Opened]:
        return self._once().__await__()

    async def __aenter__(self) -> Opened:
        opened = await self._once()
        self._opened = opened
        return opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await self._close(opened)

    def __del__(self) -> None:
        if not self._begun:
            warnings.warn(f"{self._what} was never awaited", RuntimeWarning, stacklevel=2, source=self)

    async def _once(self: Self) -> Opened:
        if self._begun:
            raise RuntimeError(f"{self._what} can be awaited once only")
        self._begun = True
        return await self._open()
