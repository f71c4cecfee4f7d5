"""The end of the interpreter with clients alive: it is clean and silent, each time."""

from collections.abc import Callable

import pytest
from brokers import Broker

from . import leaving
from .processes import run

Program = Callable[[str], None]
each = pytest.mark.parametrize("program", leaving.ALL, ids=lambda program: program.__name__)


@each
def test_a_program_ends_with_clients_alive(program: Program, broker: Broker) -> None:
    assert run(program, broker.tcp).in_order() == ""


@each
def test_a_hundred_programs_end_with_clients_alive(program: Program, only_mosquitto: Broker) -> None:
    ended = run(leaving.a_hundred_times, program.__name__, only_mosquitto.tcp, timeout=60)
    assert ended.in_order() == "0\n"
