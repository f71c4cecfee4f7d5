"""Servers that say no more than a test wants them to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

CONNACK = bytes([0x20, 3, 0, 0, 0])
"""The server accepts (v5)."""

DISCONNECT = 0xE0
"""How a DISCONNECT begins."""


@contextlib.asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    """Serves each connection so, until it returns; gives the URL."""
    served = set[asyncio.Task[None]]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"mqtt://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)
        await asyncio.sleep(0)  # the sockets close in the loop's next round


async def deaf(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Does not even answer CONNECT."""
    while await reader.read(1024):
        pass


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, and says nothing more."""
    await next_packet(reader)
    writer.write(CONNACK)
    await deaf(reader, writer)


async def accepting(
    received: asyncio.Queue[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Accepts, and keeps what comes then."""
    await next_packet(reader)
    writer.write(CONNACK)
    while True:
        received.put_nowait(await next_packet(reader))


async def fleeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, and leaves."""
    await next_packet(reader)
    writer.write(CONNACK)


async def next_packet(reader: asyncio.StreamReader) -> bytes:
    """The next packet, whose remaining length must fit two bytes."""
    head = await reader.readexactly(2)
    length = head[1]
    if length & 0x80:
        length = (length & 0x7F) + 128 * (await reader.readexactly(1))[0]
    return head[:1] + await reader.readexactly(length)


def packet(kind: int, body: bytes) -> bytes:
    """A packet of fewer than 128 bytes."""
    return bytes([kind, len(body)]) + body


def text(value: bytes) -> bytes:
    """Text as MQTT writes it."""
    return len(value).to_bytes(2) + value
