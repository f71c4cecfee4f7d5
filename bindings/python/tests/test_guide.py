"""The guide, `docs/python.md`: every example runs against real brokers and prints what the page says.

`UPDATE_GUIDE=1` writes what the examples print into the page.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from brokers import Broker, Certificates

GUIDE = Path(__file__).parents[3] / "docs/python.md"

BLOCK = re.compile(
    r"^## (?P<heading>[^\n]+)$|^```python\n(?P<code>.*?)^```$(?:\n\n^```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)

RUN = """
import ast, asyncio, inspect, sys
code = compile(sys.stdin.read(), "the example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
names = {"__name__": "__main__"}
if code.co_flags & inspect.CO_COROUTINE:
    asyncio.run(eval(code, names))
else:
    exec(code, names)
"""
"""Runs an example, as `python3 -m asyncio` would: `await` may stand outside of functions."""


@dataclass(frozen=True)
class Example:
    """A block of code of the guide, and what the page says that it prints."""

    heading: str
    code: str
    output: str

    def printed(self, broker: Broker, folder: Path) -> str:
        """What it prints."""
        code = self.code.replace('"mqtts://localhost"', f'"{broker.tls}"')
        code = code.replace('"mqtt://localhost"', f'"{broker.tcp}"')
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", RUN],
            check=False,
            cwd=folder,
            input=code,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert run.returncode == 0, run.stderr
        assert run.stderr == ""
        return run.stdout


def examples() -> list[Example]:
    """All of the guide, in order."""
    found = []
    heading = ""
    for block in BLOCK.finditer(GUIDE.read_text()):
        heading = block["heading"] or heading
        if block["code"] is not None:
            found.append(Example(heading, block["code"], block["output"] or ""))
    return found


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.heading)
def test_the_guide(example: Example, broker: Broker, certificates: Certificates) -> None:
    printed = example.printed(broker, certificates.folder)
    if printed != example.output and "UPDATE_GUIDE" in os.environ:
        shown = f"{example.code}```\n\n```text\n"
        text = GUIDE.read_text()
        assert text.count(f"{shown}{example.output}```") == 1
        GUIDE.write_text(text.replace(f"{shown}{example.output}```", f"{shown}{printed}```"))
        return
    assert printed == example.output


def test_the_guide_has_examples_throughout() -> None:
    assert len({example.heading for example in examples()}) > 20


def test_links_lead_somewhere() -> None:
    text = GUIDE.read_text()
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", text, re.MULTILINE)
    }
    for link in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = link.partition("#")
        assert (GUIDE.parent / path).exists(), link
        assert path or anchor in anchors, link
