"""Python's part of the demo: publishes readings of this process, and counts those of Rust that it receives.

Its readings are numbered as Rust's are, and each carries the counts so far: the view shows both directions.
"""

import asyncio
import json
import resource
import socket
import sys
import time
from dataclasses import dataclass, field

import polymqtt


@dataclass
class Heard:
    """What came in from Rust: how many, and whether the numbers of each topic follow each other."""

    received: int = 0
    missing: int = 0
    repeated: int = 0
    _next: dict[str, int] = field(default_factory=dict)

    def take(self, topic: str, sequence: int) -> None:
        """Counts a reading; the first of a topic may have any number, for Rust began before."""
        expected = self._next.get(topic, sequence)
        self.received += 1
        if sequence < expected:
            self.repeated += 1
            return
        self.missing += sequence - expected
        self._next[topic] = sequence + 1

    def counts(self) -> dict[str, int]:
        """The counts by name."""
        return {"received": self.received, "missing": self.missing, "repeated": self.repeated}


async def main(url: str, rounds: int, every: float) -> bool:
    """Takes part for so many rounds; whether nothing was missing and nothing came twice."""
    heard = Heard()
    async with (
        polymqtt.connect(url, client_id="demo-python") as client,
        client.subscribe("machines/+/+", qos=1, no_local=True) as readings,
        asyncio.TaskGroup() as tasks,
    ):
        listening = tasks.create_task(listen(readings, heard))
        await publish(client, heard, rounds, every)
        listening.cancel()
    return heard.received > 0 and not heard.missing and not heard.repeated


async def listen(readings: polymqtt.Subscription, heard: Heard) -> None:
    """Counts the readings of Rust."""
    async for message in readings:
        heard.take(message.topic, message.json()["sequence"])


async def publish(client: polymqtt.Client, heard: Heard, rounds: int, every: float) -> None:
    """A reading of this process each round."""
    topic = f"machines/{machine()}/python"
    start = time.monotonic()
    for sequence in range(rounds):
        await asyncio.sleep(start + sequence * every - time.monotonic())
        value = {"python": {**usage(), **heard.counts()}}
        reading = {"sequence": sequence, "value": value, "taken_us": time.time_ns() // 1000}
        await client.publish(
            topic, json.dumps(reading), qos=1, content_type="application/json", payload_is_utf8=True
        )


def usage() -> dict[str, float]:
    """What this process has used: processor time, and memory at most."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"memory_kib": used.ru_maxrss, "cpu_s": used.ru_utime + used.ru_stime}


def machine() -> str:
    """The machine's name, fit to be a level of a topic; as Rust's readings have it."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "_" for c in socket.gethostname())


if __name__ == "__main__":
    complete = asyncio.run(main(sys.argv[1], rounds=int(sys.argv[2]), every=int(sys.argv[3]) / 1000))
    sys.exit(not complete)
