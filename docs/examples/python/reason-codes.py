"""What the server says when things do not go as usual."""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    client = await polymqtt.connect(url, client_id="twin")
    events = client.events()

    # A success that says more.
    answer = await client.unsubscribe("never/subscribed")
    for code in answer.reason_codes:
        print(f"UNSUBACK: {code.name} ({code:#04x})")

    # A failure: somebody else connects with the same client identifier.
    async with polymqtt.connect(url, client_id="twin"):
        async for event in events:
            if isinstance(event, polymqtt.events.Disconnected) and event.error is not None:
                if (reason := event.error.reason_code) is not None:
                    print(f"DISCONNECT: {reason.name} ({reason:#04x})")
                print(f"tries again: {event.retry_in is not None}")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
