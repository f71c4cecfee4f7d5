"""What the collector hears, and when it draws."""

import asyncio
import contextlib
import signal
from collections.abc import Callable

import polymqtt
from rich.console import Console
from rich.live import Live

from collector.drawing import drawing
from collector.readings import Readings

TOPICS = "machines/+/+"
REDRAWN_EVERY = 0.25
"""Seconds; a message costs no drawing of its own."""


async def collect(url: str, count: int | None, console: Console, ready: Callable[[], None]) -> bool:
    """Collects so many readings, or until the process is told to end.

    Calls `ready` once the subscription stands. Gives whether no reading was missing or came twice.
    """
    readings = Readings()
    async with (
        # Whether the broker is there yet, or comes back later, is no reason to give up.
        polymqtt.connect(url, keep_trying=True) as client,
        client.subscribe(TOPICS, qos=1) as messages,
        asyncio.TaskGroup() as tasks,
    ):
        end_by_signals(messages)
        ready()
        with Live(console=console, auto_refresh=False, transient=True) as live:
            redrawing = tasks.create_task(redraw(live, readings, client))
            # Whatever came since the last look, together: at a high rate that is cheaper than one by one.
            async for batch in messages.batches():
                for message in batch:
                    readings.take(message.topic, message.payload)
                if count is not None and readings.received >= count:
                    break
            redrawing.cancel()
        # What stays; without a terminal it is all that is shown.
        console.print(drawing(readings, client.status()))
    return not readings.missing and not readings.repeated


async def redraw(live: Live, readings: Readings, client: polymqtt.Client) -> None:
    """Draws again and again; also without messages, since the connection has a line of its own."""
    while True:
        live.update(drawing(readings, client.status()), refresh=True)
        await asyncio.sleep(REDRAWN_EVERY)


def end_by_signals(messages: polymqtt.Subscription) -> None:
    """Ctrl-C and SIGTERM close the stream: the loop ends, and the client disconnects in order."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Where the loop can't listen to signals, Ctrl-C cancels the program's task instead.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, messages.close)
