"""The program that has the client: what each command means, for both APIs, since they have the same names.

What a call of the asyncio API gives is awaited by its player; one of the blocking API gives the value itself.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from polymqtt import Delivery

from . import reports, values
from .values import Fields

Outcome: TypeAlias = tuple[Any, Callable[[Any], Fields | None]]
"""What a call gave, and what is reported of it once it is there."""


class Program:
    """What commands gave, by their names."""

    def __init__(self, make_client: Callable[..., Any]) -> None:
        self._make_client = make_client
        self._questions: Iterator[int] = itertools.count(1)
        self._deliveries: dict[str, Any] = {}
        self._streams: dict[str, Any] = {}
        self._messages: dict[str, tuple[Any, str]] = {}
        self._requests: dict[str, Any] = {}
        self.client: Any = None

    def wait(self, delivery: Delivery) -> Any:
        """The outcome of a delivery, as a call of the API gives it."""
        raise NotImplementedError

    def ended(self, name: str) -> None:
        """A command that is under way is let go of."""
        raise NotImplementedError

    def listen(self) -> None:
        """Says each event of the client from now on."""
        raise NotImplementedError

    def prepare(self, fields: Fields) -> None:
        """Makes the client: waits for nothing."""
        servers = fields.get("servers", [])
        self.client = self._make_client(servers, **values.connect_options(fields, self))
        self.listen()

    def call(self, fields: Fields) -> Outcome:
        """Begins a command."""
        return getattr(self, f"_{fields['do']}")(fields, fields.get("name", ""))

    def drop(self, what: str) -> None:
        """Lets go of a stream, a command under way, a delivery, or the client."""
        self.ended(what)
        self._deliveries.pop(what, None)
        if what in self._streams:
            self._streams.pop(what).close()
        if what == "client":
            self.let_go_of_client()

    def let_go_of_client(self) -> None:
        """What leaving `with` does, without waiting."""
        raise NotImplementedError

    def _connect(self, _fields: Fields, _name: str) -> Outcome:
        return self.client.start(), reports.connected

    _start = _connect

    def _publish(self, fields: Fields, _name: str) -> Outcome:
        return self.client.publish(**values.publish_arguments(fields)), reports.acknowledged

    def _enqueue(self, fields: Fields, name: str) -> Outcome:
        def keep(delivery: Delivery) -> None:
            self._deliveries[name] = delivery

        return self.client.enqueue(**values.publish_arguments(fields)), keep

    def _publish_many(self, fields: Fields, _name: str) -> Outcome:
        messages = [(fields["topic"], payload) for payload in fields["payloads"]]
        return self.client.publish_many(messages, qos=fields.get("qos", 0)), reports.outcomes

    def _await(self, fields: Fields, _name: str) -> Outcome:
        return self.wait(self._deliveries.pop(fields["delivery"])), reports.acknowledged

    def _cancel(self, fields: Fields, _name: str) -> Outcome:
        return self._deliveries[fields["delivery"]].cancel(), _nothing

    def _flush(self, _fields: Fields, _name: str) -> Outcome:
        return self.client.flush(), _nothing

    def _subscribe(self, fields: Fields, name: str) -> Outcome:
        return self.client.subscribe(**values.subscribe_arguments(fields)), self._keeps(name)

    def _respond(self, fields: Fields, name: str) -> Outcome:
        return self.client.respond(**values.subscribe_arguments(fields)), self._keeps(name)

    def _declare(self, fields: Fields, name: str) -> Outcome:
        return self.client.declare(**values.subscribe_arguments(fields)), self._keeps(name)

    def _unclaimed(self, fields: Fields, name: str) -> Outcome:
        return self.client.unclaimed(**(fields.get("stream") or {})), self._keeps(name)

    def _keeps(self, name: str) -> Callable[[Any], Fields]:
        def keep(stream: Any) -> Fields:
            self._streams[name] = stream
            return reports.granted(stream.granted)

        return keep

    def _receive(self, fields: Fields, name: str) -> Outcome:
        stream = fields["stream"]

        def keep(received: Any) -> Fields:
            if hasattr(received, "respond"):
                self._requests[name] = received
                return reports.received(received.message)
            self._messages[name] = (received, stream)
            return reports.received(received)

        return self._streams[stream].recv(), keep

    def _ack(self, fields: Fields, _name: str) -> Outcome:
        message, stream = self._messages[fields["message"]]
        return self._streams[stream].ack(message, **values.arguments(fields, "message")), _nothing

    def _unsubscribe(self, fields: Fields, _name: str) -> Outcome:
        stream = self._streams.pop(fields["stream"])
        return stream.unsubscribe(**values.arguments(fields, "stream")), reports.unsubscribed

    def _unsubscribe_filters(self, fields: Fields, _name: str) -> Outcome:
        return self.client.unsubscribe(**values.arguments(fields)), reports.unsubscribed

    def _request(self, fields: Fields, _name: str) -> Outcome:
        return self.client.request(**values.publish_arguments(fields)), reports.received

    def _reply(self, fields: Fields, _name: str) -> Outcome:
        return self._requests.pop(fields["message"]).respond(fields.get("payload", "")), reports.acknowledged

    def _reauthenticate(self, _fields: Fields, _name: str) -> Outcome:
        return self.client.reauthenticate(), _nothing

    def _disconnect(self, fields: Fields, _name: str) -> Outcome:
        return self.client.disconnect(**values.arguments(fields)), reports.fields_of

    def _metrics(self, _fields: Fields, _name: str) -> Outcome:
        return self.client.metrics(), reports.fields_of


def _nothing(_: Any) -> None:
    return None
