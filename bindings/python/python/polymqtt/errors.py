"""The one hierarchy of errors: a class for each kind, so that a program can decide by `except`.

Wrong types are `TypeError`, as everywhere in Python; all else is an `MqttError`.
"""

import builtins
from collections.abc import Iterable

from polymqtt.reason_codes import ReasonCode

__all__ = [
    "ClosedError",
    "DroppedError",
    "ExpiredError",
    "IndeterminateError",
    "InvalidMessageError",
    "InvalidOptionError",
    "InvalidTopicError",
    "MqttError",
    "NameResolutionError",
    "NoResponderError",
    "NotAuthorizedError",
    "PacketTooLargeError",
    "ProtocolError",
    "QueueFullError",
    "QuotaExceededError",
    "RefusedError",
    "SessionLostError",
    "TimeoutError",
    "TlsError",
    "TransportError",
    "UnsupportedError",
    "WithdrawnError",
]


class MqttError(Exception):
    """What went wrong, and what the server said about it. Each kind is a class of its own.

    Programs raise these themselves in a credentials provider or an authenticator: the class then says whether
    another attempt follows.
    """

    kind: str = "unknown"
    """The kind's name, the same in every language, such as `"not_authorized"`."""
    reason_code: ReasonCode | None
    """The MQTT reason code, where the server sent one or the protocol has one for it (section 2.4)."""
    reason_string: str | None
    """The server's own words, for people only (such as section 3.2.2.3.9)."""
    user_properties: list[tuple[str, str]]
    """The user properties that came with the server's answer."""
    retry_may_help: bool = False
    """Whether the same attempt may succeed later without a change by the program."""

    def __init__(
        self,
        message: str = "",
        *,
        reason_code: ReasonCode | None = None,
        reason_string: str | None = None,
        user_properties: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.reason_code = reason_code
        self.reason_string = reason_string
        self.user_properties = list(user_properties)


class InvalidOptionError(MqttError, ValueError):
    """An option is missing, out of range, or contradicts another one."""

    kind = "invalid_option"


class InvalidTopicError(MqttError, ValueError):
    """A topic name or topic filter breaks a rule of the specification (section 4.7)."""

    kind = "invalid_topic"


class InvalidMessageError(MqttError, ValueError):
    """A message or request can't be sent as it is: a value is too long or out of range."""

    kind = "invalid_message"


class UnsupportedError(MqttError):
    """The protocol version in use, or this server, does not offer what was asked for."""

    kind = "unsupported"


class NameResolutionError(MqttError):
    """The server's name could not be resolved."""

    kind = "name_resolution"
    retry_may_help = True


class TransportError(MqttError, ConnectionError):
    """The connection could not be opened or was lost."""

    kind = "transport"
    retry_may_help = True


class TlsError(MqttError):
    """TLS could not be set up, or the server's certificate was not accepted."""

    kind = "tls"


class RefusedError(MqttError):
    """The server refused the connection or the request."""

    kind = "refused"
    retry_may_help = True


class NotAuthorizedError(MqttError):
    """The server does not accept the credentials or does not authorise what was asked for.

    Or it did not prove who it is, where the authentication method wants it to.
    """

    kind = "not_authorized"


class TimeoutError(MqttError, builtins.TimeoutError):  # noqa: A001 - it is one
    """No answer came in time."""

    kind = "timeout"
    retry_may_help = True


class ProtocolError(MqttError):
    """The server broke a rule of the protocol, or says that this client did."""

    kind = "protocol"
    retry_may_help = True


class PacketTooLargeError(MqttError):
    """The packet is larger than the server, or this client, takes."""

    kind = "packet_too_large"


class QuotaExceededError(MqttError):
    """A quota of the server is used up."""

    kind = "quota_exceeded"
    retry_may_help = True


class QueueFullError(MqttError):
    """The queue of messages that wait to be sent is full."""

    kind = "queue_full"
    retry_may_help = True


class ExpiredError(MqttError):
    """The message's expiry interval passed before it could be sent."""

    kind = "expired"


class DroppedError(MqttError):
    """A queue's policy dropped the message to make room."""

    kind = "dropped"


class WithdrawnError(MqttError):
    """The operation was withdrawn before anything was sent."""

    kind = "cancelled"


class SessionLostError(MqttError):
    """The server no longer has the session that the operation belonged to."""

    kind = "session_lost"
    retry_may_help = True


class IndeterminateError(MqttError):
    """Whether the server got the message can't be known."""

    kind = "indeterminate"


class NoResponderError(MqttError):
    """Nobody subscribes to the topic of a request, so that no answer can come."""

    kind = "no_responder"
    retry_may_help = True


class ClosedError(MqttError):
    """The client is closed, or is closing."""

    kind = "closed"


def from_native(
    kind: str,
    message: str,
    reason_code: int | None,
    reason_string: str | None,
    user_properties: list[tuple[str, str]],
    retry_may_help: bool,
) -> MqttError:
    """The error that the native module reports, as an object of its class."""
    error = _BY_KIND.get(kind, MqttError)(
        message,
        reason_code=None if reason_code is None else ReasonCode(reason_code),
        reason_string=reason_string,
        user_properties=user_properties,
    )
    error.kind = kind
    error.retry_may_help = retry_may_help
    return error


_BY_KIND: dict[str, type[MqttError]] = {error.kind: error for error in MqttError.__subclasses__()}
