"""The blocking client."""

import logging
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Never, Self, Unpack

from polymqtt import _native
from polymqtt._native import Delivery, Message, PublishAck
from polymqtt.errors import ClosedError, MqttError
from polymqtt.events import Event
from polymqtt.keywords import spelled_out
from polymqtt.options import (
    ConnectOptions,
    Duration,
    Payload,
    StreamOptions,
    SubscribeOptions,
    UserProperties,
)
from polymqtt.qos import QoS, QoSLevel
from polymqtt.questions import Hooks
from polymqtt.results import Grant, Metrics, Status, Undelivered, UnsubscribeAck
from polymqtt.settings import Settings, filters_of, given, pairs, stream_options, subscribe_options
from polymqtt.sync.callbacks import CallbackErrorHook, Callbacks
from polymqtt.sync.events import Events
from polymqtt.sync.news import News
from polymqtt.sync.requests import Responder
from polymqtt.sync.subscription import Subscription

__all__ = ["CallbackErrorHook", "Client", "connect"]

_log = logging.getLogger("polymqtt")


@spelled_out
def connect(url: str | Sequence[str], **options: Unpack[ConnectOptions]) -> "Client":
    """Connects to a server, and waits until it has accepted.

    `with sync.connect("mqtt://localhost") as client:` disconnects in order at the end.

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
        **options: See `polymqtt.ConnectOptions`.

    Raises:
        TypeError: An option that does not exist, or of another type.
        InvalidOptionError: One that is out of range or contradicts another, before anything is sent.
        MqttError: Name resolution, transport, TLS, timeout, refused, not authorised: the first failure,
            unless `keep_trying` is set.
    """
    client = Client.prepare(url, **options)
    try:
        client.start()
    except BaseException:
        client._client._disconnect({"timeout": 0})
        raise
    return client


