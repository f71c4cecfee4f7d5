"""A worker that misses nothing while it is away."""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    options = polymqtt.ConnectOptions(client_id="worker", session_expiry=3600)

    # The first run of the worker: it subscribes and leaves. The session stays, with the subscription.
    async with polymqtt.connect(url, **options) as worker:
        await worker.subscribe("jobs/#", qos=1)

    # Meanwhile there is work.
    async with polymqtt.connect(url, client_id="planner") as planner:
        await planner.publish("jobs/7", "paint the fence", qos=1)

    # The second run. The messages come right after CONNACK, so the stream for them is there before.
    options["clean_start"] = False
    worker = polymqtt.Client.prepare(url, **options)
    jobs = worker.declare("jobs/#", qos=1)
    grant = await worker.start()
    print(f"session present: {grant.session_present}")
    job = await anext(jobs)
    print(f"{job.topic}: {job.text()}")
    # A job is acknowledged once the next is asked for, or the stream is closed.
    jobs.close()

    # This worker will not come back: the session ends here.
    await worker.disconnect(session_expiry=0)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
