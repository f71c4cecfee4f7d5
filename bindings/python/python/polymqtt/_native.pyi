"""The native half of the package; programs use what `polymqtt` shows of it."""

from asyncio import AbstractEventLoop
from collections.abc import Coroutine, Generator, Iterable, Mapping
from datetime import timedelta
from types import GenericAlias, TracebackType
from typing import Any, Self, TypeAlias, TypeVar, final, overload, type_check_only

from typing_extensions import disjoint_base

from polymqtt.errors import MqttError
from polymqtt.qos import QoS, QoSLevel
from polymqtt.reason_codes import ReasonCode

__all__ = [
    "Acceptance",
    "BlockingClient",
    "Client",
    "Delivery",
    "Fetching",
    "Many",
    "Message",
    "Operation",
    "Process",
    "PublishAck",
    "Stream",
    "__version__",
    "described_options",
    "forked",
    "matches",
]

__version__: str

_T_co = TypeVar("_T_co", covariant=True)
_Payload: TypeAlias = bytes | bytearray | memoryview | str
_Duration: TypeAlias = float | timedelta
_Described: TypeAlias = list[tuple[str, str, str]]
_UserProperties: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

@type_check_only
class _Coroutine(Coroutine[Any, Any, _T_co]):
    def __await__(self) -> Generator[Any, Any, _T_co]: ...
    def send(self, value: Any, /) -> Any: ...
    @overload
    def throw(
        self,
        kind: type[BaseException],
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
        /,
    ) -> Any: ...
    @overload
    def throw(
        self, kind: BaseException, value: None = None, traceback: TracebackType | None = None, /
    ) -> Any: ...
    def close(self) -> None: ...

@final
class Message:
    """An application message (section 3.3), the same type for publishing and for receiving. It never changes.

    `memoryview(message)` is the payload without a copy.
    """

    def __new__(
        cls,
        topic: str,
        payload: _Payload = b"",
        *,
        qos: QoSLevel = 0,
        retain: bool = False,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        message_expiry: _Duration | None = None,
        payload_is_utf8: bool | None = None,
        user_properties: _UserProperties = (),
    ) -> Self: ...
    @property
    def topic(self) -> str:
        """The topic name."""
    @property
    def payload(self) -> bytes:
        """The payload. `memoryview(message)` does without a copy."""
    @property
    def qos(self) -> QoS:
        """The quality of service: for a received message, the one it was delivered with."""
    @property
    def retain(self) -> bool:
        """Publishing: whether the server is to keep it. Receiving: whether the server had kept it.

        With `retain_as_published`: whether it was published so.
        """
    @property
    def dup(self) -> bool:
        """Whether the server marked it as sent before [MQTT-3.3.1-1]. Never set for QoS 0."""
    @property
    def content_type(self) -> str | None:
        """What the payload is, such as a media type (v5, section 3.3.2.3.9)."""
    @property
    def response_topic(self) -> str | None:
        """Where an answer is expected (v5, section 3.3.2.3.5)."""
    @property
    def correlation_data(self) -> bytes | None:
        """What an answer is recognised by (v5, section 3.3.2.3.6)."""
    @property
    def message_expiry(self) -> float | None:
        """How long the message lives, in seconds (v5, section 3.3.2.3.3); `None`: forever."""
    @property
    def payload_is_utf8(self) -> bool | None:
        """Whether the payload is declared to be UTF-8 (v5, section 3.3.2.3.2); `None`: nothing is said."""
    @property
    def user_properties(self) -> list[tuple[str, str]]:
        """The user properties, in their order (v5, section 3.3.2.3.7)."""
    def text(self) -> str:
        """The payload as text.

        Raises:
            UnicodeDecodeError: The payload is not UTF-8.
        """
    def json(self) -> Any:
        """The payload read as JSON.

        Raises:
            ValueError: The payload is not JSON.
        """
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class PublishAck:
    """The server's acknowledgement of a message (sections 3.4 and 3.5)."""

    @property
    def reason_code(self) -> ReasonCode:
        """`ReasonCode.SUCCESS`, or `ReasonCode.NO_MATCHING_SUBSCRIBERS` where the server tells."""
    @property
    def reason_string(self) -> str | None:
        """The server's own words, for people only (v5)."""
    @property
    def user_properties(self) -> list[tuple[str, str]]:
        """The user properties of the acknowledgement (v5)."""

