"""The blocking client as a host: each command runs in a thread, and the next begins once it waits.

`subscribe` and `request` run on the main thread, where they can be given up by what Ctrl-C does.
"""

import contextlib
import io
import json
import queue
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polymqtt
from polymqtt import sync

from . import reports, values
from .program import Program
from .values import Fields

LONGEST = 60
"""Seconds; no scenario takes as long."""

BEGINNING = 0.01
"""Seconds after which a command that has not ended counts as one that waits."""

_ON_MAIN_THREAD = ("subscribe", "request")


def play(scripted_broker: Path, arguments: list[str]) -> str:
    """Plays one scenario, until the broker says how it ended: `"passed"`, or why not."""
    # Unbuffered, so that nothing is left to be written once the broker is gone.
    process = subprocess.Popen(
        [scripted_broker, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    with process:
        try:
            return _Player(process).obey()
        finally:
            process.kill()


class _Player(Program):
    def __init__(self, broker: subprocess.Popen[bytes]) -> None:
        super().__init__(sync.Client.prepare)
        self._broker = broker
        self._open: dict[int, queue.Queue[Fields]] = {}
        self._lock = threading.Lock()
        self._over = False
        self._on_main_thread: queue.Queue[Callable[[], None] | str] = queue.Queue()
        self._running_there: str | None = None
        self._given_up = threading.Event()

    def obey(self) -> str:
        """Runs what belongs on this thread, while another one listens to the broker."""
        threading.Thread(target=self._listen_to_broker, daemon=True).start()
        try:
            while True:
                task = self._on_main_thread.get(timeout=LONGEST)
                if isinstance(task, str):
                    return task
                task()
        except queue.Empty:
            return f"it takes more than {LONGEST} s"
        finally:
            self._leave()

    def _leave(self) -> None:
        """Ends what is under way, on any thread."""
        with self._lock:
            self._over = True
        if self.client is not None:
            self.client.disconnect(timeout=0)

    def _listen_to_broker(self) -> None:
        assert self._broker.stdout is not None
        with io.BufferedReader(self._broker.stdout) as lines:  # type: ignore[type-var]
            for line in lines:
                command = json.loads(line)
                if "end" in command:
                    end = "passed" if command["end"] == "passed" else command.get("why", command["end"])
                    self._leave()
                    self._on_main_thread.put(end)
                    return
                if "answer" in command:
                    self._open.pop(command["answer"]).put(command)
                else:
                    self._begin(command)
        self._on_main_thread.put("the broker is gone")

    def _begin(self, command: Fields) -> None:
        begun = threading.Event()

        def run() -> None:
            try:
                self._run(command)
            finally:
                begun.set()

        def run_until_given_up() -> None:
            try:
                run()
            except KeyboardInterrupt:
                self._given_up.set()
            with self._lock:
                self._running_there = None

        if command["do"] in _ON_MAIN_THREAD and self._running_there is None:
            self._running_there = command.get("name", command["do"])
            self._on_main_thread.put(run_until_given_up)
        else:
            threading.Thread(target=run, daemon=True).start()
        begun.wait(BEGINNING)

    def _run(self, command: Fields) -> None:
        ok: Fields = {}
        try:
            if command["do"] == "drop":
                self.drop(command["what"])
            if command["do"] in ("prepare", "connect"):
                self.prepare(command)
            if command["do"] not in ("prepare", "drop"):
                outcome, report = self.call(command)
                ok = report(outcome) or {}
        except Exception as error:
            self._say({"id": command["id"], "error": reports.error(error)})
        else:
            self._say({"id": command["id"], "ok": ok})

    def wait(self, delivery: polymqtt.Delivery) -> polymqtt.PublishAck:
        return delivery.wait()

    def ended(self, name: str) -> None:
        if self._running_there == name:
            signal.raise_signal(signal.SIGINT)
            # Before anything else is done, and before it could meet another command.
            self._given_up.wait(LONGEST)

    def let_go_of_client(self) -> None:
        self.client.disconnect()

    def listen(self) -> None:
        self.client.on_event = lambda event: self._say(reports.event(event))

    def credentials(self, attempt: polymqtt.Attempt) -> polymqtt.Credentials:
        number = next(self._questions)
        return values.credentials(self._ask(number, reports.attempt(number, attempt)))

    def authentication(self, step: polymqtt.AuthenticationStep) -> polymqtt.AuthenticationReply:
        number = next(self._questions)
        return values.reply(self._ask(number, reports.step(number, step)))

    def _ask(self, number: int, question: Fields) -> Any:
        answer = self._open[number] = queue.Queue[Fields]()
        self._say(question)
        fields = answer.get(timeout=LONGEST)
        if (kind := fields.get("error")) is not None:
            raise values.error_named(kind)
        return fields

    def _say(self, report: Fields) -> None:
        assert self._broker.stdin is not None
        with self._lock, contextlib.suppress(BrokenPipeError):
            if not self._over:
                self._broker.stdin.write(json.dumps(report).encode() + b"\n")
