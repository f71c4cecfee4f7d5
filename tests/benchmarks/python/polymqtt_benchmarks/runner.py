"""Runs contenders in turn, each run in a process of its own against one server process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import contenders, workload
from .contenders import Contender
from .measurement import Measurement
from .workload import Workload

FIRST_COUNT = 1_000
"""Messages of the first calibration run."""

COUNTS = (100, 200_000_000)
"""Bounds of a calibrated run."""


class RunError(Exception):
    """A client's process did not tell what it measured."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure and for how long. Times are in seconds."""

    filters: list[str]
    runs: int
    seconds: float
    messages: int | None
    """Fixed number of messages a run, instead of calibrating."""
    timeout: float
    uvloop: bool
    rust: Path
    """The program of the Rust benchmark, which is the server too."""
    environments: Path
    """The folder of the virtual environments."""

    def contenders(self, workload: Workload) -> list[Contender]:
        wanted: list[Contender] = []
        for contender in contenders.contenders(self.uvloop):
            name = f"{workload.name}/{contender.name}"
            if contender.does(workload) and (not self.filters or any(part in name for part in self.filters)):
                wanted.append(contender)
        return wanted

    def workloads(self) -> list[Workload]:
        """Those that have any contender."""
        return [workload for workload in workload.ALL if self.contenders(workload)]


@dataclass(slots=True)
class Series:
    """One contender's runs of one workload."""

    contender: Contender
    runs: list[Measurement] = field(default_factory=list)
    """Position is the round: what has the same position was measured side by side."""
    failure: str | None = None
    """Why there are no more runs."""


class Runner:
    """Measures against a server process that the caller keeps running."""

    def __init__(self, plan: Plan, port: int) -> None:
        self._plan = plan
        self._port = port

    def measure(self, workload: Workload) -> list[Series]:
        """Calibrates each contender, then runs them in turn: A B C A B C."""
        entries = [Series(contender) for contender in self._plan.contenders(workload)]
        counts: dict[str, int] = {}
        for series in entries:
            try:
                counts[series.contender.name] = self._calibrate(series.contender, workload)
            except RunError as error:
                series.failure = str(error)
        for number in range(1, self._plan.runs + 1):
            for series in _unfailed(entries):
                _show_progress(f"{workload.name}/{series.contender.name} {number} of {self._plan.runs}")
                try:
                    series.runs.append(self._run(series.contender, workload, counts[series.contender.name]))
                except RunError as error:
                    series.failure = str(error)
        _show_progress("")
        return entries

    def _calibrate(self, contender: Contender, workload: Workload) -> int:
        """How many messages fill a run."""
        if self._plan.messages is not None:
            return self._plan.messages
        count = FIRST_COUNT
        while True:
            _show_progress(f"{workload.name}/{contender.name} calibrating")
            measured = self._run(contender, workload, count)
            enough = int(measured.rate * self._plan.seconds)
            # A run that is long enough tells the rate; a shorter one only the next step.
            if measured.elapsed * 5 >= self._plan.seconds or enough <= count:
                return min(max(enough, COUNTS[0]), COUNTS[1])
            count = min(enough, count * 20)

    def _run(self, contender: Contender, workload: Workload, count: int) -> Measurement:
        """One run in a process of its own."""
        command = [*self._program(contender), workload.name, str(self._port), str(count)]
        # Where this package is.
        folder = Path(__file__).parent.parent
        try:
            ended = subprocess.run(
                command, cwd=folder, timeout=self._plan.timeout, capture_output=True, text=True, check=False
            )
        except subprocess.TimeoutExpired:
            raise RunError(f"no result within {self._plan.timeout:g} s, killed") from None
        except OSError as error:
            raise RunError(f"{command[0]}: {error.strerror}") from None
        if ended.returncode != 0:
            raise RunError((ended.stderr.strip() or "failed without a word").splitlines()[-1])
        return Measurement.from_json(json.loads(ended.stdout))

    def _program(self, contender: Contender) -> list[str]:
        if contender.module is None:
            return [str(self._plan.rust), "run-client", contender.rust_name]
        python = self._plan.environments / contender.environment / "bin" / "python"
        return [str(python), "-m", "polymqtt_benchmarks.run_client", contender.name]


def _unfailed(entries: list[Series]) -> Iterator[Series]:
    return (series for series in entries if series.failure is None)


def _show_progress(what: str) -> None:
    """Replaces the last line of a terminal; elsewhere there is only the result."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)
