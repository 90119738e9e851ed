"""Cost tracker: what a job has cost, against its estimate and its budget."""

from dataclasses import dataclass, replace

import numpy as np

from gladius_widgets.core.money import cost as money
from gladius_widgets.core.money.cost import Basis, CostBreakdown, EstimatedCost, Part, Tone
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.cost.facts import Fact, estimate_source, rate_words
from gladius_widgets.panels.cost.guard import Banner, Told, guard_banners, guard_facts
from gladius_widgets.panels.live.history import Columns
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt

# An estimate from the run itself: the pace of its first steps, without the very first ones.
WARMUP_ROWS, MEASURED_ROWS = 10, 20
_HEADING_OVER = ("Heading over estimate", "warn", "yellow")
_VERDICTS = {
    Tone.GREEN: ("Within estimate", "ok"),
    Tone.YELLOW: ("Near estimate", "warn"),
    Tone.RED: ("Over estimate", "warn"),
}


@dataclass(frozen=True)
class Bar:
    """Shares of the bar's length: how full it is, and where the estimate begins and ends."""

    filled: float
    low: float
    high: float
    low_text: str
    high_text: str


@dataclass(frozen=True)
class Cell:
    """Time and cost as text; a time that goes on `counts_from` a moment (unix s), in the page."""

    cost: str
    time: str
    counts_from: float | None = None


@dataclass(frozen=True)
class Row:
    """An attempt, or all of them."""

    title: str
    cells: tuple[Cell, Cell, Cell, Cell]


@dataclass(frozen=True)
class CostView:
    """What the panel shows.

    Attributes:
        is_over: more is spent than the estimate's low end.
        percent: of the estimate's low end, as `49%`; empty without an estimate.
        estimate: `$45–55`; empty without one. `source` says where it comes from, or why not.
        verdict, verdict_icon, verdict_tone: `Within estimate` and so on; empty without an estimate.
        note: why something is not known, or stands still.
        rows: the breakdown by attempt; the last one is their sum.
    """

    spend: str
    spend_label: str
    tone: str
    is_over: bool
    percent: str
    percent_value: float | None
    estimate: str
    source: str
    is_measured: bool
    verdict: str
    verdict_icon: str
    verdict_tone: str
    accessible_name: str
    bar: Bar | None
    facts: tuple[Fact, ...]
    banners: tuple[Banner, ...]
    note: str
    rows: tuple[Row, ...]


def breakdown_of(job: JobSnapshot, now: float) -> CostBreakdown:
    """What the job's machines cost until `now`, by attempt and state."""
    record = job.record
    return money.breakdown(
        job.attempts,
        record.hourly_rate if record else None,
        record.gpus if record else 0,
        now,
        job.currency,
    )


def first_pace(train: Columns) -> float | None:
    """Seconds a step took after a short warm-up: a fixed stretch, so that the estimate stands.

    The median over the rows 10 to 30, so validations and saves in between do not count.
    """
    last = WARMUP_ROWS + MEASURED_ROWS
    if len(train) <= last:
        return None
    times, steps = (train[name][WARMUP_ROWS : last + 1] for name in ("time", "step"))
    return float(np.median(np.diff(times) / np.maximum(1, np.diff(steps))))


