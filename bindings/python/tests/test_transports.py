"""TLS, WebSocket, Unix sockets."""

import contextlib
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

import polymqtt
import pytest
from brokers import Broker, Certificates, mosquitto
from polymqtt import TlsOptions, sync

Topic = Callable[[str], str]


@pytest.fixture
def tls(certificates: Certificates) -> TlsOptions:
    return TlsOptions(
        ca=certificates.path("ca.pem"),
        client_certificate=certificates.path("client.pem"),
        client_key=certificates.path("client.key"),
    )


async def test_tls_with_a_client_s_certificate(broker: Broker, tls: TlsOptions, topic: Topic) -> None:
    async with polymqtt.connect(broker.tls, tls=tls) as client:
        await client.publish(topic("a"), "payload", qos=1)


def test_certificates_as_they_are(broker: Broker, certificates: Certificates) -> None:
    tls = TlsOptions(
        ca=certificates.path("ca.pem").read_text(),
        client_certificate=certificates.path("client.pem").read_bytes()
        + certificates.path("client.key").read_bytes(),
    )
    with sync.connect(broker.tls, tls=tls) as client:
        assert client.connected() is not None


async def test_an_authority_that_nobody_knows(broker: Broker) -> None:
    with pytest.raises(polymqtt.TlsError) as raised:
        await polymqtt.connect(broker.tls)
    assert not raised.value.retry_may_help


async def test_another_name_than_the_certificate_s(broker: Broker, tls: TlsOptions) -> None:
    by_address = broker.tls.replace("localhost", "127.0.0.1")
    with pytest.raises(polymqtt.TlsError):
        await polymqtt.connect(by_address, tls=tls)
    named = TlsOptions(
        ca=tls.ca,
        client_certificate=tls.client_certificate,
        client_key=tls.client_key,
        server_name="localhost",
    )
    async with polymqtt.connect(by_address, tls=named):
        pass


async def test_verification_can_be_skipped(broker: Broker, tls: TlsOptions) -> None:
    careless = TlsOptions(
        client_certificate=tls.client_certificate,
        client_key=tls.client_key,
        dangerously_skip_verification=True,
    )
    async with polymqtt.connect(broker.tls, tls=careless):
        pass


async def test_a_file_that_is_not_there_is_named(broker: Broker) -> None:
    with pytest.raises(polymqtt.MqttError, match=r"nowhere\.pem"):
        await polymqtt.connect(broker.tls, tls=TlsOptions(ca="nowhere.pem"))


async def test_websocket(broker: Broker, topic: Topic) -> None:
    headers = {"Authorization": "Bearer token"}
    async with polymqtt.connect(broker.ws, websocket_headers=headers) as client:
        async with client.subscribe(topic("#"), qos=1) as messages:
            await client.publish(topic("a"), bytes(100_000), qos=1)
            message = await messages.recv()
            assert message is not None
            assert message.payload == bytes(100_000)
            assert len(memoryview(message)) == 100_000


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="sockets of Unix")
async def test_a_unix_socket(certificates: Certificates, only_mosquitto: Broker) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as started:
        path = Path(folder) / "socket"
        started.enter_context(mosquitto(certificates, f"allow_anonymous true\nlistener 0 {path}"))
        async with polymqtt.connect(f"unix://{path}") as client:
            await client.publish("a", qos=1)
