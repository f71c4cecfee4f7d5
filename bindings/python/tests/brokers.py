"""Brokers to test against, each on free ports."""

import contextlib
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


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
        "user root",  # as root it would become a user that may not read the folder
        "log_dest stderr",
        "connection_messages false",  # nobody reads them: a full pipe would stop it
        "set_tcp_nodelay true",  # else it waits for an acknowledgement of TCP between two packets
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
        file = Path(folder) / "mosquitto.conf"
        file.write_text("\n".join(lines) + "\n")
        command = ["/usr/sbin/mosquitto" if Path("/usr/sbin/mosquitto").exists() else "mosquitto", "-c", file]
        with running(command, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            while " running" not in (line := process.stderr.readline()):
                assert line, "mosquitto has ended"
            yield Broker(
                "mosquitto",
                f"mqtt://localhost:{tcp}",
                f"mqtts://localhost:{tls}",
                f"ws://localhost:{ws}/mqtt",
            )


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
    """Ports that nobody listened on a moment ago."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
