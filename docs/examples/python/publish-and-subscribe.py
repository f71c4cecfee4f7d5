"""A display and a sensor: both know the server and a topic, neither knows the other."""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    async with polymqtt.connect(url, client_id="display") as display:
        readings = await display.subscribe("kitchen/temperature")

        async with polymqtt.connect(url, client_id="sensor") as sensor:
            await sensor.publish("kitchen/temperature", "21.5")

        message = await anext(readings)
        print(f"{message.topic}: {message.text()}")
        await readings.unsubscribe()


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
