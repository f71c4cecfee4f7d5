"""The process of one run: prints what it measured as JSON."""

import asyncio
import importlib
import json
from argparse import ArgumentParser
from collections.abc import Awaitable
from typing import Protocol, cast

from . import contenders, workload
from .measurement import Measurement
from .task import Task
from .workload import Exchange


class Client(Protocol):
    """What the module of a contender has, as far as it does the workloads.

    Each call warms up on the connection that it measures.
    """

    def publish(self, task: Task) -> Measurement | Awaitable[Measurement]:
        """Publishes the task's messages; ends when the server has confirmed the last one."""

    def receive(self, task: Task) -> Measurement | Awaitable[Measurement]:
        """Subscribes and receives the task's messages, and the one that says that these were all."""

    def round_trip(self, task: Task) -> Measurement | Awaitable[Measurement]:
        """Publishes a message and waits until it comes back, again and again."""


def main() -> None:
    arguments = ArgumentParser()
    arguments.add_argument("contender", type=contenders.named)
    arguments.add_argument("workload", type=workload.named)
    arguments.add_argument("port", type=int)
    arguments.add_argument("count", type=int)
    given = arguments.parse_args()

    contender: contenders.Contender = given.contender
    client = cast("Client", importlib.import_module(f".contenders.{contender.module}", __package__))
    task = Task(given.port, given.workload.qos, given.count)
    measured = _run(client, given.workload.exchange, task)
    if not isinstance(measured, Measurement):
        measured = _on_loop(measured, contender.uvloop)
    print(json.dumps(measured.to_json()))


def _run(client: Client, exchange: Exchange, task: Task) -> Measurement | Awaitable[Measurement]:
    match exchange:
        case Exchange.PUBLISH:
            return client.publish(task)
        case Exchange.RECEIVE:
            return client.receive(task)
        case Exchange.ROUND_TRIP:
            return client.round_trip(task)


def _on_loop(running: Awaitable[Measurement], uvloop: bool) -> Measurement:
    async def run() -> Measurement:
        return await running

    loop_factory = importlib.import_module("uvloop").new_event_loop if uvloop else None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(run())


if __name__ == "__main__":
    main()
