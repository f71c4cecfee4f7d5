"""Turns runs into medians, and ratios of runs that were made side by side."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Self

from .contenders import Contender
from .measurement import Measurement
from .runner import Series
from .workload import Workload


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and what lies around it."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self | None:
        values = list(values)
        return cls(median(values), min(values), max(values)) if values else None


@dataclass(frozen=True, slots=True)
class Row:
    """One contender of a workload."""

    contender: Contender
    rate: Spread | None
    """Messages (round trips) a second."""
    p50_us: Spread | None
    """Round trips only, microseconds."""
    p99_us: Spread | None
    times_best_peer: float | None
    """How many times as fast as the best peer: the median over the rounds of this run against that peer's run
    of the same round. Rates are compared; for round trips, their median times."""
    times_rust: float | None
    """The same beside the Rust client of polymqtt, used in the same way."""
    failure: str | None
    runs: list[Measurement]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One workload's contenders side by side."""

    workload: Workload
    best_peer: str | None
    rows: list[Row]


def compare(workload: Workload, series: list[Series]) -> Comparison:
    """Computes what the runs of one workload say."""
    runs = {one.contender.name: one.runs for one in series}
    best_peer = _best_peer(series)
    rows = [
        Row(
            contender=one.contender,
            rate=Spread.of(run.rate for run in one.runs),
            p50_us=Spread.of(run.latency.p50 * 1e6 for run in one.runs if run.latency),
            p99_us=Spread.of(run.latency.p99 * 1e6 for run in one.runs if run.latency),
            times_best_peer=_paired_ratio(one.runs, runs.get(best_peer or "", [])),
            times_rust=_paired_ratio(one.runs, runs.get(one.contender.rust, [])),
            failure=one.failure,
            runs=one.runs,
        )
        for one in series
    ]
    return Comparison(workload, best_peer, rows)


def _best_peer(series: list[Series]) -> str | None:
    """The one whose median run is the fastest."""
    peers = [one for one in series if one.contender.peer and one.runs]
    if not peers:
        return None
    return max(peers, key=lambda one: median(run.speed for run in one.runs)).contender.name


def _paired_ratio(ours: list[Measurement], theirs: list[Measurement]) -> float | None:
    """The median over the rounds of how many times as fast one was as the other."""
    ratios = [one.speed / other.speed for one, other in zip(ours, theirs, strict=False)]
    return median(ratios) if ratios else None
