"""The asyncio client."""

import logging
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Never, Self, Unpack

from polymqtt import _native
from polymqtt._native import Delivery, Message, PublishAck
from polymqtt.errors import ClosedError, MqttError
from polymqtt.events import Events
from polymqtt.keywords import spelled_out
from polymqtt.news import News, running_loop
from polymqtt.opening import Opening
from polymqtt.options import (
    ConnectOptions,
    Duration,
    Payload,
    PublishOptions,
    StreamOptions,
    SubscribeOptions,
    UserProperties,
)
from polymqtt.qos import QoS, QoSLevel
from polymqtt.questions import Hooks
from polymqtt.requests import Respond
from polymqtt.results import Grant, Metrics, Status, Undelivered, UnsubscribeAck
from polymqtt.settings import Settings, filters_of, given, pairs, stream_options, subscribe_options
from polymqtt.subscription import Subscribe, Subscription

__all__ = ["Client", "Connect", "connect"]

_log = logging.getLogger("polymqtt")


@spelled_out
def connect(url: str | Sequence[str], **options: Unpack[ConnectOptions]) -> "Connect":
    """Connects to a server.

    `async with polymqtt.connect("mqtt://localhost") as client:` disconnects in order at the end; `await
    polymqtt.connect(...)` leaves that to the program. Either is done once the server has accepted.

    | form | connects by | port unless given |
    |---|---|---|
    | `mqtt://[user[:password]@]host[:port]` | TCP | 1883 |
    | `mqtts://[user[:password]@]host[:port]` | TLS | 8883 |
    | `ws://[user[:password]@]host[:port][/path][?query]` | WebSocket | 80 |
    | `wss://[user[:password]@]host[:port][/path][?query]` | WebSocket over TLS | 443 |
    | `unix:///path/of/socket` | Unix domain socket | |

    User name and password, percent-encoded, are taken as MQTT's credentials.

    Args:
        url: The server, or a list of them: the others are tried in turn when the ones before can't be
            reached.
        **options: See `ConnectOptions`.

    Raises:
        TypeError: An option that does not exist, or of another type.
        InvalidOptionError: One that is out of range or contradicts another, before anything is sent.
        MqttError: Name resolution, transport, TLS, timeout, refused, not authorised: the first failure,
            unless `keep_trying` is set.
        RuntimeError: No asyncio event loop is running.
    """
    return Connect(Settings.of(url, options))


