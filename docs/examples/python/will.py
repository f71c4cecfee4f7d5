"""A pump that dies without a word, and a monitor that hears of it."""

import asyncio
import multiprocessing
import sys
import threading

import polymqtt
from polymqtt import sync


async def main(url: str) -> None:
    async with (
        polymqtt.connect(url, client_id="monitor") as monitor,
        monitor.subscribe("pump/state", qos=1) as states,
    ):
        process = multiprocessing.get_context("spawn").Process(target=pump, args=(url,))
        process.start()
        state = await anext(states)
        print(f"{state.topic}: {state.text()}")

        # The process ends: its connection closes, without DISCONNECT.
        process.kill()
        state = await anext(states)
        print(f"{state.topic}: {state.text()}")
        # Nothing is kept for the next who asks.
        await monitor.publish("pump/state", "", retain=True)


def pump(url: str) -> None:
    will = polymqtt.Will("pump/state", "offline", qos=1, retain=True)
    with sync.connect(url, client_id="pump", will=will) as client:
        client.publish("pump/state", "online", qos=1, retain=True)
        threading.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
