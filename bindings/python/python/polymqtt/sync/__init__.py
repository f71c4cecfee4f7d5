"""The same client without asyncio: each call waits on the calling thread.

```python
from polymqtt import sync

with sync.connect("mqtt://localhost") as client:
    with client.subscribe("sensors/#", qos=1) as readings:
        client.publish("sensors/attic", "21.5", qos=1)
        for message in readings:
            print(message.topic, message.text())
```

A client may be used from any thread. Ctrl-C interrupts every wait. What operations take and give, errors and
events are those of `polymqtt`.
"""

from polymqtt.sync.client import CallbackErrorHook, Client, connect
from polymqtt.sync.events import Events
from polymqtt.sync.requests import Request, Responder
from polymqtt.sync.subscription import Subscription

__all__ = ["CallbackErrorHook", "Client", "Events", "Request", "Responder", "Subscription", "connect"]
