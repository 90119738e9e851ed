"""A limit that is told of once as it is crossed, and once as all is well again."""

from dataclasses import dataclass, field
from typing import Literal

Turn = Literal["on", "resolved"]


@dataclass
class Threshold:
    """A limit with room between onset and end, so that a value at the limit does not flicker.

    Attributes:
        limit: above it, it is on.
        clear: at or below it, it is resolved; in between nothing changes.
        is_on: whether it was crossed and is not resolved yet.
    """

    limit: float
    clear: float
    is_on: bool = field(default=False, init=False)

    def look(self, value: float) -> Turn | None:
        """What a new value changes; None for nothing."""
        if not self.is_on and value > self.limit:
            self.is_on = True
            return "on"
        if self.is_on and value <= self.clear:
            self.is_on = False
            return "resolved"
        return None