def view(
    job: JobSnapshot,
    breakdown: CostBreakdown,
    now: float,
    *,
    told: Told | None = None,
    pace_s: float | None = None,
) -> CostView:
    """The panel's content.

    Args:
        job: the newest look at it.
        breakdown: what it cost until now.
        now: unix s.
        told: what the budget guard has said.
        pace_s: seconds a step took at its beginning (`first_pace`), for a job without estimate.
    """
    spent = breakdown.total.cost if breakdown.attempts else None
    expected = estimate(job, pace_s)
    percent = money.percent_of_estimate(spent, expected.low if expected else None)
    tone = money.estimate_tone(percent)
    verdict = (*_VERDICTS.get(tone, ("", "")), str(tone))
    facts = _facts(job, breakdown, spent)
    facts += guard_facts(job, spent, breakdown)
    shown = _Estimate.of(expected, job.currency)
    over = tone == Tone.RED
    banners = (_over_banner(job, breakdown, spent, shown),) if over else ()
    if not over and (coming := _heading_over(job, breakdown, spent, expected)):
        verdict = _HEADING_OVER
        amounts = f"{fmt.money(coming, job.currency)} projected vs {shown.text} estimated"
        banners = (Banner("yellow", "Cost will exceed the estimate", amounts, ""),)
    banners += guard_banners(job, breakdown, spent, told or Told())
    amount = fmt.money(spent, job.currency)
    label = "Final cost" if job.status.is_final else "Current spend"
    return CostView(
        spend=amount,
        spend_label=label,
        tone=tone,
        is_over=over,
        percent=f"{percent:.0f}%" if percent is not None else "",
        percent_value=percent,
        estimate=shown.text,
        source=estimate_source(expected, job),
        is_measured=expected is not None and expected.basis != Basis.CONFIG,
        verdict=verdict[0],
        verdict_icon=verdict[1],
        verdict_tone=verdict[2],
        accessible_name=_name(label, amount, percent, shown),
        bar=_bar(spent, expected, job.currency),
        facts=facts,
        banners=banners,
        note=_note(job, breakdown),
        rows=_rows(job, breakdown, now),
    )


def estimate(job: JobSnapshot, pace_s: float | None = None) -> EstimatedCost | None:
    """What the job is expected to cost: by its config, earlier runs, or its own first steps."""
    record, said = job.record, job.config.cost if job.config else None
    if record is None:
        return None
    amounts = (said.estimate_low, said.estimate_high) if said else (None, None)
    took_s = (record.estimate_low_s, record.estimate_high_s)
    found = money.estimated_cost(amounts, took_s, record.hourly_rate, record.gpus)
    if found is not None:
        return found
    steps = job.run.total_steps if job.run else None
    took_s = money.whole_time_s(steps, pace_s, money.before_training_s(job.attempts))
    return money.estimated_cost(
        (None, None), took_s, record.hourly_rate, record.gpus, Basis.THIS_RUN
    )


@dataclass(frozen=True)
class _Estimate:
    """An estimate as text: `$45–55`, and spoken `$45 to $55`."""

    text: str = ""
    spoken: str = ""

    @classmethod
    def of(cls, expected: EstimatedCost | None, currency: str) -> "_Estimate":
        if expected is None:
            return cls()
        text = fmt.money_range(expected.low, expected.high, currency)
        ends = [fmt.round_money(amount, currency) for amount in (expected.low, expected.high)]
        return cls(text, " to ".join(dict.fromkeys(ends)))


def _name(label: str, amount: str, percent: float | None, shown: _Estimate) -> str:
    """`Current spend $22.18, 49% of estimated $45 to $55`."""
    if amount == fmt.UNKNOWN:
        amount = "unknown"
    if percent is None:
        return f"{label} {amount}"
    return f"{label} {amount}, {percent:.0f}% of estimated {shown.spoken}"


def _bar(spent: float | None, expected: EstimatedCost | None, currency: str) -> Bar | None:
    if expected is None:
        return None
    end = money.bar_end(spent, expected.high)
    low, high = money.bar_share(expected.low, end), money.bar_share(expected.high, end)
    if low is None or high is None:
        return None
    texts = (fmt.round_money(amount, currency) for amount in (expected.low, expected.high))
    return Bar(money.bar_share(spent, end) or 0.0, low, high, *texts)


