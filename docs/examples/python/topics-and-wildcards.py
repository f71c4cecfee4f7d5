"""Two filters that overlap, each with a stream of its own, and which topics reach them."""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    async with (
        polymqtt.connect(url) as client,
        client.subscribe("home/+/temperature", qos=1) as temperatures,
        client.subscribe("home/kitchen/#", qos=1) as kitchen,
    ):
        for topic in ("home/kitchen/temperature", "home/attic/temperature", "home/kitchen/oven/door"):
            await client.publish(topic, "?", qos=1)

        # Two of the three topics match each filter.
        for messages in (temperatures, kitchen):
            for _ in range(2):
                message = await anext(messages)
                print(f"{messages.filters[0]:18} gets {message.topic}")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
