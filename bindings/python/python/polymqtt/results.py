"""What operations give, and where a client stands."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from polymqtt.errors import MqttError
from polymqtt.qos import QoS
from polymqtt.reason_codes import ReasonCode

__all__ = [
    "ConnectionPhase",
    "Grant",
    "Granted",
    "Limits",
    "Metrics",
    "Status",
    "Undelivered",
    "UnsubscribeAck",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the server takes; honoured before anything is sent.

    Attributes:
        version: The protocol version in use.
        receive_maximum: How many QoS 1 and 2 messages may be on their way at once [MQTT-3.3.4-7].
        maximum_qos: The highest quality of service [MQTT-3.2.2-11].
        retain_available: Whether messages may be retained [MQTT-3.2.2-14].
        maximum_packet_size: The largest packet in bytes [MQTT-3.2.2-15]; `None` without a limit.
        topic_alias_maximum: Topic aliases that the server accepts (section 3.2.2.3.8).
        wildcard_subscriptions: Whether filters may hold wildcards (section 3.2.2.3.11).
        subscription_identifiers: Whether subscriptions may have identifiers (section 3.2.2.3.12).
        shared_subscriptions: Whether subscriptions may be shared (section 3.2.2.3.13).
    """

    version: Literal["5", "3.1.1"]
    receive_maximum: int
    maximum_qos: QoS
    retain_available: bool
    maximum_packet_size: int | None
    topic_alias_maximum: int
    wildcard_subscriptions: bool
    subscription_identifiers: bool
    shared_subscriptions: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the server granted with CONNACK (section 3.2).

    Attributes:
        session_present: Whether the server had a session to go on with [MQTT-3.2.2-3].
        client_id: The client identifier in use, the server's where it assigned one [MQTT-3.2.2-16].
        session_expiry: How many seconds the server keeps the session after the connection; `None` when it
            does not expire.
        keep_alive: The keep alive in use, in seconds, the server's where it set one [MQTT-3.2.2-21]; 0 is
            off.
        limits: What the server takes.
        response_information: What response topics may be made from (section 3.2.2.3.15).
        reason_string: The server's own words, for people only.
        user_properties: The user properties of CONNACK.
    """

    session_present: bool
    client_id: str
    session_expiry: float | None
    keep_alive: float
    limits: Limits
    response_information: str | None = None
    reason_string: str | None = None
    user_properties: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @classmethod
    def from_native(cls, named: dict[str, Any]) -> "Grant":
        """The native module's fields as a value."""
        limits = dict(named["limits"])
        limits["maximum_qos"] = QoS(limits["maximum_qos"])
        values = dict(named)
        values["limits"] = Limits(**limits)
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What the server granted for one filter of a subscription (section 3.9.3).

    Attributes:
        filter: The topic filter.
        qos: The greatest quality of service that messages will arrive with; `None` where the server refused
            the filter.
        error: Why it was refused, where `allow_partial` lets the others go on; else `None`.
        reason_string: The server's own words, for people only (v5).
        user_properties: The user properties of SUBACK (v5).
    """

    filter: str
    qos: QoS | None
    error: MqttError | None = None
    reason_string: str | None = None
    user_properties: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @classmethod
    def from_native(cls, named: dict[str, Any]) -> "Granted":
        """The native module's fields as a value."""
        values = dict(named)
        values["qos"] = None if named["qos"] is None else QoS(named["qos"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeAck:
    """The server's answer to an UNSUBSCRIBE (section 3.11).

    Attributes:
        reason_codes: One for each filter, success or `ReasonCode.NO_SUBSCRIPTION_EXISTED` (v5); none where
            nothing had to be sent, and with version 3.1.1.
        reason_string: The server's own words, for people only (v5).
        user_properties: The user properties of UNSUBACK (v5).
    """

    reason_codes: list[ReasonCode]
    reason_string: str | None = None
    user_properties: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    @classmethod
    def from_native(cls, named: dict[str, Any]) -> "UnsubscribeAck":
        """The native module's fields as a value."""
        values = dict(named)
        values["reason_codes"] = [ReasonCode(code) for code in named["reason_codes"]]
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """What a disconnect could not deliver.

    Attributes:
        queued: Messages that never left.
        unacknowledged: Messages sent at QoS 1 or 2 whose acknowledgement did not arrive.
    """

    queued: int
    unacknowledged: int

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.queued or self.unacknowledged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Figures since the client was made, and as they stand.

    Attributes:
        messages_sent: Messages sent for the first time.
        messages_received: Messages received for at least one stream.
        bytes_sent: Bytes written to transports.
        bytes_received: Bytes read from transports.
        in_flight: Packet identifiers in use: QoS 1 and 2 messages, SUBSCRIBEs and UNSUBSCRIBEs without an
            answer yet.
        queued: Messages that wait in the queue.
        queued_bytes: Bytes that wait in the queue.
        dropped_outgoing: Outgoing messages that a policy dropped.
        dropped_incoming: Received messages that a policy dropped, or that no stream was for.
        requests: Requests that wait for their answers.
        unmatched_responses: Answers that no request waited for: late ones, second ones, those to somebody
            else.
        reconnects: Connections after the first.
        round_trip: How many seconds the server took for its last answer that was timed; `None` before the
            first.
    """

    messages_sent: int
    messages_received: int
    bytes_sent: int
    bytes_received: int
    in_flight: int
    queued: int
    queued_bytes: int
    dropped_outgoing: int
    dropped_incoming: int
    requests: int
    unmatched_responses: int
    reconnects: int
    round_trip: float | None


ConnectionPhase: TypeAlias = Literal[
    "not_started", "connecting", "connected", "waiting", "disconnecting", "closed"
]
"""What a client is doing about its connection.

Nothing yet; an attempt is under way, until CONNACK; CONNACK is in; the next attempt is not due yet; the
connection is being closed; the client has ended.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a client stands; as text, one line such as
    `connected to mqtts://host:8883 as "id" (v5.0, session resumed) for 12 s; 3 in flight, 0 queued, ...`.

    Attributes:
        phase: What the client is doing about its connection.
        in_flight: Packet identifiers in use: QoS 1 and 2 messages, SUBSCRIBEs and UNSUBSCRIBEs without an
            answer yet.
        queued: Messages that wait in the queue.
        subscriptions: Topic filters that the program is subscribed to, granted by the server or to be
            restored.
        reconnects: Connections after the first.
        text: All of it in one line, for people.
        server: Where to, as a URL without secrets.
        attempt: The number of the attempt under way, or of the next one, since the last connection.
        client_id: While connected, the client identifier in use.
        version: While connected, the protocol version in use.
        session_present: While connected, whether the server went on with a session that it had.
        lasted: While connected, for how many seconds.
        retry_in: While waiting, in how many seconds the next attempt begins.
        error: Why there is no connection, unless that was asked for.
    """  # noqa: D205 - the line is what it is about

    phase: ConnectionPhase
    in_flight: int
    queued: int
    subscriptions: int
    reconnects: int
    text: str
    server: str | None = None
    attempt: int | None = None
    client_id: str | None = None
    version: Literal["5", "3.1.1"] | None = None
    session_present: bool | None = None
    lasted: float | None = None
    retry_in: float | None = None
    error: MqttError | None = None

    def __str__(self) -> str:
        return self.text
