"""A chat room: what one hears of oneself, of the past, and on which stream."""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    async with polymqtt.connect(url, client_id="ann") as ann, polymqtt.connect(url, client_id="bob") as bob:
        await ann.publish("room/topic", "fences", qos=1, retain=True)

        # What others say from now on: neither Ann's own words nor the topic that was set before.
        others = await ann.subscribe("room/#", qos=1, no_local=True, retain_handling="do_not_send")
        # The topic, as the last who set it did. Both filters match it.
        topic = await ann.subscribe("room/topic", qos=1, retain_as_published=True)
        message = await anext(topic)
        print(f"topic:  {message.text()}, retained: {message.retain}")

        await ann.publish("room/talk", "I like green", qos=1)
        await bob.publish("room/topic", "gates", qos=1, retain=True)
        for name, messages in (("others", others), ("topic", topic)):
            message = await anext(messages)
            print(f"{name}: {message.text()}, retained: {message.retain}")

        await ann.publish("room/topic", "", retain=True)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
