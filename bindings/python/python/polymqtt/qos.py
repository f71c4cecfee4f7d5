"""How surely a message arrives (section 4.3)."""

from enum import IntEnum
from typing import Literal, TypeAlias

__all__ = ["QoS", "QoSLevel"]


class QoS(IntEnum):
    """The quality of service of a message or a subscription (section 4.3)."""

    AT_MOST_ONCE = 0
    """Sent once, never acknowledged: a connection that is lost may take it with it."""
    AT_LEAST_ONCE = 1
    """Sent until it is acknowledged: may arrive more than once."""
    EXACTLY_ONCE = 2
    """Sent and released in four steps: arrives once."""


QoSLevel: TypeAlias = QoS | Literal[0, 1, 2]
"""A quality of service, or its number."""