class Client(_native.BlockingClient):
    """A client whose calls wait: connected, or reconnecting; made by `connect` or `Client.prepare`.

    It reconnects by itself, restores its subscriptions, and goes on with what was in flight. It may be used
    from any thread. Threads of its own, all daemons, attend to it only where there is a callback, a listener
    to events, a credentials provider or an authenticator; such a client stays connected until `disconnect`.

    An interrupted wait never takes back what was accepted: the option `timeout` of a publish and
    `Delivery.cancel` withdraw the message.
    """

    _news: News
    _callbacks: Callbacks
    _events_of_callback: Events | None = None
    _on_event: Callable[[Event], object] | None = None

    def __new__(cls, *_: Never, **__: Never) -> Self:
        """Refuses: clients are made by `connect` and `Client.prepare`."""
        name = cls.__name__
        raise TypeError(f"a {name} is made by polymqtt.sync.connect(...) or {name}.prepare(...)")

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
        """
        settings = Settings.of(url, options)
        client = _native.BlockingClient.__new__(cls, settings.servers, settings.options)
        hooks = Hooks(settings.credentials, settings.authenticator)
        client._news = News(client._client, hooks)
        client._callbacks = Callbacks()
        if hooks:
            client._news.attend()
        return client

    def start(self) -> Grant:
        """Connects a client that was only prepared, and gives what the server granted.

        An interrupted wait does not give up connecting.

        Raises:
            MqttError: As `connect`; the client is closed then. `ClosedError` for one that was connected
                before.
        """
        try:
            return Grant.from_native(self._client._start().wait())
        except MqttError as error:
            if (cause := self._news.hooks.failure) is not None:
                raise error from cause
            raise

    @property
    def client_id(self) -> str:
        """The client identifier in use; empty before the server has assigned one."""
        return self._client.client_id

    def connected(self) -> Grant | None:
        """What the server granted for the connection as it stands; `None` while there is none."""
        grant = self._client._connected()
        return None if grant is None else Grant.from_native(grant)

    def status(self) -> Status:
        """Where the client stands: figures, and one line for people."""
        return Status(**self._client._status())

    def metrics(self) -> Metrics:
        """Figures since the client was made, and as they stand."""
        return Metrics(**self._client._metrics())

    def events(self) -> Events:
        """What happens to the connection from now on: `for event in client.events()`."""
        return self._news.listen()

    @property
    def on_event(self) -> Callable[[Event], object] | None:
        """A function that is called with each event from then on, in a thread of its own; none by default."""
        return self._on_event

    @on_event.setter
    def on_event(self, callback: Callable[[Event], object] | None) -> None:
        earlier, self._events_of_callback, self._on_event = self._events_of_callback, None, callback
        if earlier is not None:
            earlier._close()
        if callback is not None:
            self._events_of_callback = self._news.listen()
            self._callbacks.run(self._events_of_callback, callback)

    @property
    def on_callback_error(self) -> CallbackErrorHook | None:
        """Takes what a callback has raised, and the callback; by default both are logged ("polymqtt")."""
        return self._callbacks.on_error

    @on_callback_error.setter
    def on_callback_error(self, hook: CallbackErrorHook | None) -> None:
        self._callbacks.on_error = hook

    def publish_many(
        self,
        messages: Iterable[Message | tuple[str, Payload]],
        *,
        qos: QoSLevel = QoS.AT_MOST_ONCE,
        retain: bool = False,
    ) -> list[PublishAck | MqttError]:
        """Publishes a batch: accepted in order, then waited for together. Gives each message's outcome.

        Args:
            messages: Messages, or topics and payloads.
            qos: The quality of service of those given as topic and payload; the default is 0.
            retain: Whether the server keeps those given as topic and payload; not by default.

        Raises:
            MqttError: The first message that is not accepted, and why; those before it go their way, those
                after it are not sent.
        """
        return self._client._publish_many(messages, qos, retain).wait()

    def enqueue_many(
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
        return self._client._enqueue_many(messages, qos, retain).wait()

    def flush(self) -> None:
        """Waits until everything that was accepted has been handed to the operating system.

        It says nothing of what the server has; wait for the publishes for that.

        Raises:
            MqttError: The connection was lost with some of it unwritten, or the client is closed.
        """
        self._client.flush().wait()

    @spelled_out
    def subscribe(
        self,
        filters: str | Iterable[str],
        *,
        qos: QoSLevel = QoS.AT_MOST_ONCE,
        callback: Callable[[Message], object] | None = None,
        **options: Unpack[SubscribeOptions],
    ) -> Subscription:
        """Subscribes to a topic filter, or several, and waits until the server has granted it.

        `with client.subscribe("sensors/#") as messages:` closes the subscription at the end.

        Args:
            filters: The topic filters (section 4.7). `$share/<name>/<filter>` is a shared subscription (v5,
                section 4.8.2).
            qos: The greatest quality of service to receive with; the default is 0.
            callback: Called with each message, in a thread of the subscription's own. What it raises goes to
                `on_callback_error`. The message is taken when it has returned.
            **options: See `polymqtt.SubscribeOptions`.

        Raises:
            TypeError: An option that does not exist, or of another type.
            InvalidTopicError: A filter that breaks a rule, before anything is sent.
            MqttError: The server's refusal, or that it gave no answer in time.
        """
        subscription = self._subscribe(filters, {"qos": qos, **subscribe_options("subscribe", options)})
        if callback is not None:
            self._callbacks.run(subscription, callback)
        return subscription

    @spelled_out
    def declare(
        self,
        filters: str | Iterable[str],
        *,
        qos: QoSLevel = QoS.AT_MOST_ONCE,
        callback: Callable[[Message], object] | None = None,
        **options: Unpack[SubscribeOptions],
    ) -> Subscription:
        """Subscribes without waiting for the server's answer, as before the client is started.

        The stream is there at once, and ends with an error if the server refuses one of the filters.
        `Subscription.granted` stays empty.

        Args:
            filters: As for `subscribe`.
            qos: As for `subscribe`.
            callback: As for `subscribe`.
            **options: As for `subscribe`.

        Raises:
            TypeError: An option that does not exist, or of another type.
            MqttError: A filter or option that is not allowed, or that the client is closed.
        """
        taken = filters_of(filters)
        stream = self._client._declare(taken, {"qos": qos, **subscribe_options("declare", options)})
        subscription = Subscription(stream, taken, [])
        if callback is not None:
            self._callbacks.run(subscription, callback)
        return subscription

    def unsubscribe(
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
        ack = self._client._unsubscribe(filters_of(filters), pairs("user_properties", user_properties)).wait()
        return UnsubscribeAck.from_native(ack)

    @spelled_out
    def unclaimed(self, *, manual_ack: bool = False, **bounds: Unpack[StreamOptions]) -> Subscription:
        """The messages that no `Subscription` of this client is for.

        Those of a session that lasts once they have waited for `unclaimed_timeout`, others at once. Without
        this stream they are acknowledged, and counted as dropped. A client has one at a time.

        Args:
            manual_ack: Leaves acknowledging to `Subscription.ack`.
            **bounds: See `polymqtt.StreamOptions`.

        Raises:
            InvalidOptionError: It is open already.
            ClosedError: The client is closed.
        """
        stream = self._client._unclaimed({"manual_ack": manual_ack, **stream_options("unclaimed", bounds)})
        return Subscription(stream, [], [])

    @spelled_out
    def respond(
        self,
        filters: str | Iterable[str],
        *,
        qos: QoSLevel = QoS.AT_LEAST_ONCE,
        **bounds: Unpack[StreamOptions],
    ) -> Responder:
        """Subscribes to requests (v5, section 4.10), to answer them; waits until the server has granted it.

        Several clients that respond to a shared subscription, such as `$share/workers/rows/+`, are a pool:
        each request goes to one of them.

        Args:
            filters: As for `subscribe`.
            qos: The greatest quality of service to receive with; the default is 1. Answers go with the
                quality of service that their request came with.
            **bounds: See `polymqtt.StreamOptions`.

        Raises:
            UnsupportedError: Version 3.1.1.
            MqttError: As `subscribe`.
        """
        self._client._check_requests()
        options = {"qos": qos, **stream_options("respond", bounds)}
        return Responder(self._client, self._subscribe(filters, options))

    def reauthenticate(self) -> None:
        """Authenticates again on the connection as it stands (v5, section 4.12.1), as before a token expires.

        Messages flow on meanwhile. A server that asks for it is answered without this call.

        Raises:
            UnsupportedError: The connection does not authenticate by a method.
            TransportError: There is no connection: connecting authenticates anyway.
            MqttError: A failure on the way; it ends the connection, and reconnecting follows.
        """
        self._client.reauthenticate().wait()

    def disconnect(
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
        return Undelivered(**self._client._disconnect(given(options)).wait())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            undelivered = self.disconnect()
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

    def _subscribe(self, filters: str | Iterable[str], options: dict[str, Any]) -> Subscription:
        taken = filters_of(filters)
        stream, granting = self._client._subscribe(taken, options)
        try:
            granted = granting.wait()
        except BaseException:
            stream.close()
            raise
        return Subscription(stream, taken, granted)
