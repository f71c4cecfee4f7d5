"""Topics and filters without a server."""

from typing import Any

import polymqtt
import pytest


@pytest.mark.parametrize(
    ("filter_", "topic", "expected"),
    [
        ("home/+/door", "home/cellar/door", True),
        ("home/+/door", "home/cellar/window", False),
        ("home/#", "home", True),
        ("#", "$SYS/uptime", False),
        ("$share/painters/jobs/#", "jobs/1", True),
    ],
)
def test_a_filter_matches_topics(filter_: str, topic: str, expected: bool) -> None:
    assert polymqtt.matches(filter_, topic) is expected
    assert polymqtt.matches(filter=filter_, topic=topic) is expected


@pytest.mark.parametrize(
    ("filter_", "topic"), [("a#", "a"), ("", "a"), ("$share/a", "a"), ("#", ""), ("#", "a/+"), ("#", "a\0")]
)
def test_what_breaks_a_rule_is_refused(filter_: str, topic: str) -> None:
    with pytest.raises(polymqtt.InvalidTopicError):
        polymqtt.matches(filter_, topic)


@pytest.mark.parametrize(("filter_", "topic", "name"), [(7, "a", "filter"), ("a", b"a", "topic")])
def test_text_is_asked_for(filter_: Any, topic: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"^{name}: expected str"):
        polymqtt.matches(filter_, topic)
