"""Mistakes that a type checker must find: where it does not, `type: ignore` is unused, an error itself."""

import asyncio

import polymqtt
from polymqtt import sync


async def main(client: polymqtt.Client) -> None:
    polymqtt.Client("mqtt://localhost")  # type: ignore[arg-type]
    sync.Client("mqtt://localhost")  # type: ignore[arg-type]
    polymqtt.connect(7)  # type: ignore[arg-type]
    polymqtt.connect("mqtt://localhost", keepalive=30)  # type: ignore[call-arg]
    polymqtt.connect("mqtt://localhost", keep_alive="30")  # type: ignore[arg-type]
    polymqtt.connect("mqtt://localhost", version="4")  # type: ignore[arg-type]
    polymqtt.connect("mqtt://localhost", reconnect=5)  # type: ignore[arg-type]
    polymqtt.Will("a", "b", 1)  # type: ignore[call-arg]
    polymqtt.QueueOptions(when_full="explode")  # type: ignore[arg-type]
    await client.publish("a", 21.5)  # type: ignore[arg-type]
    await client.publish("a", "b", 1)  # type: ignore[call-arg]
    await client.publish("a", "b", qos=3)  # type: ignore[arg-type]
    await client.publish(b"a")  # type: ignore[arg-type]
    await client.publish("a", mistake=1)  # type: ignore[call-arg]
    await client.enqueue("a", mistake=1)  # type: ignore[call-arg]
    client.subscribe(7)  # type: ignore[arg-type]
    client.subscribe("a", retain_handling="never")  # type: ignore[arg-type]
    client.subscribe("a", callback=print)  # type: ignore[call-arg]
    for _ in client.declare("a"):  # type: ignore[attr-defined]
        pass
    (await client.publish("a")).reason_code = 1  # type: ignore[misc, assignment]
    message = await client.declare("a").recv()
    message.text()  # type: ignore[union-attr]


def blocking(client: sync.Client) -> None:
    asyncio.run(client.publish("a"))  # type: ignore[arg-type]
    client.subscribe("a", callback=7)  # type: ignore[arg-type]
    client.on_event = 7  # type: ignore[assignment]
