"""Expert coverage: how evenly the router spreads tokens over the experts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gladius_widgets.panels.live.history import Floats
from gladius_widgets.panels.text import format as fmt

WINDOW_STEPS = 50
GOOD, ACCEPTABLE = 0.8, 0.6
DEAD_SHARE = 0.1
_NAMED = 3  # dead experts; the bars show all


@dataclass(frozen=True)
class ExpertBar:
    """One expert: its label, coverage as a share of 1, tone, and the text on the bar."""

    label: str
    coverage: float
    load: float
    tone: str
    text: str


@dataclass(frozen=True)
class ExpertView:
    """The bars and the figures beside them; `note` says why there are none."""

    bars: tuple[ExpertBar, ...] = ()
    average: str = fmt.UNKNOWN
    imbalance: str = fmt.UNKNOWN
    lowest: str = fmt.UNKNOWN
    lowest_tone: str = ""
    dead: str = fmt.UNKNOWN
    note: str = ""
    summary: str = "Expert coverage. No routing statistics yet."


def coverage(loads: Sequence[Sequence[float]], window: int = WINDOW_STEPS) -> tuple[Floats, Floats]:
    """Mean load f_e over the last `window` steps, and coverage min(1, f_e × E), per expert."""
    recent = [row for row in list(loads)[-window:] if len(row) == len(loads[-1])]
    mean = np.nanmean(np.asarray(recent, dtype=np.float64), axis=0)
    total = mean.sum()
    load = mean / total if total > 0 else mean
    return load, np.minimum(1.0, load * len(load))


def view(
    loads: Sequence[Sequence[float]], *, is_moe: bool | None, dead_share: float = DEAD_SHARE
) -> ExpertView:
    """The panel's content.

    Args:
        loads: share of routed assignments per expert, one row a step, newest last.
        is_moe: False for a model without experts, None when that is not known yet.
        dead_share: an expert under this share of its even load counts as dead.
    """
    if not len(loads):
        note = (
            "This model has no experts." if is_moe is False else "Waiting for routing statistics."
        )
        return ExpertView(note=note, summary=f"Expert coverage. {note}")
    load, cover = coverage(loads)
    bars = tuple(
        ExpertBar(f"E{i}", float(c), float(f), tone(float(c)), _text(float(c)))
        for i, (f, c) in enumerate(zip(load, cover, strict=True))
    )
    worst = int(np.argmin(cover))
    dead = [f"E{i}" for i, f in enumerate(load) if f * len(load) < dead_share]
    average, imbalance = fmt.percent(float(cover.mean())), fmt.percent(float(cover.std()))
    low = f"E{worst} {fmt.percent(float(cover[worst]), 0)}"
    return ExpertView(
        bars=bars,
        average=average,
        imbalance=imbalance,
        lowest=low,
        lowest_tone=tone(float(cover[worst])),
        dead=_listed(dead) or "none",
        summary=f"Expert coverage. Average {average}, imbalance {imbalance}. "
        f"Expert {worst} is lowest at {fmt.percent(float(cover[worst]), 0)}. "
        f"Dead: {_listed(dead) or 'none'}.",
    )


def tone(share: float) -> str:
    """Green from 80 %, yellow from 60 %, else red."""
    return "green" if share >= GOOD else "yellow" if share >= ACCEPTABLE else "red"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _text(share: float) -> str:
    whole = fmt.percent(share, 0).rstrip("%")
    return whole if share >= GOOD else f"▼ {whole}"
