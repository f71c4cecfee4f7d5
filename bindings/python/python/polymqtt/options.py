"""Everything that a program can set. Values are checked by the engine, before anything is sent.

What is left out has the engine's default, which is the same in every language.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from typing import Literal, TypeAlias, TypedDict

from polymqtt.authentication import Authenticator, CredentialsProvider, Scram
from polymqtt.qos import QoS, QoSLevel

__all__ = [
    "ConnectOptions",
    "Duration",
    "OnSessionLost",
    "Payload",
    "Pem",
    "ProtocolVersion",
    "PublishOptions",
    "QueueOptions",
    "ReconnectOptions",
    "RedirectOptions",
    "RetainHandling",
    "StreamOptions",
    "SubscribeOptions",
    "TlsOptions",
    "UserProperties",
    "WhenFull",
    "WhenStreamFull",
    "Will",
]

Duration: TypeAlias = float | timedelta
"""Seconds, or a `timedelta`."""

Payload: TypeAlias = bytes | bytearray | memoryview | str
"""Bytes, or text that is sent as UTF-8."""

UserProperties: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""Names and values of the program's own (v5); pairs keep their order, and may repeat a name."""

Pem: TypeAlias = str | bytes | os.PathLike[str]
"""PEM as bytes or text, or the path of a file that holds it, which is read at each connect."""

ProtocolVersion: TypeAlias = Literal["5", "3.1.1", "auto"]
"""MQTT 5; MQTT 3.1.1; or 5, and 3.1.1 with a server that turns out not to speak 5."""

OnSessionLost: TypeAlias = Literal["resend", "fail"]
"""What becomes of messages in flight when the server has lost the session.

`"resend"`: QoS 1 is sent again as a new message, so that the server may get it twice; QoS 2 ends
indeterminate. `"fail"`: QoS 1 ends as session lost, QoS 2 indeterminate.
"""

WhenFull: TypeAlias = Literal["wait", "fail", "drop_oldest", "drop_newest", "latest_per_topic"]
"""What happens to a message that finds the queue full.

It waits for room, in order of asking; fails with `QueueFullError`; takes the place of the oldest one, which
ends as dropped; ends as dropped itself; or takes the place of a waiting message to the same topic, else of
the oldest one.
"""

WhenStreamFull: TypeAlias = Literal["drop_newest", "drop_oldest"]
"""Which QoS 0 message of a full stream is dropped, where reading can't pause."""

RetainHandling: TypeAlias = Literal["send_at_subscribe", "send_if_new", "do_not_send"]
"""Which retained messages come when subscribing (section 3.8.3.1): all, those of new subscriptions, none."""