@final
class Operation(_Coroutine[_T_co]):
    """Something that the client does: it goes on whether it is awaited or not.

    Await it for its outcome, now, later or never; `asyncio.gather`, `wait_for` and `create_task` take it too.
    Giving up waiting changes nothing; only a request that nobody holds any more is given up.
    """

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...
    def wait(self, timeout: _Duration | None = None) -> _T_co:
        """Waits for the outcome on this thread; Ctrl-C interrupts the wait.

        Args:
            timeout: The longest wait; by default there is no end to it. Giving up changes nothing.

        Raises:
            TimeoutError: The wait has ended before the operation.
            MqttError: How the operation has failed.
        """
    def done(self) -> bool:
        """Whether the outcome is there."""
    def cancel(self) -> None:
        """Withdraws a message that was never sent (`WithdrawnError`), else ends as `IndeterminateError`."""
    def accepted(self) -> Acceptance:
        """Ends once the queue has taken the message, or with the error why it was refused."""

Delivery: TypeAlias = Operation[PublishAck]
"""A message on its way: await it for the acknowledgement, now, later or never."""

@final
class Acceptance(_Coroutine[None]):
    """The wait until the queue has taken a message."""

@final
class Many(_Coroutine[_T_co]):
    """The publishing of many messages."""

    def wait(self, timeout: _Duration | None = None) -> _T_co: ...

@final
class Fetching(_Coroutine[_T_co]):
    """The wait for messages."""

    def __class_getitem__(cls, key: Any) -> GenericAlias: ...

@final
class Stream:
    """The messages of one subscription."""

    def __aiter__(self) -> Self: ...
    def __anext__(self) -> Fetching[Message]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Message: ...
    def next_batch(self, most: int) -> Fetching[list[Message]]: ...
    def wait_next(self, timeout: _Duration | None = None) -> Message | None: ...
    def wait_batch(self, most: int, timeout: _Duration | None = None) -> list[Message] | None: ...
    def ack(
        self,
        message: Message,
        reason_code: int = 0,
        reason_string: str | None = None,
        user_properties: list[tuple[str, str]] | None = None,
    ) -> None: ...
    def unsubscribe(
        self, user_properties: list[tuple[str, str]] | None = None
    ) -> Operation[dict[str, Any]]: ...
    def close(self) -> None: ...

@final
class Process:
    """The process that a client was made in."""

    def check(self) -> None:
        """Raises `ClosedError` in a process that was forked from it."""

