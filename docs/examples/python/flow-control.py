"""A press that has two jobs in hand at most."""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    async with (
        polymqtt.connect(url, client_id="press", receive_maximum=2) as press,
        press.subscribe("jobs/press", qos=1, manual_ack=True) as jobs,
        polymqtt.connect(url, client_id="planner") as planner,
    ):
        for number in range(1, 5):
            await planner.publish("jobs/press", f"job {number}", qos=1)

        in_hand = [await anext(jobs), await anext(jobs)]
        # An answer of the server comes after all that it sent before: nothing else did.
        await press.unsubscribe("nothing")
        print(f"{press.metrics().messages_received} of 4 have come")

        # Each acknowledgement makes room for one more.
        for done in in_hand:
            print(f"{done.text()} is done")
            jobs.ack(done)
        for _ in range(2):
            job = await anext(jobs)
            print(f"{job.text()} has come")
            jobs.ack(job)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
