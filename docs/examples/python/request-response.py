"""A table that answers, and a client that asks."""

import asyncio
import sys

import polymqtt


async def main(url: str) -> None:
    async with (
        polymqtt.connect(url, client_id="table") as table,
        table.respond("rows/+") as requests,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(answer(requests))
        async with polymqtt.connect(url, client_id="client") as client:
            row = await client.request("rows/7")
            print(row.text())
        requests.close()


async def answer(requests: polymqtt.Responder) -> None:
    async for request in requests:
        row = request.topic.removeprefix("rows/")
        await request.respond(f"this is row {row}")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "mqtt://localhost"))
