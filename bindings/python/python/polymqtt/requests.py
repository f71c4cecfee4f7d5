"""Responding to requests (v5, section 4.10): the stream of requests, and the answer to each."""

from types import TracebackType
from typing import Any, Self, Unpack

from polymqtt import _native
from polymqtt._native import Delivery
from polymqtt.incoming import IncomingRequest, IncomingRequests
from polymqtt.keywords import spelled_out
from polymqtt.opening import Opening
from polymqtt.options import Payload, PublishOptions, UserProperties
from polymqtt.qos import QoSLevel
from polymqtt.results import UnsubscribeAck
from polymqtt.subscription import Subscribe, Subscription

__all__ = ["Request", "Respond", "Responder"]


class Request(IncomingRequest):
    """A request that arrived, to be answered once, or not at all: then its sender waits until its timeout."""

    @spelled_out
    def respond(
        self,
        payload: Payload = b"",
        *,
        qos: QoSLevel | None = None,
        retain: bool = False,
        **options: Unpack[PublishOptions],
    ) -> Delivery:
        """Answers: await it for the acknowledgement of the server.

        Args:
            payload: The answer.
            qos: The quality of service; the default is that of the request.
            retain: Whether the server keeps the answer; not by default.
            **options: As those of `Client.publish`. The topic is the one that the request asks for, and so is
                the correlation data unless it is given here.

        Raises:
            MqttError: As `Client.publish`.
        """
        return self._respond(payload, qos, retain, options)


class Responder(IncomingRequests):
    """The requests that arrive, in order: `async for request in responder`. It goes on over reconnects.

    A request counts as taken when the next one is asked for: then it is acknowledged. To answer many at once,
    hand each to a task of its own.
    """

    def __init__(self, client: _native.Client, subscription: Subscription) -> None:
        super().__init__(client, subscription)
        self._subscription = subscription

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Request:
        request = await self.recv()
        if request is None:
            raise StopAsyncIteration
        return request

    async def recv(self) -> Request | None:
        """The next request; `None` once the client has disconnected in order and everything was received.

        Giving up waiting loses no request.

        Raises:
            MqttError: What ended the subscription: the client stopped reconnecting, or the server refused to
                restore it.
        """
        while (message := await self._subscription.recv()) is not None:
            if message.response_topic is not None:
                return Request(self._client, message, message.response_topic)
            self._skipped += 1
        return None

    async def unsubscribe(self, *, user_properties: UserProperties = ()) -> UnsubscribeAck:
        """Unsubscribes, and gives the server's answer. Requests that were not received are dropped.

        Args:
            user_properties: User properties of the UNSUBSCRIBE packet (v5).

        Raises:
            MqttError: The server refused, or gave no answer in time.
        """
        return await self._subscription.unsubscribe(user_properties=user_properties)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Respond(Opening[Responder]):
    """A subscription to requests that is about to be made by `Client.respond`.

    Await it for the `Responder`, or enter it by `async with`, which closes it at the end. Giving up waiting
    undoes it.
    """

    _what = "client.respond(...)"

    def __init__(self, client: _native.Client, filters: list[str], options: dict[str, Any]) -> None:
        self._client = client
        self._filters = filters
        self._options = options

    async def _open(self) -> Responder:
        self._client._check_requests()
        return Responder(self._client, await Subscribe(self._client, self._filters, self._options))

    async def _close(self, opened: Responder) -> None:
        opened.close()
