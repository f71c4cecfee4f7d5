"""Nothing is left of what a client does again and again: no objects, and no memory of the native half."""

from collections.abc import Callable

import pytest
from brokers import Broker

from . import looping
from .processes import run


@pytest.mark.parametrize("name", [*looping.ASYNCIO, *looping.BLOCKING])
def test_nothing_is_left(name: str, only_embedded: Broker, topic: Callable[[str], str]) -> None:
    assert run(looping.again_and_again, name, only_embedded.tcp, topic(name)).in_order() == ""