@disjoint_base
class Client:
    """The base of `polymqtt.Client`; what `polymqtt.sync.Client` holds."""

    def __new__(
        cls, servers: list[str], options: dict[str, Any], event_loop: AbstractEventLoop | None = None
    ) -> Self: ...
    @property
    def client_id(self) -> str:
        """The client identifier in use; empty before the server has assigned one."""
    def publish(
        self,
        topic: str,
        payload: _Payload = b"",
        *,
        qos: QoSLevel = 0,
        retain: bool = False,
        timeout: _Duration | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        message_expiry: _Duration | None = None,
        payload_is_utf8: bool | None = None,
        user_properties: _UserProperties = (),
    ) -> Delivery:
        """Publishes a message: await it for the server's acknowledgement.

        QoS 0 is done once the message is accepted. Where the queue is full, the message waits for room while
        somebody awaits it: one that nobody waits for is not sent. See `PublishOptions` for the other
        arguments.

        Raises:
            TypeError: An argument of another type.
            MqttError: Each rule of MQTT that the message would break, before anything is sent; then what the
                server or the queue's policy makes of it.
        """
    def send(self, message: Message, *, timeout: _Duration | None = None) -> Delivery:
        """As `publish`, of a message that is there already."""
    def flush(self) -> Operation[None]:
        """Waits until everything that was accepted has been handed to the operating system.

        It says nothing of what the server has; await the publishes for that.

        Raises:
            MqttError: The connection was lost with some of it unwritten, or the client is closed.
        """
    def request(
        self,
        topic: str,
        payload: _Payload = b"",
        *,
        qos: QoSLevel = 1,
        timeout: _Duration = 30,
        content_type: str | None = None,
        message_expiry: _Duration | None = None,
        payload_is_utf8: bool | None = None,
        user_properties: _UserProperties = (),
    ) -> Operation[Message]:
        """Publishes a request and waits for the answer (v5, section 4.10).

        Any number may be awaited at once, up to 65,536. All answers arrive over one subscription, made at the
        first request.

        Args:
            topic: The topic name.
            payload: The payload.
            qos: The quality of service. With 0, nothing tells that nobody listens.
            timeout: How long the answer may take, time without a connection included.
            content_type: What the payload is (section 3.3.2.3.9).
            message_expiry: How long the message lives, to the second (section 3.3.2.3.3); the default is the
                timeout.
            payload_is_utf8: Whether the payload is declared to be UTF-8 (section 3.3.2.3.2), which is then
                checked.
            user_properties: User properties of the message (section 3.3.2.3.7).

        Raises:
            TimeoutError: No answer came in time.
            NoResponderError: The server tells that nobody subscribes to the topic.
            UnsupportedError: Version 3.1.1.
            MqttError: As `publish` and `subscribe`.
        """
    def reauthenticate(self) -> Operation[None]:
        """Authenticates again on the connection as it stands (v5, section 4.12.1), as before a token expires.

        Messages flow on meanwhile. A server that asks for it is answered without this call.

        Raises:
            UnsupportedError: The connection does not authenticate by a method.
            TransportError: There is no connection: connecting authenticates anyway.
            MqttError: A failure on the way; it ends the connection, and reconnecting follows.
        """
    # What follows is for the classes of `polymqtt` only.
    def _fileno(self) -> int: ...
    def _drain(self) -> bool: ...
    def _process(self) -> Process: ...
    def _wait_news(self, timeout: _Duration | None = None) -> bool: ...
    def _take_events(self) -> list[tuple[str, dict[str, Any]]]: ...
    def _take_questions(self) -> list[tuple[int, str, dict[str, Any]]]: ...
    def _answer(self, question: int, answer: dict[str, Any] | MqttError) -> None: ...
    def _start(self) -> Operation[dict[str, Any]]: ...
    def _connected(self) -> dict[str, Any] | None: ...
    def _metrics(self) -> dict[str, Any]: ...
    def _status(self) -> dict[str, Any]: ...
    def _publish_many(
        self,
        messages: Iterable[Message | tuple[str, _Payload]],
        qos: QoSLevel | None = None,
        retain: bool = False,
    ) -> Many[list[PublishAck | MqttError]]: ...
    def _enqueue_many(
        self,
        messages: Iterable[Message | tuple[str, _Payload]],
        qos: QoSLevel | None = None,
        retain: bool = False,
    ) -> Many[list[Delivery]]: ...
    def _subscribe(
        self, filters: list[str], options: dict[str, Any]
    ) -> tuple[Stream, Operation[list[dict[str, Any]]]]: ...
    def _declare(self, filters: list[str], options: dict[str, Any]) -> Stream: ...
    def _unclaimed(self, options: dict[str, Any]) -> Stream: ...
    def _check_requests(self) -> None: ...
    def _unsubscribe(
        self, filters: list[str], user_properties: list[tuple[str, str]] | None = None
    ) -> Operation[dict[str, Any]]: ...
    def _disconnect(self, options: dict[str, Any]) -> Operation[dict[str, Any]]: ...

