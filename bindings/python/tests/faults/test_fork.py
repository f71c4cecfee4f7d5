"""Forking with clients alive: a child is refused its parent's, makes its own, and the parent goes on."""

from collections.abc import Callable

import pytest

from . import forking
from .processes import run


@pytest.mark.parametrize("program", forking.ALL, ids=lambda program: program.__name__)
def test_parent_and_child_go_on(
    program: Callable[[str, str], None], url: str, topic: Callable[[str], str]
) -> None:
    assert run(program, url, topic("forked")).in_order() == ""


def test_forked_siblings_have_identifiers_of_their_own(url: str, topic: Callable[[str], str]) -> None:
    identifiers = run(forking.siblings, url, topic("forked")).in_order().split()
    assert len(set(identifiers)) == 4, identifiers