class Client(_native.Client):
    """A client: connected, or reconnecting; made by `connect` or `Client.prepare`.

    It reconnects by itself, restores its subscriptions, and goes on with what was in flight. It belongs to
    the event loop that it was made in, which keeps it connected until `disconnect`.

    Giving up waiting for any of its operations never takes back what was accepted: `asyncio.timeout` around a
    publish ends the wait, the option `timeout` and `Delivery.cancel` withdraw the message.
    """

    _news: News

    def __new__(cls, *_: Never, **__: Never) -> Self:
        """Refuses: clients are made by `connect` and `Client.prepare`."""
        raise TypeError(f"a {cls.__name__} is made by polymqtt.connect(...) or {cls.__name__}.prepare(...)")

    @classmethod
    @spelled_out
    def prepare(cls, url: str | Sequence[str], **options: Unpack[ConnectOptions]) -> Self:
        """Makes the client without connecting yet.

        So that subscriptions are declared and events listened to before the first packet: then `start`
        connects. Messages of a session that goes on come right after CONNACK.

        Args:
            url: As for `connect`.
            **options: As for `connect`.

        Raises:
            TypeError: An option that does not exist, or of another type.
            InvalidOptionError: One that is out of range or contradicts another.
            UnsupportedError: One that the protocol version does not have.
            RuntimeError: No asyncio event loop is running.
        """
        return cls._prepare(Settings.of(url, options))

    @classmethod
    def _prepare(cls, settings: Settings) -> Self:
        loop = running_loop()
        client = _native.Client.__new__(cls, settings.servers, settings.options, loop)
        client._news = News(client, loop, Hooks(settings.credentials, settings.authenticator))
        client._news.attend()
        return client

    async def start(self) -> Grant:
        """Connects a client that was only prepared, and gives what the server granted.

        Giving up waiting does not give up connecting.

        Raises:
            MqttError: As `connect`; the client is closed then. `ClosedError` for one that was connected
                before.
        """
        try:
            return Grant.from_native(await self._start())
        except MqttError as error:
            if (cause := self._news.hooks.failure) is not None:
                raise error from cause
            raise

    def connected(self) -> Grant | None:
        """What the server granted for the connection as it stands; `None` while there is none."""
        grant = self._connected()
        return None if grant is None else Grant.from_native(grant)

    def status(self) -> Status:
        """Where the client stands: figures, and one line for people."""
        return Status(**self._status())

    def metrics(self) -> Metrics:
        """Figures since the client was made, and as they stand."""
        return Metrics(**self._metrics())

    def events(self) -> Events:
        """What happens to the connection from now on: `async for event in client.events()`."""
        return self._news.listen()

    @spelled_out
    async def enqueue(
        self,
        topic: str,
        payload: Payload = b"",
        *,
        qos: QoSLevel = QoS.AT_MOST_ONCE,
        retain: bool = False,
        **options: Unpack[PublishOptions],
    ) -> Delivery:
        """As `publish`, but waits for room in the queue only.

        Gives the `Delivery`: await it for the acknowledgement, now, later or never.

        Raises:
            MqttError: Those of the message or its options, `QueueFullError` by policy, or that the client is
                closed.
        """
        delivery = self.publish(topic, payload, qos=qos, retain=retain, **options)
        await delivery.accepted()
        return delivery

    async def publish_many(
        self,
        messages: Iterable[Message | tuple[str, Payload]],
        *,
        qos: QoSLevel = QoS.AT_MOST_ONCE,
        retain: bool = False,
    ) -> list[PublishAck | MqttError]:
        """Publishes a batch: accepted in order, then awaited together. Gives each message's outcome.

        Args:
            messages: Messages, or topics and payloads.
            qos: The quality of service of those given as topic and payload; the default is 0.
            retain: Whether the server keeps those given as topic and payload; not by default.

        Raises:
            MqttError: The first message that is not accepted, and why; those before it go their way, those
                after it are not sent.
        """
        return await self._publish_many(messages, qos, retain)

    async def enqueue_many(
        self,
        messages: Iterable[Message | tuple[str, Payload]],
        *,
        qos: QoSLevel = QoS.AT_MOST_ONCE,
        retain: bool = False,
    ) -> list[Delivery]:
        """As `publish_many`, without waiting for the acknowledgements.

        Raises:
            MqttError: As `publish_many`.
        """
        return await self._enqueue_many(messages, qos, retain)

    @spelled_out
    def subscribe(
        self,
        filters: str | Iterable[str],
        *,
        qos: QoSLevel = QoS.AT_MOST_ONCE,
        **options: Unpack[SubscribeOptions],
    ) -> Subscribe:
        """Subscribes to a topic filter, or several.

        `async with client.subscribe("sensors/#") as messages:` closes the subscription at the end; `await
        client.subscribe(...)` leaves that to the program. Either is done once the server has granted it.

        Args:
            filters: The topic filters (section 4.7). `$share/<name>/<filter>` is a shared subscription (v5,
                section 4.8.2).
            qos: The greatest quality of service to receive with; the default is 0.
            **options: See `SubscribeOptions`.

        Raises:
            TypeError: An option that does not exist, or of another type.
            InvalidTopicError: A filter that breaks a rule, before anything is sent.
            MqttError: The server's refusal, or that it gave no answer in time.
        """
        return Subscribe(self, filters_of(filters), {"qos": qos, **subscribe_options("subscribe", options)})

    @spelled_out
    def declare(
        self,
        filters: str | Iterable[str],
        *,
        qos: QoSLevel = QoS.AT_MOST_ONCE,
        **options: Unpack[SubscribeOptions],
    ) -> Subscription:
        """Subscribes without waiting for the server's answer, as before the client is started.

        The stream is there at once, and ends with an error if the server refuses one of the filters.
        `Subscription.granted` stays empty.

        Args:
            filters: As for `subscribe`.
            qos: As for `subscribe`.
            **options: As for `subscribe`.

        Raises:
            TypeError: An option that does not exist, or of another type.
            MqttError: A filter or option that is not allowed, or that the client is closed.
        """
        taken = filters_of(filters)
        stream = self._declare(taken, {"qos": qos, **subscribe_options("declare", options)})
        return Subscription(stream, taken, [])

    async def unsubscribe(
        self, filters: str | Iterable[str], *, user_properties: UserProperties = ()
    ) -> UnsubscribeAck:
        """Unsubscribes filters of the session that no `Subscription` of this client has.

        Such as those of an earlier program.

        Args:
            filters: The topic filters.
            user_properties: User properties of the UNSUBSCRIBE packet (v5).

        Raises:
            MqttError: A filter that breaks a rule; the server's refusal, or that it gave no answer in time.
        """
        ack = await self._unsubscribe(filters_of(filters), pairs("user_properties", user_properties))
        return UnsubscribeAck.from_native(ack)

    @spelled_out
    def unclaimed(self, *, manual_ack: bool = False, **bounds: Unpack[StreamOptions]) -> Subscription:
        """The messages that no `Subscription` of this client is for.

        Those of a session that lasts once they have waited for `unclaimed_timeout`, others at once. Without
        this stream they are acknowledged, and counted as dropped. A client has one at a time.

        Args:
            manual_ack: Leaves acknowledging to `Subscription.ack`.
            **bounds: See `StreamOptions`.

        Raises:
            InvalidOptionError: It is open already.
            ClosedError: The client is closed.
        """
        stream = self._unclaimed({"manual_ack": manual_ack, **stream_options("unclaimed", bounds)})
        return Subscription(stream, [], [])

    @spelled_out
    def respond(
        self,
        filters: str | Iterable[str],
        *,
        qos: QoSLevel = QoS.AT_LEAST_ONCE,
        **bounds: Unpack[StreamOptions],
    ) -> Respond:
        """Subscribes to requests (v5, section 4.10), to answer them; await or enter it as `subscribe`.

        Several clients that respond to a shared subscription, such as `$share/workers/rows/+`, are a pool:
        each request goes to one of them.

        Args:
            filters: As for `subscribe`.
            qos: The greatest quality of service to receive with; the default is 1. Answers go with the
                quality of service that their request came with.
            **bounds: See `StreamOptions`.

        Raises:
            UnsupportedError: Version 3.1.1.
            MqttError: As `subscribe`.
        """
        return Respond(self, filters_of(filters), {"qos": qos, **stream_options("respond", bounds)})

    async def disconnect(
        self,
        *,
        timeout: Duration = 10,
        with_will: bool = False,
        session_expiry: Duration | None = None,
        reason_string: str | None = None,
        user_properties: UserProperties = (),
    ) -> Undelivered:
        """Disconnects in order; gives what could not be delivered. New operations are refused from now on.

        Args:
            timeout: How long to go on delivering what was accepted, and waiting for the answers to requests;
                the default is 10 seconds, 0 disconnects at once.
            with_will: Whether the server is to publish the will all the same (v5, reason code 0x04); not by
                default.
            session_expiry: How long the server keeps the session from now on (v5, section 3.14.2.2.2); by
                default as the options of the client say.
            reason_string: Words for people (v5).
            user_properties: User properties of the DISCONNECT packet (v5).

        Raises:
            UnsupportedError: What version 3.1.1 can't say; the client goes on then.
            InvalidOptionError: A session expiry where the session ends with its connection; the client goes
                on then.
        """
        options: dict[str, Any] = {
            "timeout": timeout,
            "with_will": with_will,
            "session_expiry": session_expiry,
            "reason_string": reason_string,
            "user_properties": pairs("user_properties", user_properties),
        }
        return Undelivered(**await self._disconnect(given(options)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            undelivered = await self.disconnect()
        except ClosedError:
            return
        if undelivered:
            count = undelivered.queued + undelivered.unacknowledged
            _log.warning("disconnected with %d messages undelivered", count)

    def __repr__(self) -> str:
        try:
            return f"<{type(self).__name__} {self.status()}>"
        except ClosedError as error:  # in a forked process
            return f"<{type(self).__name__}: {error}>"


class Connect(Opening[Client]):
    """A connection that is about to be made by `connect`.

    Await it for the `Client`, or enter it by `async with`, which disconnects in order at the end. Giving up
    waiting gives up connecting.
    """

    _what = "polymqtt.connect(...)"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def _open(self) -> Client:
        client = Client._prepare(self._settings)
        try:
            await client.start()
        except BaseException:
            client._disconnect({"timeout": 0})
            raise
        return client

    async def _close(self, opened: Client) -> None:
        await opened.__aexit__(None, None, None)
