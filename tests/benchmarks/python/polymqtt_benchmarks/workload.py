"""What is measured: which way messages go, and their quality of service."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Exchange(StrEnum):
    """What client and server do with each other."""

    PUBLISH = "publish"
    RECEIVE = "receive"
    ROUND_TRIP = "round-trip"


@dataclass(frozen=True, slots=True)
class Workload:
    """One of the server's exercises, called as the benchmark of the Rust clients calls it."""

    exchange: Exchange
    qos: Literal[0, 1]

    @property
    def name(self) -> str:
        if self.exchange is Exchange.ROUND_TRIP:
            return self.exchange.value
        return f"{self.exchange.value}-qos{self.qos}"


ALL = (
    Workload(Exchange.PUBLISH, 0),
    Workload(Exchange.PUBLISH, 1),
    Workload(Exchange.RECEIVE, 0),
    Workload(Exchange.RECEIVE, 1),
    Workload(Exchange.ROUND_TRIP, 0),
)


def named(name: str) -> Workload:
    """The workload of that name; `ValueError` where there is none."""
    for workload in ALL:
        if workload.name == name:
            return workload
    raise ValueError(f"no workload is called {name}")
