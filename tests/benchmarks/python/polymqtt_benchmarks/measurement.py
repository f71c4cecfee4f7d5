"""What a run measured, and the clocks that measure it. Times are in seconds."""

from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of round trips."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run."""

    count: int
    elapsed: float
    """From the first call to the server's confirmation of the last message."""
    latency: Latency | None = None
    """Of round trips only."""

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.count / self.elapsed

    @property
    def speed(self) -> float:
        """Higher is faster: the rate, or for round trips the inverse of the median time."""
        return 1 / self.latency.p50 if self.latency else self.rate

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Self:
        """What a client's process printed; those of Rust tell times as seconds and nanoseconds."""
        latency = said["latency"]
        if latency is not None:
            latency = Latency(_seconds(latency["p50"]), _seconds(latency["p99"]))
        return cls(said["count"], _seconds(said["elapsed"]), latency)


class Clock:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._began = perf_counter()

    def stop(self, count: int) -> Measurement:
        """So many messages took until now."""
        return Measurement(count, perf_counter() - self._began)


class RoundTrips:
    """Collects the times of single round trips; the first begins when this is made."""

    def __init__(self) -> None:
        self._began = self._last = perf_counter()
        self._times: list[float] = []

    def lap(self) -> None:
        """A round trip is complete; the next one begins."""
        now = perf_counter()
        self._times.append(now - self._last)
        self._last = now

    def stop(self) -> Measurement:
        times = sorted(self._times)

        def percentile(percent: int) -> float:
            return times[min(len(times) * percent // 100, len(times) - 1)]

        latency = Latency(percentile(50), percentile(99))
        return Measurement(len(times), self._last - self._began, latency)


def _seconds(time: float | dict[str, float]) -> float:
    if isinstance(time, dict):
        return time["secs"] + time["nanos"] / 1e9
    return time
