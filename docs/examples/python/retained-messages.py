"""A thermostat whose last reading waits for whoever comes later."""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    async with polymqtt.connect(url, client_id="thermostat") as thermostat:
        await thermostat.publish("hall/temperature", "21.5", qos=1, retain=True)

        # The panel comes later and need not wait for the next reading.
        async with (
            polymqtt.connect(url, client_id="panel") as panel,
            panel.subscribe("hall/temperature", qos=1) as readings,
        ):
            # The next two arrive while the panel is there. An empty payload takes back what the server keeps.
            for payload in ("22.0", ""):
                show(await anext(readings))
                await thermostat.publish("hall/temperature", payload, qos=1, retain=True)
            show(await anext(readings))


def show(message: polymqtt.Message) -> None:
    print(f'"{message.text()}", retained: {message.retain}')


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
