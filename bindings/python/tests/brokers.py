"""Brokers to test against, each on free ports."""

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

_PORTS = itertools.count(os.getpid() % 200 * 100)
"""Each process of the tests begins elsewhere."""


@dataclass(frozen=True)
class Certificates:
    """A folder with `ca.pem`, `server.pem`, `server.key`, `client.pem` and `client.key`."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / name


@dataclass(frozen=True)
class Broker:
    """Where a broker listens."""

    name: str
    tcp: str
    tls: str
    ws: str


@contextlib.contextmanager
def mosquitto(certificates: Certificates, configuration: str = "allow_anonymous true") -> Iterator[Broker]:
    """mosquitto with these lines of configuration."""
    tcp, tls, ws = free_ports(3)
    lines = [
        configuration,
        f"listener {tcp} 127.0.0.1",
        f"listener {ws} 127.0.0.1",
        "protocol websockets",
        f"listener {tls} 127.0.0.1",
        f"cafile {certificates.path('ca.pem')}",
        f"certfile {certificates.path('server.pem')}",
        f"keyfile {certificates.path('server.key')}",
        "require_certificate true",
    ]
    with tempfile.TemporaryDirectory() as folder:
        with running(mosquitto_command(Path(folder), lines), stderr=subprocess.PIPE) as process:
            assert listens(process), "mosquitto has ended"
            yield Broker(
                "mosquitto",
                f"mqtt://localhost:{tcp}",
                f"mqtts://localhost:{tls}",
                f"ws://localhost:{ws}/mqtt",
            )


class LastingMosquitto:
    """mosquitto that goes on with its sessions when it is started again."""

    def __init__(self, folder: Path) -> None:
        (port,) = free_ports(1)
        self.url = f"mqtt://localhost:{port}"
        lasting = ["persistence true", f"persistence_location {folder}/", "max_queued_messages 0"]
        self._command = mosquitto_command(
            folder, ["allow_anonymous true", *lasting, f"listener {port} 127.0.0.1"]
        )
        self._process = self._started()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def restart(self) -> None:
        """Ends it in order, so that it writes its sessions down, and starts it again."""
        self._stop()
        self._process = self._started()

    def _stop(self) -> None:
        self._process.terminate()
        self._process.communicate()

    def _started(self) -> subprocess.Popen[str]:
        # Somebody who looks for a free port may have this one for a moment.
        for _ in range(50):
            process = subprocess.Popen(self._command, text=True, stderr=subprocess.PIPE)
            if listens(process):
                return process
            process.communicate()
            time.sleep(0.1)
        raise AssertionError("mosquitto does not start")


def mosquitto_command(folder: Path, lines: list[str]) -> list[str | Path]:
    """Starts mosquitto with these lines of configuration, among others; without one the test is skipped."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("mosquitto is not installed")
    always = [
        "user root",  # as root it would become a user that may not read the folder
        "log_dest stderr",
        "connection_messages false",  # nobody reads them: a full pipe would stop it
        "set_tcp_nodelay true",  # else it waits for an acknowledgement of TCP between two packets
    ]
    file = folder / "mosquitto.conf"
    file.write_text("\n".join([*always, *lines]) + "\n")
    return [program, "-c", file]


def listens(process: subprocess.Popen[str]) -> bool:
    """Waits until a mosquitto is there for clients; whether it is."""
    assert process.stderr is not None
    return any(" running" in line for line in iter(process.stderr.readline, ""))


@contextlib.contextmanager
def embedded(program: str | Path, certificates: Certificates, *arguments: str) -> Iterator[Broker]:
    """`polymqtt broker` with these arguments."""
    listeners = ["-p", "0", "--ws-port", "0", "--tls-port", "0"]
    tls = ["--cert", certificates.path("server.pem"), "--key", certificates.path("server.key")]
    clients = ["--cafile", certificates.path("ca.pem")]
    command = [program, "broker", "--ready", *listeners, *tls, *clients, *arguments]
    with running(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        ready, *urls = process.stdout.readline().replace("127.0.0.1", "localhost").split()
        assert ready == "ready"
        by_scheme = {url.partition("://")[0]: url for url in urls}
        yield Broker("embedded", by_scheme["mqtt"], by_scheme["mqtts"], by_scheme["ws"])


@contextlib.contextmanager
def running(command: list[str | Path], **options: int) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, text=True, **options) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; not those that outgoing connections are given, so that they stay free."""
    free: list[int] = []
    while len(free) < count:
        port = 10_000 + next(_PORTS) % 20_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            free.append(port)
    return free
