"""The stream of messages that a subscription is."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from polymqtt._native import Message
from polymqtt.incoming import IncomingMessages
from polymqtt.options import Duration, UserProperties
from polymqtt.results import UnsubscribeAck
from polymqtt.settings import pairs

__all__ = ["Subscription"]


class Subscription(IncomingMessages):
    """The messages of one subscription, in order of arrival: `for message in subscription`.

    `next(subscription)` is the next one. It goes on over reconnects. A message counts as taken when
    the next one is asked for: then it is acknowledged, unless `manual_ack` leaves that to the program. The
    iteration ends once the client has disconnected in order and everything was received; it raises what ended
    the subscription otherwise.
    """

    def __iter__(self) -> Iterator[Message]:
        # The native stream itself: no Python code runs between two messages.
        return self._stream

    def __next__(self) -> Message:
        return next(self._stream)

    def recv(self, timeout: Duration | None = None) -> Message | None:
        """The next message; `None` once the client has disconnected in order and everything was received.

        Args:
            timeout: The longest wait, in seconds; by default there is no end to it.

        Raises:
            TimeoutError: None came in time.
            MqttError: What ended the subscription: the client stopped reconnecting, or the server refused to
                restore it.
        """
        return self._stream.wait_next(timeout)

    def batches(self, most: int = 256) -> Iterator[list[Message]]:
        """The messages in lists of those that are there: `for batch in messages.batches()`.

        Asking for the next batch takes the whole batch before.

        Args:
            most: The most of a list.

        Raises:
            MqttError: As `recv`, while iterating.
        """
        while batch := self._stream.wait_batch(most):
            yield batch

    def unsubscribe(self, *, user_properties: UserProperties = ()) -> UnsubscribeAck:
        """Unsubscribes, and gives the server's answer. Messages that were not received are dropped.

        Args:
            user_properties: User properties of the UNSUBSCRIBE packet (v5).

        Raises:
            MqttError: The server refused, or gave no answer in time.
        """
        ack = self._stream.unsubscribe(pairs("user_properties", user_properties)).wait()
        return UnsubscribeAck.from_native(ack)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