def _facts(job: JobSnapshot, breakdown: CostBreakdown, spent: float | None) -> tuple[Fact, ...]:
    rate = Fact("Hourly rate", rate_words(job, breakdown))
    if job.status.is_final:
        return rate, Fact("Charged", fmt.money(spent, job.currency))
    left_s = job.run.remaining_s if job.run else None
    told = money.projection(spent, left_s, breakdown.hourly_rate, breakdown.gpus)
    if told is None:
        why = "It is known once training has begun." if spent is not None else ""
        return rate, Fact("Projected", fmt.UNKNOWN, hint=why)
    between = fmt.money_range(told.low, told.high, job.currency)
    hint = (
        f"Spent, and ~{fmt.duration(left_s)} more at the hourly rate. "
        "The rest may take 15% less or more."
    )
    return (
        rate,
        Fact("Projected", fmt.money(told.amount, job.currency), hint=hint),
        Fact("Between", between, "±15% variance", hint),
    )


def _heading_over(
    job: JobSnapshot,
    breakdown: CostBreakdown,
    spent: float | None,
    expected: EstimatedCost | None,
) -> float | None:
    """What it will come to, if even the lowest projection is above the estimate's high end."""
    if expected is None or job.status.is_final:
        return None
    left_s = job.run.remaining_s if job.run else None
    told = money.projection(spent, left_s, breakdown.hourly_rate, breakdown.gpus)
    return told.amount if told is not None and told.low > expected.high else None


def _over_banner(
    job: JobSnapshot, breakdown: CostBreakdown, spent: float | None, shown: _Estimate
) -> Banner:
    grows = money.price_of(money.SECONDS_PER_HOUR, breakdown.hourly_rate, breakdown.gpus)
    text = "The machine is free: spend stands still."
    if job.status.is_final:
        text = "This is what it came to."
    elif _is_held(breakdown):
        text = f"Spend grows by {fmt.round_money(grows, job.currency)} an hour until the job ends."
    title = "Cost exceeded estimate" if job.status.is_final else "Cost exceeding estimate"
    amounts = f"{fmt.money(spent, job.currency)} vs {shown.text} estimated"
    return Banner("red", title, amounts, text)


def _note(job: JobSnapshot, breakdown: CostBreakdown) -> str:
    if breakdown.hourly_rate is None:
        note = job.record.cost_note if job.record else ""
        return note or "No hourly rate is known for this machine, so the cost is unknown."
    if not breakdown.attempts:
        return "It has had no machine, so nothing is charged."
    if job.status.is_final or _is_held(breakdown):
        return ""
    return "No machine is held, so nothing is being charged."


def _is_held(breakdown: CostBreakdown) -> bool:
    return any(attempt.ended_at is None for attempt in breakdown.attempts)


def _rows(job: JobSnapshot, breakdown: CostBreakdown, now: float) -> tuple[Row, ...]:
    """By attempt; with several also their sum."""
    busy = {JobStatus.PROVISIONING: 0, JobStatus.PAUSED: 2}.get(job.status, 1)
    rows = []
    for attempt in breakdown.attempts:
        held = attempt.ended_at is None
        parts = (attempt.provisioning, attempt.training, attempt.paused, attempt.total)
        title = f"Attempt {attempt.number}"
        rows.append(_row(title, parts, job.currency, busy if held else None, now))
    if len(rows) > 1:
        parts = (breakdown.provisioning, breakdown.training, breakdown.paused, breakdown.total)
        running = busy if _is_held(breakdown) else None
        rows.append(_row("All attempts", parts, job.currency, running, now))
    return tuple(rows)


def _row(
    title: str, parts: tuple[Part, Part, Part, Part], currency: str, busy: int | None, now: float
) -> Row:
    """One row; the time of the `busy`-th part and the total go on."""
    cells = [Cell(fmt.money(p.cost, currency), fmt.duration(p.duration_s)) for p in parts]
    if busy is not None:
        for i in (busy, 3):
            cells[i] = replace(cells[i], counts_from=round(now - parts[i].duration_s, 1))
    return Row(title, (cells[0], cells[1], cells[2], cells[3]))
