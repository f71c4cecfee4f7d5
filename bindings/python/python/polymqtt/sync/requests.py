"""Responding to requests (v5, section 4.10): the stream of requests, and the answer to each."""

from types import TracebackType
from typing import Self, Unpack

from polymqtt import _native
from polymqtt._native import PublishAck
from polymqtt.incoming import IncomingRequest, IncomingRequests
from polymqtt.keywords import spelled_out
from polymqtt.options import Duration, Payload, PublishOptions, UserProperties
from polymqtt.qos import QoSLevel
from polymqtt.results import UnsubscribeAck
from polymqtt.sync.subscription import Subscription

__all__ = ["Request", "Responder"]


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
    ) -> PublishAck:
        """Answers, and waits for the acknowledgement of the server.

        Args:
            payload: The answer.
            qos: The quality of service; the default is that of the request.
            retain: Whether the server keeps the answer; not by default.
            **options: As those of `Client.publish`. The topic is the one that the request asks for, and so is
                the correlation data unless it is given here.

        Raises:
            MqttError: As `Client.publish`.
        """
        return self._respond(payload, qos, retain, options).wait()


class Responder(IncomingRequests):
    """The requests that arrive, in order: `for request in responder`. It goes on over reconnects.

    A request counts as taken when the next one is asked for: then it is acknowledged. To answer many at once,
    hand each to a thread of a pool.
    """

    def __init__(self, client: _native.Client, subscription: Subscription) -> None:
        super().__init__(client, subscription)
        self._subscription = subscription

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Request:
        request = self.recv()
        if request is None:
            raise StopIteration
        return request

    def recv(self, timeout: Duration | None = None) -> Request | None:
        """The next request; `None` once the client has disconnected in order and everything was received.

        Args:
            timeout: The longest wait for a message, in seconds; by default there is no end to it.

        Raises:
            TimeoutError: None came in time.
            MqttError: What ended the subscription: the client stopped reconnecting, or the server refused to
                restore it.
        """
        while (message := self._subscription.recv(timeout)) is not None:
            if message.response_topic is not None:
                return Request(self._client, message, message.response_topic)
            self._skipped += 1
        return None

    def unsubscribe(self, *, user_properties: UserProperties = ()) -> UnsubscribeAck:
        """Unsubscribes, and gives the server's answer. Requests that were not received are dropped.

        Args:
            user_properties: User properties of the UNSUBSCRIBE packet (v5).

        Raises:
            MqttError: The server refused, or gave no answer in time.
        """
        return self._subscription.unsubscribe(user_properties=user_properties)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
