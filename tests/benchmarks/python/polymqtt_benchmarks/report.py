"""Shows a comparison as a table, and all that was measured as JSON."""

import os
import platform
from dataclasses import asdict
from typing import Any

from .comparison import Comparison, Row
from .runner import Plan
from .workload import Exchange


def table(comparison: Comparison) -> str:
    """One workload's contenders, a line each."""
    round_trip = comparison.workload.exchange is Exchange.ROUND_TRIP
    value, extra = ("p50 µs", "p99 µs") if round_trip else ("msg/s", "")
    title = f"{comparison.workload.name:<32}{value:>8}  {'lowest - highest':>17}  {extra:>7}"
    lines = [f"{title}  {'x best peer':>11}  {'x Rust':>6}"]
    lines.extend(_line(row) for row in comparison.rows)
    return "\n".join(lines) + "\n"


def _line(row: Row) -> str:
    line = f"  {row.contender.name:<30}"
    main = row.p50_us or row.rate
    if main is not None:
        spread = f"{short(main.lowest)} - {short(main.highest)}"
        extra = short(row.p99_us.median) if row.p99_us else ""
        line += f"{short(main.median):>8}  {spread:>17}  {extra:>7}"
        line += f"  {_ratio(row.times_best_peer):>11}  {_ratio(row.times_rust):>6}"
    if row.failure is not None:
        line += f"  FAILED: {row.failure}"
    return line


def short(value: float) -> str:
    """A number with about three digits."""
    if value >= 1e7:
        return f"{value / 1e6:.1f} M"
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    if value >= 1e4:
        return f"{value / 1e3:.0f} k"
    if value >= 1e3:
        return f"{value / 1e3:.2f} k"
    return f"{value:.1f}"


def _ratio(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def to_json(plan: Plan, comparisons: list[Comparison]) -> dict[str, Any]:
    """Everything that was measured."""
    return {
        # Cores that the server and the client share.
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "runs": plan.runs,
        "seconds_per_run": plan.seconds,
        "workloads": [
            {
                "workload": comparison.workload.name,
                "best_peer": comparison.best_peer,
                "contenders": [asdict(row) | {"contender": row.contender.name} for row in comparison.rows],
            }
            for comparison in comparisons
        ],
    }
