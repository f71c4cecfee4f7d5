"""A message at each quality of service, to a subscription that takes QoS 1 at most."""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    async with polymqtt.connect(url) as client, client.subscribe("meter/#", qos=1) as messages:
        for topic, qos in (
            # Completes once the message is in the queue: there will be no answer.
            ("meter/power", polymqtt.QoS.AT_MOST_ONCE),
            # Completes with the server's PUBACK.
            ("meter/energy", polymqtt.QoS.AT_LEAST_ONCE),
            # Completes with the server's PUBCOMP, the end of the handshake.
            ("meter/bill", polymqtt.QoS.EXACTLY_ONCE),
        ):
            ack = await client.publish(topic, "42", qos=qos)
            # Asking for the next message acknowledges the one before.
            message = await anext(messages)
            print(f"{topic}: sent at QoS {qos}, {ack.reason_code.name}, arrived at QoS {message.qos}")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
