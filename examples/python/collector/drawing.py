"""How the readings look in a terminal."""

import itertools

from polymqtt import Status
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from collector.readings import KEPT, Readings, Series

STEPS = " ▁▂▃▄▅▆▇█"
ROWS = 3
COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "red")


def drawing(readings: Readings, status: Status) -> RenderableType:
    """A chart for each series, and a line of how the client stands."""
    table = Table(box=box.SIMPLE_HEAD, expand=False)
    table.add_column("figure", vertical="bottom", no_wrap=True)
    for column in ("latest", "most"):
        table.add_column(column, justify="right", vertical="bottom", no_wrap=True)
    table.add_column(f"the last {KEPT} readings", width=KEPT // 2, no_wrap=True)
    for (name, series), colour in zip(
        sorted(readings.series.items()), itertools.cycle(COLOURS), strict=False
    ):
        numbers = list(series.numbers)
        row = (amount(number, series) for number in (numbers[-1], max(numbers)))
        table.add_row(name, *row, Text("\n".join(chart(numbers)), style=colour))
    return Group(table, Text(readings.summary(), style="bold"), Text(str(status), style="dim"))


def amount(number: float, series: Series) -> str:
    """The number with its unit."""
    return f"{number:.1f} {series.unit}".strip()


def chart(numbers: list[float], columns: int = KEPT // 2, rows: int = ROWS) -> list[str]:
    """Columns as high as their numbers, the highest one full; two numbers a column where there are many."""
    heights = pairs(numbers) if len(numbers) > columns else numbers
    most = max(heights, default=0) or 1
    levels = [round(rows * (len(STEPS) - 1) * max(height, 0) / most) for height in heights]
    return [
        "".join(STEPS[min(max(level - row * (len(STEPS) - 1), 0), len(STEPS) - 1)] for level in levels)
        for row in reversed(range(rows))
    ]


def pairs(numbers: list[float]) -> list[float]:
    """The mean of each two, counted from the latest."""
    latest_first = numbers[::-1]
    means = [
        sum(pair) / len(pair) for pair in (latest_first[at : at + 2] for at in range(0, len(numbers), 2))
    ]
    return means[::-1]
