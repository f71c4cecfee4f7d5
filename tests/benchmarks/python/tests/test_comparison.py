"""What runs say beside each other."""

from pathlib import Path

import pytest

from polymqtt_benchmarks import contenders, report, workload
from polymqtt_benchmarks.comparison import compare
from polymqtt_benchmarks.measurement import Latency, Measurement
from polymqtt_benchmarks.runner import Plan, Runner, Series

PUBLISH = workload.named("publish-qos0")


def series(name: str, *milliseconds: int) -> Series:
    runs = [Measurement(1000, time / 1000) for time in milliseconds]
    return Series(contenders.named(name), runs)


def test_ratios_are_medians_of_pairs_against_the_best_peer_and_the_rust_client() -> None:
    compared = compare(
        PUBLISH,
        [
            series("paho-mqtt", 10, 40, 40),
            series("gmqtt", 50, 50, 50),
            series("polymqtt-asyncio", 1, 2, 4),
            series("polymqtt-asyncio-batch", 1, 1, 1),
            series("rust", 1, 1, 1),
        ],
    )

    assert compared.best_peer == "paho-mqtt"
    asyncio, batch = compared.rows[2:4]
    assert asyncio.rate is not None
    assert asyncio.rate.median == pytest.approx(500_000)
    # Pairs: 10, 20, 10.
    assert asyncio.times_best_peer == pytest.approx(10)
    assert asyncio.times_rust == pytest.approx(0.5)
    # Its measure are the batches of the Rust client, and there are none.
    assert batch.times_rust is None


def test_round_trips_are_compared_by_their_median_times() -> None:
    def trips(name: str, p50: float) -> Series:
        return Series(contenders.named(name), [Measurement(10, 1.0, Latency(p50, 1.0))])

    compared = compare(workload.named("round-trip"), [trips("gmqtt", 90e-6), trips("polymqtt-sync", 30e-6)])

    assert compared.rows[1].times_best_peer == pytest.approx(3)
    assert "30.0" in report.table(compared)


def test_a_client_in_rust_tells_times_as_seconds_and_nanoseconds() -> None:
    said = {
        "count": 3,
        "elapsed": {"secs": 1, "nanos": 500_000_000},
        "latency": {"p50": {"secs": 0, "nanos": 20_000}, "p99": {"secs": 0, "nanos": 70_000}},
        "allocations": None,
    }

    assert Measurement.from_json(said) == Measurement(3, 1.5, Latency(20e-6, 70e-6))


def test_a_contender_that_fails_is_shown_and_left_out() -> None:
    plan = Plan(
        filters=["publish-qos0/rust"],
        runs=3,
        seconds=1,
        messages=None,
        timeout=30,
        uvloop=False,
        rust=Path("/bin/false"),
        environments=Path("nowhere"),
    )

    compared = compare(PUBLISH, [*Runner(plan, 0).measure(PUBLISH), series("gmqtt", 50)])

    assert compared.best_peer == "gmqtt"
    assert [row.failure for row in compared.rows] == ["failed without a word", "failed without a word", None]
    assert "FAILED: failed without a word" in report.table(compared)
