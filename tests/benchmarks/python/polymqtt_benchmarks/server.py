"""The server process: the one that Rust clients are measured against."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

READY = "listening on port "
"""What it prints before its port when it is ready (see `src/server.rs`)."""


class Server:
    """Serves while the context lasts, which ends its standard input and so the server."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [program, "run-server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        said = self._process.stdout.readline() if self._process.stdout else ""
        if not said.startswith(READY):
            self._process.kill()
            raise RuntimeError("the server did not start")
        self.port = int(said.removeprefix(READY))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
