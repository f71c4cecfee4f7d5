"""A message that says what it is."""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    async with polymqtt.connect(url) as client, client.subscribe("press/+") as readings:
        await client.publish(
            "press/oil",
            '{"bar": 4.2}',
            payload_is_utf8=True,
            content_type="application/json",
            user_properties={"schema": "press-2"},
        )

        message = await anext(readings)
        print(f"UTF-8: {message.payload_is_utf8}")
        print(f"content type: {message.content_type}")
        for name, value in message.user_properties:
            if name == "schema":
                print(f"{name}: {value}")
        print(message.json()["bar"])

        # The promise is checked before anything is sent.
        try:
            await client.publish("press/oil", b"\xff", payload_is_utf8=True)
        except polymqtt.InvalidMessageError as error:
            print(f"refused: {error.kind}")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
