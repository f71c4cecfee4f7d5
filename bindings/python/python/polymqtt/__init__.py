"""An MQTT 3.1.1 / 5.0 client for asyncio, and for blocking programs (`polymqtt.sync`).

```python
import asyncio
import polymqtt


async def main() -> None:
    async with polymqtt.connect("mqtt://localhost") as client:
        async with client.subscribe("sensors/+/temperature", qos=1) as readings:
            await client.publish("sensors/attic/temperature", "21.5", qos=1)
            async for message in readings:
                print(message.topic, message.text())


asyncio.run(main())
```

A client reconnects by itself, restores its subscriptions, and goes on with what was in flight.
`Client.status` says where it stands in one line, `Client.events` what happens to its connection. Durations
are seconds, or `timedelta`. What the server or the network does is an `MqttError`, each kind a class of its
own; wrong types are `TypeError`.
"""

from polymqtt import events, sync
from polymqtt._native import Delivery, Message, Operation, PublishAck, __version__, matches
from polymqtt.authentication import (
    Attempt,
    AuthenticationReply,
    AuthenticationStage,
    AuthenticationStep,
    Authenticator,
    Credentials,
    CredentialsProvider,
    Scram,
)
from polymqtt.client import Client, Connect, connect
from polymqtt.errors import (
    ClosedError,
    DroppedError,
    ExpiredError,
    IndeterminateError,
    InvalidMessageError,
    InvalidOptionError,
    InvalidTopicError,
    MqttError,
    NameResolutionError,
    NoResponderError,
    NotAuthorizedError,
    PacketTooLargeError,
    ProtocolError,
    QueueFullError,
    QuotaExceededError,
    RefusedError,
    SessionLostError,
    TimeoutError,  # noqa: A004 - polymqtt.TimeoutError is one
    TlsError,
    TransportError,
    UnsupportedError,
    WithdrawnError,
)
from polymqtt.events import Event, Events
from polymqtt.options import (
    ConnectOptions,
    Duration,
    OnSessionLost,
    Payload,
    Pem,
    ProtocolVersion,
    PublishOptions,
    QueueOptions,
    ReconnectOptions,
    RedirectOptions,
    RetainHandling,
    StreamOptions,
    SubscribeOptions,
    TlsOptions,
    UserProperties,
    WhenFull,
    WhenStreamFull,
    Will,
)
from polymqtt.qos import QoS, QoSLevel
from polymqtt.reason_codes import ReasonCode
from polymqtt.requests import Request, Respond, Responder
from polymqtt.results import (
    ConnectionPhase,
    Grant,
    Granted,
    Limits,
    Metrics,
    Status,
    Undelivered,
    UnsubscribeAck,
)
from polymqtt.subscription import Subscribe, Subscription

__all__ = [
    "Attempt",
    "AuthenticationReply",
    "AuthenticationStage",
    "AuthenticationStep",
    "Authenticator",
    "Client",
    "ClosedError",
    "Connect",
    "ConnectOptions",
    "ConnectionPhase",
    "Credentials",
    "CredentialsProvider",
    "Delivery",
    "DroppedError",
    "Duration",
    "Event",
    "Events",
    "ExpiredError",
    "Grant",
    "Granted",
    "IndeterminateError",
    "InvalidMessageError",
    "InvalidOptionError",
    "InvalidTopicError",
    "Limits",
    "Message",
    "Metrics",
    "MqttError",
    "NameResolutionError",
    "NoResponderError",
    "NotAuthorizedError",
    "OnSessionLost",
    "Operation",
    "PacketTooLargeError",
    "Payload",
    "Pem",
    "ProtocolError",
    "ProtocolVersion",
    "PublishAck",
    "PublishOptions",
    "QoS",
    "QoSLevel",
    "QueueFullError",
    "QueueOptions",
    "QuotaExceededError",
    "ReasonCode",
    "ReconnectOptions",
    "RedirectOptions",
    "RefusedError",
    "Request",
    "Respond",
    "Responder",
    "RetainHandling",
    "Scram",
    "SessionLostError",
    "Status",
    "StreamOptions",
    "Subscribe",
    "SubscribeOptions",
    "Subscription",
    "TimeoutError",
    "TlsError",
    "TlsOptions",
    "TransportError",
    "Undelivered",
    "UnsubscribeAck",
    "UnsupportedError",
    "UserProperties",
    "WhenFull",
    "WhenStreamFull",
    "Will",
    "WithdrawnError",
    "__version__",
    "connect",
    "events",
    "matches",
    "sync",
]
