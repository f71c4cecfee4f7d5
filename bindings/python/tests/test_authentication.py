"""Credentials from a function, and authentication methods that the program speaks itself."""

import asyncio
import contextlib
import logging
import os
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import polymqtt
import pytest
from brokers import Broker, Certificates, embedded
from polymqtt import (
    Attempt,
    AuthenticationReply,
    AuthenticationStep,
    Authenticator,
    Credentials,
    ReconnectOptions,
    events,
    sync,
)
from servers import next_packet, packet, server, text

AT_ONCE = ReconnectOptions(shortest=0, longest=0)


@pytest.fixture(scope="module")
def guarded(certificates: Certificates) -> Iterator[Broker]:
    """A broker that only device-7 may use, by the password `token`."""
    program = os.environ.get("POLYMQTT", Path(__file__).parents[3] / "target/debug/polymqtt")
    if not Path(program).exists():
        pytest.skip("the command polymqtt is not built: cargo build -p polymqtt-cli")
    with embedded(program, certificates, "--user", "device-7:token") as broker:
        yield broker


async def test_user_name_and_password(guarded: Broker) -> None:
    async with polymqtt.connect(guarded.tcp, username="device-7", password="token"):
        pass
    async with polymqtt.connect(guarded.tcp.replace("://", "://device-7:token@")):
        pass
    async with polymqtt.connect(guarded.tcp, username="device-7", password=b"token"):
        pass


async def test_wrong_credentials_are_not_authorized(guarded: Broker) -> None:
    with pytest.raises(polymqtt.NotAuthorizedError) as raised:
        await polymqtt.connect(guarded.tcp, username="device-7", password="wrong")
    assert raised.value.reason_code is polymqtt.ReasonCode.BAD_USER_NAME_OR_PASSWORD
    assert not raised.value.retry_may_help


async def test_an_async_function_gives_credentials_in_the_loop(guarded: Broker) -> None:
    asked = list[Attempt]()

    async def provide(attempt: Attempt) -> Credentials:
        await asyncio.sleep(0)
        assert asyncio.get_running_loop() is loop
        asked.append(attempt)
        return Credentials("device-7", "token")

    loop = asyncio.get_running_loop()
    async with polymqtt.connect(guarded.tcp, credentials=provide):
        assert asked == [Attempt(guarded.tcp, 1)]


async def test_a_plain_function_gives_credentials_too(guarded: Broker) -> None:
    async with polymqtt.connect(guarded.tcp, credentials=lambda _: Credentials("device-7", b"token")):
        pass


def test_the_blocking_api_asks_in_a_thread(guarded: Broker) -> None:
    async def provide_later(_: Attempt) -> Credentials:
        await asyncio.sleep(0)
        return Credentials("device-7", "token")

    def provide(attempt: Attempt) -> Credentials:
        assert threading.current_thread() is not threading.main_thread()
        return Credentials("device-7", "token")

    for provider in (provide, provide_later):
        with sync.connect(guarded.tcp, credentials=provider):
            pass


async def test_a_refused_token_is_asked_for_anew(guarded: Broker) -> None:
    tokens = iter(["stale", "token"])

    def provide(_: Attempt) -> Credentials:
        return Credentials("device-7", next(tokens))

    async with polymqtt.connect(guarded.tcp, credentials=provide, keep_trying=True, reconnect=AT_ONCE):
        pass


async def test_three_refusals_in_a_row_are_the_end(guarded: Broker) -> None:
    attempts = list[int]()

    def provide(attempt: Attempt) -> Credentials:
        attempts.append(attempt.number)
        return Credentials("device-7", "wrong")

    with pytest.raises(polymqtt.NotAuthorizedError):
        await polymqtt.connect(guarded.tcp, credentials=provide, keep_trying=True, reconnect=AT_ONCE)
    assert attempts == [1, 2, 3]


class TokenServerError(Exception):
    pass


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (polymqtt.NotAuthorizedError("revoked"), polymqtt.NotAuthorizedError),
        (polymqtt.RefusedError("not today"), polymqtt.RefusedError),
        (ConnectionRefusedError(111, "the token server is down: hunter2"), polymqtt.TransportError),
        (TokenServerError("hunter2"), polymqtt.UnsupportedError),
    ],
)
async def test_what_a_provider_raises_ends_the_attempt(
    guarded: Broker, raised: Exception, expected: type[polymqtt.MqttError], caplog: pytest.LogCaptureFixture
) -> None:
    async def provide(_: Attempt) -> Credentials:
        raise raised

    with caplog.at_level(logging.ERROR, "polymqtt"), pytest.raises(expected) as ended:
        await polymqtt.connect(guarded.tcp, credentials=provide)
    assert ended.value.__cause__ is raised
    assert "hunter2" not in str(ended.value)
    if isinstance(raised, polymqtt.MqttError):
        assert str(raised) in str(ended.value)
        assert caplog.records == []
    else:
        assert type(raised).__name__ in str(ended.value)
        assert caplog.records[0].exc_info is not None


