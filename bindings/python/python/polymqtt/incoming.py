"""What arrives, whether it is awaited or waited for: all of a stream that does not wait itself."""

from typing import Any

from polymqtt import _native
from polymqtt._native import Delivery, Message, Stream
from polymqtt.options import Payload, PublishOptions, UserProperties
from polymqtt.qos import QoSLevel
from polymqtt.reason_codes import ReasonCode
from polymqtt.results import Granted
from polymqtt.settings import pairs

__all__ = ["IncomingMessages", "IncomingRequest", "IncomingRequests"]


class IncomingMessages:
    """The base of both kinds of `Subscription`."""

    def __init__(self, stream: Stream, filters: list[str], granted: list[dict[str, Any]]) -> None:
        self._stream = stream
        self._filters = filters
        self._granted = [Granted.from_native(fields) for fields in granted]

    @property
    def filters(self) -> list[str]:
        """The topic filters, as they were asked for; none for the stream of unclaimed messages."""
        return list(self._filters)

    @property
    def granted(self) -> list[Granted]:
        """What the server granted, filter by filter in order of the request; empty where only declared."""
        return list(self._granted)

    def ack(
        self,
        message: Message,
        *,
        reason_code: ReasonCode | int = ReasonCode.SUCCESS,
        reason_string: str | None = None,
        user_properties: UserProperties = (),
    ) -> None:
        """Acknowledges a message, where `manual_ack` leaves that to the program; any order is fine.

        Acknowledgements leave in order of arrival [MQTT-4.6.0-2]: a message that is held holds back those of
        all later ones of the client. One of an earlier connection is ignored: the server sends it again.

        Args:
            message: A message of this subscription.
            reason_code: A failure, such as `ReasonCode.NOT_AUTHORIZED`, tells the server that the message is
                refused: it does not send it again (v5, section 3.4.2.1).
            reason_string: Words for people (v5, section 3.4.2.2.2).
            user_properties: User properties of the acknowledgement (v5, section 3.4.2.2.3).

        Raises:
            UnsupportedError: More than success with version 3.1.1.
            InvalidOptionError: A reason code that has no place there.
            ClosedError: The client is closed.
        """
        self._stream.ack(message, reason_code, reason_string, pairs("user_properties", user_properties))

    def close(self) -> None:
        """Takes what was handed out, and unsubscribes without waiting for the server's answer.

        Whoever waits for a message sees the end. Where the session was asked to last (`session_expiry`), the
        subscription stays at the server: `unsubscribe` is then how to end it. Closing again does nothing.
        """
        self._stream.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self._filters) or 'unclaimed'}>"


class IncomingRequests:
    """The base of both kinds of `Responder`."""

    def __init__(self, client: _native.Client, subscription: IncomingMessages) -> None:
        self._client = client
        self._incoming = subscription
        self._skipped = 0

    @property
    def filters(self) -> list[str]:
        """The topic filters, as they were asked for."""
        return self._incoming.filters

    @property
    def granted(self) -> list[Granted]:
        """What the server granted, filter by filter in order of the request."""
        return self._incoming.granted

    @property
    def skipped(self) -> int:
        """Messages without a response topic, which were no requests: they are skipped and acknowledged."""
        return self._skipped

    def close(self) -> None:
        """Unsubscribes without waiting for the server's answer; see `Subscription.close`."""
        self._incoming.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(self.filters)}>"


class IncomingRequest:
    """The base of both kinds of `Request`."""

    def __init__(self, client: _native.Client, message: Message, response_topic: str) -> None:
        self._client = client
        self._message = message
        self._response_topic = response_topic

    @property
    def message(self) -> Message:
        """The message, with all its properties."""
        return self._message

    @property
    def topic(self) -> str:
        """The topic that the request was sent to."""
        return self._message.topic

    @property
    def payload(self) -> bytes:
        """The payload of the request."""
        return self._message.payload

    def _respond(
        self, payload: Payload, qos: QoSLevel | None, retain: bool, options: PublishOptions
    ) -> Delivery:
        message = self._message
        options.setdefault("correlation_data", message.correlation_data)
        qos = message.qos if qos is None else qos
        return self._client.publish(self._response_topic, payload, qos=qos, retain=retain, **options)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.topic}>"
