"""Two painters who share the work."""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    done = asyncio.Queue[str]()
    async with (
        polymqtt.connect(url, client_id="painter-1") as first,
        polymqtt.connect(url, client_id="painter-2") as second,
        first.subscribe("$share/painters/jobs/#", qos=1) as first_jobs,
        second.subscribe("$share/painters/jobs/#", qos=1) as second_jobs,
        asyncio.TaskGroup() as painters,
    ):
        painters.create_task(paint(first_jobs, done))
        painters.create_task(paint(second_jobs, done))
        async with polymqtt.connect(url, client_id="planner") as planner:
            for job in ("jobs/1", "jobs/2", "jobs/3", "jobs/4"):
                await planner.publish(job, "paint it", qos=1)

        # Who gets which is the server's choice; each job is somebody's, once.
        print(", ".join(sorted([await done.get() for _ in range(4)])))
        first_jobs.close()
        second_jobs.close()


async def paint(jobs: polymqtt.Subscription, done: asyncio.Queue[str]) -> None:
    async for job in jobs:
        await done.put(job.topic)


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
