"""Programs in processes of their own, so that a hang or a crash of one fails a test, and a test only."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST = 30
"""Seconds that a program may take before it counts as one that hangs."""

_CALL = """
import importlib, sys
_, module, program, *arguments = sys.argv
getattr(importlib.import_module(module), program)(*arguments)
"""


@dataclass(frozen=True)
class Ended:
    """How a program has ended."""

    code: int
    output: str
    errors: str

    def in_order(self) -> str:
        """What it has said; fails unless it has ended in order and without a word of errors."""
        assert not self.errors, self.errors
        assert self.code == 0
        return self.output


def run(program: Callable[..., object], *arguments: object, timeout: float = LONGEST) -> Ended:
    """Runs a function of a module below `tests` as a program; fails when it takes too long."""
    with started(program, *arguments) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _kill(process)
            output, errors = process.communicate()
            raise AssertionError(f"{program.__name__} hangs\n{output.decode()}\n{errors.decode()}") from None
        return Ended(process.returncode, output.decode(), errors.decode())


@contextmanager
def started(program: Callable[..., object], *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a function of a module below `tests` as a program, and ends it and its children at the end."""
    tests = Path(__file__).parents[1]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tests), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-c", _CALL, program.__module__, program.__name__, *map(str, arguments)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With its children, who would keep the pipes open."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