@disjoint_base
class BlockingClient:
    """The base of `polymqtt.sync.Client`."""

    def __new__(cls, servers: list[str], options: dict[str, Any]) -> Self: ...
    def publish(
        self,
        topic: str,
        payload: _Payload = b"",
        *,
        qos: QoSLevel = 0,
        retain: bool = False,
        timeout: _Duration | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        message_expiry: _Duration | None = None,
        payload_is_utf8: bool | None = None,
        user_properties: _UserProperties = (),
    ) -> PublishAck:
        """Publishes a message, and waits for the server's acknowledgement.

        QoS 0 is done once the message is accepted. See `PublishOptions` for the other arguments.

        Raises:
            TypeError: An argument of another type.
            MqttError: Each rule of MQTT that the message would break, before anything is sent; then what the
                server or the queue's policy makes of it.
        """
    def send(self, message: Message, *, timeout: _Duration | None = None) -> PublishAck:
        """As `publish`, of a message that is there already."""
    def enqueue(
        self,
        topic: str,
        payload: _Payload = b"",
        *,
        qos: QoSLevel = 0,
        retain: bool = False,
        timeout: _Duration | None = None,
        content_type: str | None = None,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
        message_expiry: _Duration | None = None,
        payload_is_utf8: bool | None = None,
        user_properties: _UserProperties = (),
    ) -> Delivery:
        """As `publish`, but waits for room in the queue only.

        Gives the `Delivery`: `wait` for the acknowledgement, now, later or never.

        Raises:
            MqttError: Those of the message or its options, `QueueFullError` by policy, or that the client is
                closed.
        """
    def request(
        self,
        topic: str,
        payload: _Payload = b"",
        *,
        qos: QoSLevel = 1,
        timeout: _Duration = 30,
        content_type: str | None = None,
        message_expiry: _Duration | None = None,
        payload_is_utf8: bool | None = None,
        user_properties: _UserProperties = (),
    ) -> Message:
        """Publishes a request, and waits for the answer (v5, section 4.10).

        Any number of threads may wait at once, up to 65,536. All answers arrive over one subscription, made
        at the first request. An interrupted wait gives the request up.

        Args:
            topic: The topic name.
            payload: The payload.
            qos: The quality of service. With 0, nothing tells that nobody listens.
            timeout: How long the answer may take, time without a connection included.
            content_type: What the payload is (section 3.3.2.3.9).
            message_expiry: How long the message lives, to the second (section 3.3.2.3.3); the default is the
                timeout.
            payload_is_utf8: Whether the payload is declared to be UTF-8 (section 3.3.2.3.2), which is then
                checked.
            user_properties: User properties of the message (section 3.3.2.3.7).

        Raises:
            TimeoutError: No answer came in time.
            NoResponderError: The server tells that nobody subscribes to the topic.
            UnsupportedError: Version 3.1.1.
            MqttError: As `publish` and `subscribe`.
        """
    # What follows is for the classes of `polymqtt` only.
    @property
    def _client(self) -> Client: ...

def described_options() -> tuple[_Described, _Described, _Described]:
    """Name, kind and meaning of each option of a client, of a subscription and of disconnecting."""

def matches(filter: str, topic: str) -> bool:  # noqa: A002 - MQTT's word
    """Whether a message published to a topic is one for a topic filter (section 4.7); no server is asked.

    Of a shared subscription's `$share/<name>/<filter>`, the filter decides. One that begins with a wildcard
    matches no topic that begins with `$` [MQTT-4.7.2-1].

    Args:
        filter: The topic filter.
        topic: The topic name.

    Raises:
        TypeError: An argument of another type.
        InvalidTopicError: One of them breaks a rule.
    """

def forked() -> None:
    """After a fork, in the child: what was connected before belongs to the parent."""
