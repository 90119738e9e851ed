"""Warnings about the machine: a GPU that is too hot, memory that is nearly full."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gladius_widgets.core.config.schema import AlertsSection
from gladius_widgets.core.threshold import Threshold, Turn

COOLER_C = 3.0  # resolved so far under the limit
FREER_SHARE = 0.05

Say = Callable[[str, str, dict[str, Any] | None], None]


class SystemAlerts:
    """Looks at each sample of the machine; tells of a limit once as it is crossed, and of its end.

    Args:
        limits: what the config says.
        say: writes an event (type, message, payload).
    """

    def __init__(self, limits: AlertsSection, say: Say) -> None:
        self._say = say
        hot, full = limits.gpu_temperature_c, limits.memory_share
        self._temperature = Threshold(hot, hot - COOLER_C)
        self._gpu_memory = Threshold(full, full - FREER_SHARE)
        self._ram = Threshold(full, full - FREER_SHARE)

    def look(self, row: Mapping[str, Any]) -> None:
        """A row of the system table."""
        step = row.get("step")
        if hottest := _most(row.get("gpu_temperature_c") or ()):
            gpu, celsius = hottest
            turn = self._temperature.look(celsius)
            limit = self._temperature.limit
            words = {
                "on": f"GPU {gpu} is at {celsius:.0f} °C, above the limit of {limit:g} °C",
                "resolved": f"GPUs are at {celsius:.0f} °C at most, below {limit:g} °C again",
            }
            facts = {"gpu": gpu, "celsius": celsius, "limit": limit}
            self._tell("temperature", turn, words, facts, step)
        used = row.get("gpu_memory_used_bytes") or ()
        total = row.get("gpu_memory_total_bytes") or ()
        if fullest := _most([_share(*pair) for pair in zip(used, total, strict=False)]):
            gpu, share = fullest
            self._memory(self._gpu_memory, f"memory of GPU {gpu}", share, step, {"gpu": gpu})
        ram = _share(row.get("ram_used_bytes"), row.get("ram_total_bytes"))
        if ram is not None:
            self._memory(self._ram, "system memory", ram, step, {"gpu": None})

    def _memory(
        self, limit: Threshold, what: str, share: float, step: Any, facts: dict[str, Any]
    ) -> None:
        words = {
            "on": f"{share:.0%} of the {what} is used, above the limit of {limit.limit:.0%}",
            "resolved": f"{share:.0%} of the {what} is used, below {limit.limit:.0%} again",
        }
        facts = facts | {"share": share, "limit": limit.limit}
        self._tell("memory", limit.look(share), words, facts, step)

    def _tell(
        self, kind: str, turn: Turn | None, words: dict[str, str], facts: dict[str, Any], step: Any
    ) -> None:
        if turn is not None:
            at = f" (step {step:,})" if isinstance(step, int) else ""
            payload = {"kind": kind, "state": turn, "step": step, **facts}
            self._say("warning" if turn == "on" else "status", words[turn] + at, payload)


def _most(values: Sequence[float | None]) -> tuple[int, float] | None:
    """The place and size of the largest known value."""
    known = [(value, place) for place, value in enumerate(values) if value is not None]
    if not known:
        return None
    value, place = max(known)
    return place, value


def _share(used: float | None, total: float | None) -> float | None:
    return used / total if used is not None and total else None
