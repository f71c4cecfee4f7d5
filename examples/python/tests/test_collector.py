"""What the collector makes of messages, and how that looks."""

import io
import json
from typing import Any

import pytest
from collector.drawing import chart, drawing, pairs
from collector.readings import KEPT, MOST_TOPICS, Readings
from polymqtt import Status
from rich.console import Console


def take(readings: Readings, sequence: int, kind: str, **values: Any) -> None:
    reading = {"sequence": sequence, "value": {kind: values}, "taken_us": sequence * 500_000}
    readings.take(f"machines/here/{kind}", json.dumps(reading).encode())


def test_what_is_missing_or_comes_twice_is_counted() -> None:
    readings = Readings()
    for sequence in (7, 8, 8, 11):
        take(readings, sequence, "load", one=0.5)
    assert readings.summary() == "4 readings, 2 missing, 1 repeated, 0 unreadable"
    assert list(readings.series["here load"].numbers) == [0.5, 0.5, 0.5]


def test_rates_come_from_two_readings() -> None:
    readings = Readings()
    take(readings, 0, "network", received_bytes=0, sent_bytes=1000)
    assert readings.series == {}
    take(readings, 1, "network", received_bytes=1000, sent_bytes=1000)
    assert list(readings.series["here network in"].numbers) == [2.0]
    assert list(readings.series["here network out"].numbers) == [0.0]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"sequence": "x", "taken_us": 1, "value": {"load": {}}}',
        b'{"sequence": 1, "taken_us": 1, "value": {}}',
        b'{"sequence": 1, "taken_us": 1, "value": {"load": 7}}',
        b'{"sequence": 1, "taken_us": 1, "value": {"unheard": {"of": 1}}}',
        b'{"sequence": 1e400, "taken_us": 1, "value": {"load": {"one": 1}}}',
        b'{"sequence": 1, "taken_us": 1, "value": {"load": {"one": NaN}}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_reading_is_counted(payload: bytes) -> None:
    readings = Readings()
    readings.take("machines/here/load", payload)
    assert readings.summary() == "0 readings, 0 missing, 0 repeated, 1 unreadable"


def test_values_that_are_left_out_draw_nothing() -> None:
    readings = Readings()
    take(readings, 0, "load", other=1)
    take(readings, 0, "cpu", busy_ticks=1, idle_ticks=1)
    take(readings, 1, "cpu", busy_ticks=1, idle_ticks=1)
    assert readings.series == {}


def test_there_is_an_end_to_topics() -> None:
    readings = Readings()
    for number in range(MOST_TOPICS + 1):
        readings.take(f"machines/{number}/load", b'{"sequence":1,"taken_us":1,"value":{"load":{"one":1}}}')
    assert readings.received == MOST_TOPICS
    assert readings.unreadable == 1


def test_a_series_forgets_what_is_old() -> None:
    readings = Readings()
    for sequence in range(KEPT + 5):
        take(readings, sequence, "load", one=sequence)
    assert list(readings.series["here load"].numbers) == list(range(5, KEPT + 5))


def test_the_highest_column_is_full() -> None:
    assert chart([0, 1, 2], rows=1) == [" ▄█"]
    assert chart([1, 2, 4], rows=2) == ["  █", "▄██"]
    assert chart([0, 0], rows=1) == ["  "]
    assert chart([], rows=1) == [""]


def test_a_drawing_fits_a_terminal() -> None:
    readings = Readings()
    for sequence in range(KEPT):
        take(readings, sequence, "network", received_bytes=sequence * 1e8, sent_bytes=0)
    status = Status(
        phase="closed", in_flight=0, queued=0, subscriptions=0, reconnects=0, text="as it stands " * 9
    )
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(drawing(readings, status))
    shown = console.export_text()
    assert "here network out" in shown
    assert "200000.0 kB/s" in shown
    assert "…" not in shown


def test_many_numbers_share_columns() -> None:
    assert pairs([1, 2, 4, 6, 8]) == [1, 3, 7]
    assert len(chart([1.0] * KEPT, columns=KEPT // 2)[0]) == KEPT // 2