@dataclass(frozen=True, slots=True)
class Will:
    """The message that the server publishes when this client is gone without a goodbye (section 3.1.2.5).

    Attributes:
        topic: The topic name.
        payload: At most 65,535 bytes.
        qos: The quality of service; the default is 0.
        retain: Whether the server keeps it for later subscribers; not by default.
        delay: How long the server waits before publishing it, so that a quick reconnect prevents it (v5, to
            the second; section 3.1.3.2.2); the default is 0, at once.
        content_type: What the payload is, such as `"application/json"` (v5).
        response_topic: Where an answer is expected (v5).
        correlation_data: What an answer is recognised by (v5).
        message_expiry: How long the message lives once it is published (v5, to the second).
        payload_is_utf8: Whether the payload is declared to be UTF-8 (v5).
        user_properties: User properties of the message (v5).
    """

    topic: str
    payload: Payload = b""
    _: KW_ONLY
    qos: QoSLevel = QoS.AT_MOST_ONCE
    retain: bool = False
    delay: Duration = 0
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    message_expiry: Duration | None = None
    payload_is_utf8: bool | None = None
    user_properties: UserProperties = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """How TLS connections are made and verified.

    Attributes:
        ca: The certificate authorities to trust instead of the system's.
        client_certificate: The certificate chain by which this client shows who it is, its own first; none by
            default.
        client_key: The private key to it: PKCS #8, PKCS #1 or SEC 1; by default it stands in
            `client_certificate` too.
        alpn: Protocols to offer by ALPN, such as `"mqtt"`; none by default.
        server_name: The name to expect in the server's certificate instead of the URL's host.
        dangerously_skip_verification: Accepts any certificate of any server. Whoever is on the path can then
            read and change everything.
    """

    ca: Pem | None = None
    client_certificate: Pem | None = None
    client_key: Pem | None = field(default=None, repr=False)
    alpn: Sequence[str] = ()
    server_name: str | None = None
    dangerously_skip_verification: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOptions:
    """The one bounded queue of messages that wait to be sent, online and offline.

    Attributes:
        max_messages: Most messages that wait; the default is 10,000.
        max_bytes: Most bytes that wait or are in flight (topics and payloads); the default is 64 MiB.
        when_full: What happens to a message that finds the queue full; the default is to wait.
    """

    max_messages: int = 10_000
    max_bytes: int = 64 * 1024 * 1024
    when_full: WhenFull = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconnectOptions:
    """How reconnecting waits: attempt n a random time between zero and `min(longest, shortest * 2**n)`.

    Attributes:
        shortest: The upper bound of the first wait; the default is 0.5 seconds.
        longest: The upper bound of every wait; the default is 60 seconds.
        stable_after: How long a connection must last before the waits start small again; the default is 30
            seconds.
    """

    shortest: Duration = 0.5
    longest: Duration = 60
    stable_after: Duration = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectOptions:
    """What becomes of a server's wish that the client use another one (v5, section 4.11).

    A redirect never leads from TLS to a connection without it.

    Attributes:
        most_hops: How many redirects in a row are followed, until a connection has lasted; the default is 5,
            0 follows none.
        trust_other_hosts: Whether a host that no URL of the options names gets credentials, authentication
            data, WebSocket headers and the will; by default it gets none of them, and no provider is asked
            for it.
    """

    most_hops: int = 5
    trust_other_hosts: bool = False


class ConnectOptions(TypedDict, total=False):
    """What `connect` and `Client.prepare` take beside the URL.

    Attributes:
        version: The protocol version; the default is `"5"`.
        client_id: The client identifier [MQTT-3.1.3-2]; by default the server assigns one (v5) or one is
            generated (v3.1.1).
        username: The user name [MQTT-3.1.3-12]; none by default.
        password: The password: text, or any bytes (section 3.1.3.6); none by default. Nothing ever shows it.
        credentials: A function, async or not, that gives the credentials of each attempt to connect, instead
            of `username` and `password`.
        authentication: A method of enhanced authentication (v5, section 4.12): `Scram`, or an `Authenticator`
            for one that the program speaks itself; none by default.
        clean_start: Whether the first connect discards a session that the server may still have
            [MQTT-3.1.2-4]; it does by default. Reconnects always go on with the session.
        session_expiry: How long the server keeps the session after the connection ends, to the second (v5,
            section 3.1.2.11.2). By default 5 minutes, so that reconnecting loses nothing, and an orderly
            disconnect ends it; an expiry that is set here holds after an orderly disconnect too.
            `float("inf")` does not expire.
        on_session_lost: What becomes of messages in flight when the server has lost the session; the default
            is `"resend"`.
        keep_alive: The longest time without a packet either way before a PINGREQ [MQTT-3.1.2-20], to the
            second; the default is 60 seconds, 0 switches it off.
        connect_timeout: How long one attempt to connect may take, CONNACK included, and how long
            authenticating again may; the default is 30 seconds.
        keep_trying: Whether the first connect goes on trying after a failure, as reconnects do; by default a
            first failure is an error.
        subscribe_timeout: How long SUBSCRIBE and UNSUBSCRIBE wait for the server's answer, time without a
            connection included; the default is 30 seconds.
        unclaimed_timeout: How long a QoS 1 or 2 message of a session that lasts waits for a subscription of
            the program that its topic matches, before it goes to `Client.unclaimed`; the default is 30
            seconds.
        will: The message that the server publishes when this client is gone without a goodbye; none by
            default.
        receive_maximum: How many QoS 1 and 2 messages the server may send before the first of them is
            acknowledged (v5, section 3.1.2.11.3), from 1; the default is 1,024.
        maximum_packet_size: The largest packet this client takes, in bytes (section 3.1.2.11.4); the default
            is 16 MiB. A larger one ends the connection.
        verify_payload_format: Whether a received message that promises UTF-8 is looked at, and refused if it
            is not (v5, section 3.3.2.3.2); not by default.
        topic_alias_maximum: How many topic aliases the server may assign (v5, section 3.1.2.11.5); the
            default is 32.
        outgoing_topic_aliases: How many topic aliases this client assigns, if the server takes as many (v5,
            section 3.3.2.3.4); the default is 16.
        user_properties: User properties of the CONNECT packet (v5).
        queue: The bounds of the queue of messages that wait to be sent, and what happens when it is full.
        reconnect: How reconnecting waits; `None` means that a lost connection is not opened again.
        redirect: How far a server may send this client to another one (v5).
        tls: How TLS connections are made and verified.
        websocket_headers: Headers of the HTTP request that opens a WebSocket, such as `Authorization`.
        response_topic_prefix: What the topic for answers to requests begins with (v5, section 4.10), where
            the server does not say so itself; the default is `"polymqtt/responses"`.
        ask_response_information: Whether CONNECT asks the server for response information (v5, section
            3.1.2.11.6); it does by default.
    """

    version: ProtocolVersion
    client_id: str
    username: str | None
    password: str | bytes | None
    credentials: CredentialsProvider | None
    authentication: Scram | Authenticator | None
    clean_start: bool
    session_expiry: Duration | None
    on_session_lost: OnSessionLost
    keep_alive: Duration
    connect_timeout: Duration
    keep_trying: bool
    subscribe_timeout: Duration
    unclaimed_timeout: Duration
    will: Will | None
    receive_maximum: int
    maximum_packet_size: int
    verify_payload_format: bool
    topic_alias_maximum: int
    outgoing_topic_aliases: int
    user_properties: UserProperties
    queue: QueueOptions
    reconnect: ReconnectOptions | None
    redirect: RedirectOptions
    tls: TlsOptions | None
    websocket_headers: UserProperties
    response_topic_prefix: str
    ask_response_information: bool


