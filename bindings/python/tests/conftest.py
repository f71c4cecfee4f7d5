"""What the tests share: brokers on free ports, certificates, and coroutines as tests."""

import asyncio
import inspect
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from brokers import Broker, Certificates, embedded, mosquitto

# A shell that runs the tests in the background has them ignore Ctrl-C, and all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

LONGEST = 10
"""Seconds that a test may take before it counts as one that hangs."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs tests that are coroutines, each in an event loop of its own."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(test).parameters}
    asyncio.run(asyncio.wait_for(test(**arguments), LONGEST))
    return True


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, and what it has signed for a server called localhost and for a client."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, identity in (("server", "localhost"), ("client", "device-7@example.org")):
        certificate = authority.issue_cert(identity)
        certificate.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        for index, pem in enumerate(certificate.cert_chain_pems):
            pem.write_to_path(str(folder / f"{name}.pem"), append=index > 0)
    return Certificates(folder)


@pytest.fixture(scope="session")
def only_mosquitto(certificates: Certificates) -> Iterator[Broker]:
    """For tests of what the other broker does not do."""
    with mosquitto(certificates) as broker:
        yield broker


@pytest.fixture(scope="session")
def only_embedded(certificates: Certificates) -> Iterator[Broker]:
    """For tests of what the other broker does not do."""
    program = os.environ.get("POLYMQTT", Path(__file__).parents[3] / "target/debug/polymqtt")
    if not Path(program).exists():
        pytest.skip("the command polymqtt is not built: cargo build -p polymqtt-cli")
    with embedded(program, certificates) as broker:
        yield broker


@pytest.fixture(params=["mosquitto", "embedded"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each broker in turn; one of a kind serves all tests, so that topics must be the test's own."""
    return request.getfixturevalue(f"only_{request.param}")


@pytest.fixture
def url(broker: Broker) -> str:
    """Where a broker listens for MQTT over TCP."""
    return broker.tcp


@pytest.fixture
def topic() -> Callable[[str], str]:
    """Makes topics that no other test uses."""
    root = uuid.uuid4().hex[:12]
    return lambda name: f"{root}/{name}"
