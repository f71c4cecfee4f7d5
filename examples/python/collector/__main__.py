"""How the collector starts and ends: `python -m collector [URL]`."""

import argparse
import asyncio
import os
import sys

from polymqtt import MqttError
from rich.console import Console

from collector.collecting import collect


def main() -> int:
    """Collects until Ctrl-C, SIGTERM, or as many readings as were asked for."""
    parser = argparse.ArgumentParser(
        prog="collector", description="Draws the readings of machines as they arrive."
    )
    parser.add_argument(
        "url",
        nargs="?",
        default=os.environ.get("POLYMQTT_URL", "mqtt://localhost"),
        help="the broker; POLYMQTT_URL keeps it out of the list of processes",
    )
    parser.add_argument("--count", type=int, help="end after so many readings")
    parser.add_argument("--ready", action="store_true", help="say `ready` on standard error once it collects")
    arguments = parser.parse_args()

    def ready() -> None:
        if arguments.ready:
            print("ready", file=sys.stderr, flush=True)

    try:
        complete = asyncio.run(collect(arguments.url, arguments.count, Console(), ready))
    except MqttError as error:
        print(f"collector: {error}", file=sys.stderr)
        return 1
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
