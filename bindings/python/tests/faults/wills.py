"""Programs with a will, which the test kills, or which end as they are told to."""

import asyncio
import signal

import polymqtt
from polymqtt import Will, sync


def asyncio_program(url: str, topic: str, end: str) -> None:
    async def main() -> None:
        client = await polymqtt.connect(url, will=Will(topic, "will", qos=1))
        print("connected", flush=True)
        match end:
            case "killed":
                signal.pause()
            case "in order":
                await client.disconnect()
            case "with will":
                await client.disconnect(with_will=True)

    asyncio.run(main())


def blocking_program(url: str, topic: str, end: str) -> None:
    client = sync.connect(url, will=Will(topic, "will", qos=1))
    print("connected", flush=True)
    match end:
        case "killed":
            signal.pause()
        case "in order":
            client.disconnect()
        case "with will":
            client.disconnect(with_will=True)


ALL = [asyncio_program, blocking_program]
