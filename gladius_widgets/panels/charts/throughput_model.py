"""Throughput over a rolling window of four minutes."""

from dataclasses import dataclass, field

import numpy as np

from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.charts import axes
from gladius_widgets.panels.live.history import Columns, Floats
from gladius_widgets.panels.text import format as fmt

WINDOW_S = 240.0
SLOW_SHARE = 0.2
EMPTY_LIMIT = 3000.0


@dataclass(frozen=True)
class ThroughputView:
    """What to draw and say.

    Attributes:
        x: minutes since the window began, 0 to 4. y: tokens/s, NaN where nothing is measured.
        average_value: tokens/s over the window, None when nothing is known.
        state: good, slow, stalled, paused or ended.
    """

    x: Floats = field(default_factory=lambda: np.empty(0, np.float32))
    y: Floats = field(default_factory=lambda: np.empty(0, np.float32))
    y_limit: float = EMPTY_LIMIT
    average_value: float | None = None
    current: str = fmt.UNKNOWN
    average: str = fmt.UNKNOWN
    peak: str = fmt.UNKNOWN
    state: str = ""
    tone: str = "green"
    summary: str = "Throughput. No step yet."


def view(
    recent: Columns,
    status: JobStatus,
    now: float,
    slow_share: float = SLOW_SHARE,
    worked_at: float | None = None,
) -> ThroughputView:
    """The last four minutes, up to `now` while the job trains, else up to its last step.

    Current is the last second's tokens over its step time (the last step's where steps take
    longer). Slow: over `slow_share` under the window's average. Stalled: no step, and since
    `worked_at` (unix s) no other sign of work, for max(10 s, 5 × the median step).
    """
    times = recent["time"]
    if not len(times):
        return ThroughputView()
    live = status == JobStatus.TRAINING
    end = max(now, float(times[-1])) if live else float(times[-1])
    first = int(np.searchsorted(times, end - WINDOW_S))
    times, tokens, spent = (recent[name][first:] for name in ("time", "tokens", "step_time"))
    usable = np.isfinite(tokens) & np.isfinite(spent) & (spent > 0)
    if not usable.any():
        return ThroughputView(state="stalled" if live else "", tone="red" if live else "green")
    times, tokens, spent = times[usable], tokens[usable], spent[usable]
    moments, speeds = _by_second(times, tokens, spent)
    average = float(tokens.sum() / spent.sum())
    silence = end - max(float(times[-1]), worked_at or 0.0)
    stalled = live and silence > max(10.0, 5 * float(np.median(spent)))
    current = 0.0 if stalled else float(speeds[-1])
    state = _state(status, stalled=stalled, slow=current < (1 - slow_share) * average)
    if stalled:
        moments = np.append(moments, [moments[-1], end])
        speeds = np.append(speeds, [0.0, 0.0])
    peak = float(speeds.max())
    word = "" if state == "good" else f" {state.capitalize()}."
    return ThroughputView(
        x=((moments - (end - WINDOW_S)) / 60).astype(np.float32),
        y=speeds.astype(np.float32),
        y_limit=axes.limits(0.0, max(peak, average, 1.0) * 1.05)[1],
        average_value=average,
        current=fmt.count(current),
        average=f"{fmt.count(average)} tok/s",
        peak=f"{fmt.count(peak)} tok/s",
        state=state,
        tone={"good": "green", "slow": "yellow", "stalled": "red"}.get(state, "green"),
        summary=f"Throughput over four minutes. Current {fmt.count(current)} tokens per second, "
        f"average {fmt.count(average)}, peak {fmt.count(peak)}.{word}",
    )


def _by_second(times: Floats, tokens: Floats, spent: Floats) -> tuple[Floats, Floats]:
    """Tokens over step time for each second that has a step, at its last step's time."""
    seconds = np.floor(times).astype(np.int64)
    present, index = np.unique(seconds, return_inverse=True)
    speed = np.bincount(index, weights=tokens) / np.bincount(index, weights=spent)
    last = np.searchsorted(seconds, present, side="right") - 1
    return times[last], speed


def _state(status: JobStatus, *, stalled: bool, slow: bool) -> str:
    if status == JobStatus.PAUSED:
        return "paused"
    if status != JobStatus.TRAINING:
        return "ended" if status.is_final else ""
    return "stalled" if stalled else "slow" if slow else "good"
