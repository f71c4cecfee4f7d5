"""The asyncio client as a host: each command is a task; they begin in the order in which they come."""

import asyncio
import contextlib
import inspect
import json
from pathlib import Path
from typing import Any

import polymqtt

from . import reports, values
from .program import Program
from .values import Fields

LONGEST = 60
"""Seconds; no scenario takes as long."""


async def play(scripted_broker: Path, arguments: list[str]) -> str:
    """Plays one scenario, until the broker says how it ended: `"passed"`, or why not."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        scripted_broker, *arguments, stdin=pipe, stdout=pipe, limit=1 << 24
    )
    try:
        async with asyncio.timeout(LONGEST):
            return await _Player(process).obey()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class _Player(Program):
    def __init__(self, broker: asyncio.subprocess.Process) -> None:
        super().__init__(polymqtt.Client.prepare)
        self._broker = broker
        self._open: dict[int, asyncio.Future[Fields]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def obey(self) -> str:
        assert self._broker.stdout is not None
        try:
            async for line in self._broker.stdout:
                command = json.loads(line)
                if "end" in command:
                    return "passed" if command["end"] == "passed" else command.get("why", command["end"])
                self._obey(command)
            return "the broker is gone"
        finally:
            for task in self._tasks.values():
                task.cancel()
            if self.client is not None:
                await self.client.disconnect(timeout=0)

    def _obey(self, command: Fields) -> None:
        if "answer" in command:
            self._open.pop(command["answer"]).set_result(command)
            return
        name = command.get("name", command["do"])
        self._tasks[name] = asyncio.create_task(self._run(command), name=name)

    async def _run(self, command: Fields) -> None:
        ok: Fields = {}
        try:
            if command["do"] == "drop":
                self.drop(command["what"])
            if command["do"] in ("prepare", "connect"):
                self.prepare(command)
            if command["do"] not in ("prepare", "drop"):
                outcome, report = self.call(command)
                ok = report(await outcome if inspect.isawaitable(outcome) else outcome) or {}
        except Exception as error:
            self._say({"id": command["id"], "error": reports.error(error)})
        else:
            self._say({"id": command["id"], "ok": ok})

    def wait(self, delivery: polymqtt.Delivery) -> polymqtt.Delivery:
        return delivery

    def ended(self, name: str) -> None:
        if (task := self._tasks.get(name)) is not None and task is not asyncio.current_task():
            task.cancel()

    def let_go_of_client(self) -> None:
        self._tasks["closing"] = asyncio.create_task(self.client.disconnect())

    def listen(self) -> None:
        events = self.client.events()

        async def say() -> None:
            async for event in events:
                self._say(reports.event(event))

        self._tasks["events"] = asyncio.create_task(say())

    async def credentials(self, attempt: polymqtt.Attempt) -> polymqtt.Credentials:
        number = next(self._questions)
        return values.credentials(await self._ask(number, reports.attempt(number, attempt)))

    async def authentication(self, step: polymqtt.AuthenticationStep) -> polymqtt.AuthenticationReply:
        number = next(self._questions)
        return values.reply(await self._ask(number, reports.step(number, step)))

    async def _ask(self, number: int, question: Fields) -> Any:
        answer = self._open[number] = asyncio.get_running_loop().create_future()
        self._say(question)
        fields = await answer
        if (kind := fields.get("error")) is not None:
            raise values.error_named(kind)
        return fields

    def _say(self, report: Fields) -> None:
        assert self._broker.stdin is not None
        self._broker.stdin.write(json.dumps(report).encode() + b"\n")
