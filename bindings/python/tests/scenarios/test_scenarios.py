"""Every scenario that needs no virtual time, played by both APIs over TCP and WebSockets."""

import asyncio
import os
from pathlib import Path

import pytest

from scenarios import asyncio_player, blocking_player

REPOSITORY = Path(__file__).parents[4]
SCENARIOS = REPOSITORY / "tests/scenarios"
SCRIPTED_BROKER = Path(os.environ.get("SCRIPTED_BROKER", REPOSITORY / "target/debug/scripted-broker"))


def _played_by_hosts() -> list[pytest.param]:
    paths = sorted(SCENARIOS.glob("*/*.scenario"))
    assert paths, "the scenarios are missing"
    return [
        pytest.param(path, id=f"{path.parent.name}/{path.stem}")
        for path in paths
        if not any(line.startswith("engine only") for line in path.read_text().splitlines())
    ]


@pytest.mark.parametrize("scenario", _played_by_hosts())
@pytest.mark.parametrize("options", [(), ("--websocket",)], ids=["tcp", "websocket"])
@pytest.mark.parametrize("api", ["asyncio", "blocking"])
def test_scenario(api: str, options: tuple[str, ...], scenario: Path) -> None:
    arguments = [*options, str(scenario)]
    if api == "asyncio":
        outcome = asyncio.run(asyncio_player.play(SCRIPTED_BROKER, arguments))
    else:
        outcome = blocking_player.play(SCRIPTED_BROKER, arguments)
    if outcome != "skipped":
        assert outcome == "passed"