class PublishOptions(TypedDict, total=False):
    """What publishing takes beside topic, payload, quality of service and `retain`.

    Attributes:
        timeout: The longest that the operation may take: after it, a message that was never sent is withdrawn
            (`TimeoutError`), one that was sent ends as `IndeterminateError`. By default a message waits for
            as long as the client lives.
        content_type: What the payload is, such as `"application/json"` (v5, section 3.3.2.3.9).
        response_topic: Where an answer is expected (v5, section 3.3.2.3.5).
        correlation_data: What an answer is recognised by (v5, section 3.3.2.3.6).
        message_expiry: How long the message lives, to the second (v5, section 3.3.2.3.3): counted down here
            while it waits, then by the server.
        payload_is_utf8: Whether the payload is declared to be UTF-8 (v5, section 3.3.2.3.2), which is then
            checked.
        user_properties: User properties of the message (v5, section 3.3.2.3.7).
    """

    timeout: Duration | None
    content_type: str | None
    response_topic: str | None
    correlation_data: bytes | None
    message_expiry: Duration | None
    payload_is_utf8: bool | None
    user_properties: UserProperties


class StreamOptions(TypedDict, total=False):
    """The bounds of a stream of messages.

    Attributes:
        max_messages: Messages from which on the stream is full; the default is 1,024.
        max_bytes: Bytes (topics and payloads) from which on the stream is full; the default is 8 MiB.
        when_full: Which QoS 0 message is dropped when the stream is full and reading can't pause; the default
            is `"drop_newest"`.
    """

    max_messages: int
    max_bytes: int
    when_full: WhenStreamFull


class SubscribeOptions(StreamOptions, total=False):
    """What subscribing takes beside filters and quality of service; the bounds are those of `StreamOptions`.

    Attributes:
        no_local: Keeps messages that this client publishes from coming back (v5) [MQTT-3.8.3-3]; off by
            default.
        retain_as_published: Keeps the retain flag as messages were published with (v5, section 3.8.3.1); off
            by default.
        retain_handling: Which retained messages come when subscribing (v5, section 3.8.3.1); all by default.
        manual_ack: Leaves acknowledging to `Subscription.ack`. By default a message is acknowledged when the
            next is asked for.
        allow_partial: Goes on when the server refuses some of the filters; by default one refusal undoes all.
        user_properties: User properties of the SUBSCRIBE packet (v5).
    """

    no_local: bool
    retain_as_published: bool
    retain_handling: RetainHandling
    manual_ack: bool
    allow_partial: bool
    user_properties: UserProperties
