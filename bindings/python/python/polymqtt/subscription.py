"""Subscribing: the request that is awaited, and the stream of messages that it becomes."""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

from polymqtt import _native
from polymqtt._native import Fetching, Message, Stream
from polymqtt.incoming import IncomingMessages
from polymqtt.opening import Opening
from polymqtt.options import UserProperties
from polymqtt.results import UnsubscribeAck
from polymqtt.settings import pairs

__all__ = ["Subscribe", "Subscription"]


class Subscription(IncomingMessages):
    """The messages of one subscription, in order of arrival: `async for message in subscription`.

    `await anext(subscription)` is the next one. It goes on over reconnects. A message counts as taken when
    the next one is asked for: then it is acknowledged, unless `manual_ack` leaves that to the program. The
    iteration ends once the client has disconnected in order and everything was received; it raises what ended
    the subscription otherwise.
    """

    def __aiter__(self) -> AsyncIterator[Message]:
        # The native stream itself: no Python code runs between two messages.
        return self._stream

    def __anext__(self) -> Fetching[Message]:
        return self._stream.__anext__()

    async def recv(self) -> Message | None:
        """The next message; `None` once the client has disconnected in order and everything was received.

        Giving up waiting loses no message.

        Raises:
            MqttError: What ended the subscription: the client stopped reconnecting, or the server refused to
                restore it.
        """
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            return None

    def batches(self, most: int = 256) -> AsyncIterator[list[Message]]:
        """The messages in lists of those that are there: `async for batch in messages.batches()`.

        Asking for the next batch takes the whole batch before.

        Args:
            most: The most of a list.

        Raises:
            MqttError: As `recv`, while iterating.
        """
        return _Batches(self._stream, most)

    async def unsubscribe(self, *, user_properties: UserProperties = ()) -> UnsubscribeAck:
        """Unsubscribes, and gives the server's answer. Messages that were not received are dropped.

        Args:
            user_properties: User properties of the UNSUBSCRIBE packet (v5).

        Raises:
            MqttError: The server refused, or gave no answer in time.
        """
        ack = await self._stream.unsubscribe(pairs("user_properties", user_properties))
        return UnsubscribeAck.from_native(ack)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Subscribe(Opening[Subscription]):
    """A subscription that is about to be made by `Client.subscribe`.

    Await it for the `Subscription`, or enter it by `async with`, which closes the subscription at the end.
    Giving up waiting undoes it.
    """

    _what = "client.subscribe(...)"

    def __init__(self, client: _native.Client, filters: list[str], options: dict[str, Any]) -> None:
        self._client = client
        self._filters = filters
        self._options = options

    async def _open(self) -> Subscription:
        stream, granting = self._client._subscribe(self._filters, self._options)
        try:
            granted = await granting
        except BaseException:
            stream.close()
            raise
        return Subscription(stream, self._filters, granted)

    async def _close(self, opened: Subscription) -> None:
        opened.close()


class _Batches:
    def __init__(self, stream: Stream, most: int) -> None:
        self._stream = stream
        self._most = most

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Fetching[list[Message]]:
        return self._stream.next_batch(self._most)