def test_so_it_is_in_the_blocking_api(guarded: Broker, caplog: pytest.LogCaptureFixture) -> None:
    def provide(_: Attempt) -> Credentials:
        raise TokenServerError

    with caplog.at_level(logging.CRITICAL), pytest.raises(polymqtt.UnsupportedError) as ended:
        sync.connect(guarded.tcp, credentials=provide)
    assert isinstance(ended.value.__cause__, TokenServerError)


async def test_a_provider_gives_credentials_and_nothing_else(
    guarded: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL), pytest.raises(polymqtt.UnsupportedError) as ended:
        await polymqtt.connect(guarded.tcp, credentials=lambda _: ("device-7", "token"))  # type: ignore[arg-type, return-value]
    assert "polymqtt.Credentials" in str(ended.value.__cause__)


async def test_a_provider_that_gives_no_answer_ends_with_the_attempt(guarded: Broker) -> None:
    asked, given_up = asyncio.Event(), asyncio.Event()

    async def provide(_: Attempt) -> Credentials:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        raise AssertionError

    # On a busy machine an attempt may end before the provider has begun.
    while not asked.is_set():
        with pytest.raises(polymqtt.TimeoutError):
            await polymqtt.connect(guarded.tcp, credentials=provide, connect_timeout=0.05)
    await given_up.wait()


METHOD = b"CHALLENGE"


@contextlib.asynccontextmanager
async def challenging_server() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that asks `question`, and goes on with whoever has said something; what it was told."""
    told = list[bytes]()

    def properties(data: bytes) -> bytes:
        found = b"\x15" + text(METHOD) + b"\x16" + text(data)
        return bytes([len(found)]) + found

    async def challenge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.append(await next_packet(reader))
        writer.write(packet(0xF0, b"\x18" + properties(b"question")))
        told.append(await next_packet(reader))
        writer.write(packet(0x20, b"\x00\x00" + properties(b"proof")))
        while (received := await next_packet(reader))[0] == 0xF0:
            told.append(received)
            writer.write(packet(0xF0, b"\x00" + properties(b"proof")))

    async with server(challenge) as url:
        yield url, told


@pytest.mark.parametrize("waits", [False, True])
async def test_the_program_speaks_a_method_itself(waits: bool) -> None:
    steps = list[tuple[str, bytes | None]]()

    def reply(step: AuthenticationStep) -> AuthenticationReply:
        assert step.method == METHOD.decode()
        steps.append((step.stage, step.data))
        match step.stage:
            case "start" | "restart":
                return AuthenticationReply(b"it is me")
            case "continue":
                return AuthenticationReply(b"answer", reason_string="here", user_properties={"key": "1"})
            case "complete":
                return AuthenticationReply()

    async def reply_later(step: AuthenticationStep) -> AuthenticationReply:
        await asyncio.sleep(0)
        return reply(step)

    speak: Callable[[AuthenticationStep], AuthenticationReply | Awaitable[AuthenticationReply]]
    speak = reply_later if waits else reply
    async with challenging_server() as (url, told):
        method = Authenticator(METHOD.decode(), speak)
        async with polymqtt.connect(url, authentication=method) as client:
            assert steps == [("start", None), ("continue", b"question"), ("complete", b"proof")]
            assert b"it is me" in told[0]
            assert b"answer" in told[1]
            assert b"key" in told[1]
            happening = client.events()
            await client.reauthenticate()
            assert isinstance(await happening.recv(), events.Reauthenticated)
            assert steps[3:] == [("restart", None), ("complete", b"proof")]


async def test_a_server_that_does_not_prove_itself_is_refused() -> None:
    def reply(step: AuthenticationStep) -> AuthenticationReply:
        if step.stage == "complete":
            raise polymqtt.NotAuthorizedError("not our server")
        return AuthenticationReply(b"data")

    async with challenging_server() as (url, _):
        with pytest.raises(polymqtt.NotAuthorizedError, match="not our server"):
            await polymqtt.connect(url, authentication=Authenticator("CHALLENGE", reply))


def test_the_blocking_api_speaks_a_method_too() -> None:
    address, over = queue.Queue[str](), threading.Event()

    async def serve() -> None:
        async with challenging_server() as (url, _):
            address.put(url)
            await asyncio.to_thread(over.wait)

    serving = threading.Thread(target=lambda: asyncio.run(serve()))
    serving.start()
    stages = list[str]()

    def reply(step: AuthenticationStep) -> AuthenticationReply:
        stages.append(step.stage)
        return AuthenticationReply(b"data")

    try:
        with sync.connect(address.get(), authentication=Authenticator("CHALLENGE", reply)) as client:
            client.reauthenticate()
    finally:
        over.set()
        serving.join()
    assert stages == ["start", "continue", "complete", "restart", "complete"]
