"""Durations as Python's own waits take them."""

from datetime import timedelta

from polymqtt.options import Duration

__all__ = ["seconds"]


def seconds(duration: Duration | None) -> float | None:
    """The duration in seconds."""
    return duration.total_seconds() if isinstance(duration, timedelta) else duration
