"""What the readings say: a series of numbers for each figure of each machine, and whether one was missed."""

import json
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

KEPT = 48
"""Numbers of a series; older ones are forgotten."""

MOST_TOPICS = 64
"""Readings of more topics count as unreadable: anybody may publish, and the screen has an end."""

Values: TypeAlias = dict[str, float]


@dataclass
class Series:
    """The latest numbers of one figure."""

    unit: str
    numbers: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))


@dataclass
class Readings:
    """All that was collected."""

    series: dict[str, Series] = field(default_factory=dict)
    received: int = 0
    missing: int = 0
    repeated: int = 0
    unreadable: int = 0
    _next: dict[str, int] = field(default_factory=dict)
    _earlier: dict[str, "Reading"] = field(default_factory=dict)

    def take(self, topic: str, payload: bytes) -> None:
        """Takes a message. What is no reading is counted, and that is all."""
        reading = Reading.of(payload)
        if reading is None or (topic not in self._next and len(self._next) == MOST_TOPICS):
            self.unreadable += 1
            return
        self.received += 1
        if self._follows(topic, reading.sequence):
            self._add(topic, reading)

    def _follows(self, topic: str, sequence: int) -> bool:
        """Whether this reading is new; the first of a topic may have any number, for it began before."""
        expected = self._next.get(topic, sequence)
        if sequence < expected:
            self.repeated += 1
            return False
        self.missing += sequence - expected
        self._next[topic] = sequence + 1
        return True

    def _add(self, topic: str, reading: "Reading") -> None:
        machine = topic.split("/")[1]
        before = self._earlier.get(topic)
        self._earlier[topic] = reading
        for figure in FIGURES[reading.kind]:
            number = figure.number(reading, before)
            if number is not None:
                name = f"{machine} {figure.name}"
                self.series.setdefault(name, Series(figure.unit)).numbers.append(number)

    def summary(self) -> str:
        """One line for the end."""
        return (
            f"{self.received} readings, {self.missing} missing, {self.repeated} repeated, "
            f"{self.unreadable} unreadable"
        )


@dataclass(frozen=True)
class Reading:
    """A message of the demo's programs."""

    sequence: int
    seconds: float
    """When it was taken, since 1970."""
    kind: str
    values: Values

    @classmethod
    def of(cls, payload: bytes) -> "Reading | None":
        """The reading; `None` where the payload is none, which may be anything."""
        try:
            reading = json.loads(payload)
            ((kind, values),) = reading["value"].items()
            numbers = {name: float(value) for name, value in values.items()}
            sequence, seconds = int(reading["sequence"]), reading["taken_us"] / 1e6
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
            return None
        if kind not in FIGURES or not all(map(math.isfinite, numbers.values())):
            return None
        return cls(sequence, seconds, kind, numbers)


@dataclass(frozen=True)
class Figure:
    """A number that can be drawn, and how it comes out of a reading."""

    name: str
    unit: str
    of: Callable[[Values], float]
    """Of one reading's values; where it is a rate, of their growth a second."""
    is_rate: bool = False

    def number(self, now: Reading, before: Reading | None) -> float | None:
        """The number; `None` for a rate of which there is only one reading, or where values are left out."""
        try:
            if not self.is_rate:
                return self.of(now.values)
            if before is None or now.seconds <= before.seconds:
                return None
            seconds = now.seconds - before.seconds
            return self.of(
                {name: (value - before.values[name]) / seconds for name, value in now.values.items()}
            )
        except (KeyError, ArithmeticError):
            return None


def _busy(ticks: Values) -> float:
    return 100 * ticks["busy_ticks"] / (ticks["busy_ticks"] + ticks["idle_ticks"])


def _used(memory: Values) -> float:
    return 100 * (1 - memory["available_kib"] / memory["total_kib"])


FIGURES: dict[str, list[Figure]] = {
    "cpu": [Figure("cpu", "%", _busy, is_rate=True)],
    "load": [Figure("load", "", lambda load: load["one"])],
    "memory": [Figure("memory", "%", _used)],
    "network": [
        Figure("network in", "kB/s", lambda grown: grown["received_bytes"] / 1000, is_rate=True),
        Figure("network out", "kB/s", lambda grown: grown["sent_bytes"] / 1000, is_rate=True),
    ],
    "python": [Figure("python", "MiB", lambda process: process["memory_kib"] / 1024)],
}
"""The kinds of readings, and what is drawn of each; another kind is unreadable."""
