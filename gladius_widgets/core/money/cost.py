"""All money arithmetic. Amounts are in the job's currency; unknown is None, never 0."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

SECONDS_PER_HOUR = 3600.0
# How far a remaining time may be off, while nothing better is known (job dashboard: ±15 %).
USUAL_SPREAD = 0.15
# The jobs list colours by money, the cost tracker by percent of the estimate.
CHEAP, DEAR = 50.0, 100.0
NEAR_PERCENT, OVER_PERCENT = 80.0, 100.0


class Tone(StrEnum):
    """A colour with a meaning; NONE where there is nothing to judge."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    NONE = ""


class BudgetState(StrEnum):
    """Where spending stands against the cap."""

    OK = "ok"
    WARN = "warn"
    OVER = "over"


@dataclass(frozen=True)
class BillableSpan:
    """From provisioning until the machine was released (unix s); `ended_at` None = still held."""

    started_at: float
    ended_at: float | None = None

    def duration_s(self, now: float) -> float:
        """Seconds billed until `now`, never negative."""
        end = now if self.ended_at is None else self.ended_at
        return max(0.0, end - self.started_at)


def billable_s(spans: Iterable[BillableSpan], now: float) -> float:
    """Seconds that machines were held, over attempts."""
    return sum(span.duration_s(now) for span in spans)


def price_of(duration_s: float | None, hourly_rate: float | None, gpus: int) -> float | None:
    """What it costs to hold the GPUs (at least one machine) so long; None when a part is unknown.

    The one place where time becomes money: hours × hourly rate × GPUs.
    """
    if duration_s is None or hourly_rate is None:
        return None
    return duration_s / SECONDS_PER_HOUR * hourly_rate * max(1, gpus)


def time_for(amount: float | None, hourly_rate: float | None, gpus: int) -> float | None:
    """How long (s) an amount lasts: the inverse of `price_of`; None for an unknown or free one."""
    if amount is None or not hourly_rate:
        return None
    seconds = amount / (hourly_rate * max(1, gpus)) * SECONDS_PER_HOUR
    return seconds if math.isfinite(seconds) else None


def spent(
    spans: Iterable[BillableSpan], hourly_rate: float | None, gpus: int, now: float
) -> float | None:
    """Σ billable time × hourly rate × GPUs (at least one machine), over attempts.

    Returns None when the rate is not known.
    """
    return price_of(billable_s(spans, now), hourly_rate, gpus)


def projected(
    spent_so_far: float | None, remaining_s: float | None, hourly_rate: float | None, gpus: int
) -> float | None:
    """Spent + remaining time × rate; None when any part is unknown."""
    rest = price_of(remaining_s, hourly_rate, gpus)
    return None if spent_so_far is None or rest is None else spent_so_far + rest


# What it was spent on


@dataclass(frozen=True)
class AttemptHistory:
    """When an attempt held a machine, and what it did meanwhile (unix s).

    Attributes:
        number: counted from 1.
        span: all of it.
        training_from: when the first step could begin; None when it never came so far.
        pauses: when it held its machine without training; an open end = until now.
    """

    number: int
    span: BillableSpan
    training_from: float | None = None
    pauses: tuple[BillableSpan, ...] = ()


@dataclass(frozen=True)
class Part:
    """Time and its cost; `cost` None = the rate is not known."""

    duration_s: float
    cost: float | None


@dataclass(frozen=True)
class AttemptCost:
    """What an attempt cost: until its training began, training, and paused with its machine."""

    number: int
    started_at: float
    ended_at: float | None
    provisioning: Part
    training: Part
    paused: Part
    total: Part


@dataclass(frozen=True)
class CostBreakdown:
    """What a job cost, by attempt and by what it was doing; the parts add up to the totals."""

    attempts: tuple[AttemptCost, ...]
    provisioning: Part
    training: Part
    paused: Part
    total: Part
    currency: str
    hourly_rate: float | None
    gpus: int


def breakdown(
    history: Iterable[AttemptHistory],
    hourly_rate: float | None,
    gpus: int,
    now: float,
    currency: str = "USD",
) -> CostBreakdown:
    """Each attempt's cost by state, and the sums."""
    attempts = tuple(_attempt_cost(one, hourly_rate, gpus, now) for one in history)

    def total(parts: Sequence[Part]) -> Part:
        duration_s = sum(part.duration_s for part in parts)
        return Part(duration_s, price_of(duration_s, hourly_rate, gpus))

    return CostBreakdown(
        attempts,
        total([attempt.provisioning for attempt in attempts]),
        total([attempt.training for attempt in attempts]),
        total([attempt.paused for attempt in attempts]),
        total([attempt.total for attempt in attempts]),
        currency,
        hourly_rate,
        gpus,
    )


def _attempt_cost(
    attempt: AttemptHistory, hourly_rate: float | None, gpus: int, now: float
) -> AttemptCost:
    start, whole_s = attempt.span.started_at, attempt.span.duration_s(now)
    end = start + whole_s
    begin = end if attempt.training_from is None else min(max(attempt.training_from, start), end)
    paused_s = min(_covered_s(attempt.pauses, begin, end), end - begin)
    provisioning_s = min(begin - start, whole_s)
    training_s = max(0.0, whole_s - provisioning_s - paused_s)

    def part(duration_s: float) -> Part:
        return Part(duration_s, price_of(duration_s, hourly_rate, gpus))

    return AttemptCost(
        attempt.number,
        start,
        attempt.span.ended_at,
        part(provisioning_s),
        part(training_s),
        part(paused_s),
        part(whole_s),
    )


def _covered_s(spans: Iterable[BillableSpan], low: float, high: float) -> float:
    """Seconds between `low` and `high` that lie in any of the spans, each counted once."""
    covered_s, reached = 0.0, low
    for span in sorted(spans, key=lambda span: span.started_at):
        begin = max(span.started_at, reached)
        end = high if span.ended_at is None else min(span.ended_at, high)
        if end > begin:
            covered_s += end - begin
            reached = end
    return covered_s


# What it will come to


@dataclass(frozen=True)
class Projection:
    """What a job will have cost at its end, and between what bounds; never below what is spent."""

    amount: float
    low: float
    high: float


def projection(
    spent_so_far: float | None,
    remaining_s: float | None,
    hourly_rate: float | None,
    gpus: int,
    spread: float = USUAL_SPREAD,
) -> Projection | None:
    """As `projected`, with the rest taken `spread` (a share) shorter and longer."""
    amount = projected(spent_so_far, remaining_s, hourly_rate, gpus)
    if amount is None or spent_so_far is None:
        return None
    rest = max(0.0, amount - spent_so_far)
    share = min(1.0, max(0.0, spread))
    return Projection(amount, spent_so_far + rest * (1 - share), spent_so_far + rest * (1 + share))


# Against the estimate


class Basis(StrEnum):
    """Who says what a job will cost."""

    CONFIG = "config"
    EARLIER_RUNS = "earlier runs"
    THIS_RUN = "this run"


@dataclass(frozen=True)
class EstimatedCost:
    """What a job is expected to cost, at least and at most."""

    low: float
    high: float
    basis: Basis


def estimated_cost(
    said: tuple[float | None, float | None],
    took_s: tuple[float | None, float | None],
    hourly_rate: float | None,
    gpus: int,
    basis: Basis = Basis.EARLIER_RUNS,
) -> EstimatedCost | None:
    """The one place that turns an estimate into amounts: the config's own win over measured time.

    Args:
        said: amounts in the config, low and high.
        took_s: seconds on its machine as measured, low and high.
        hourly_rate: per GPU or machine; None = unknown, and time has no price.
        gpus: that are paid for.
        basis: where the time was measured.

    Returns:
        None when neither is known.
    """
    low, high = said
    if low is not None and high is not None:
        basis = Basis.CONFIG
    else:
        low, high = (price_of(time_s, hourly_rate, gpus) for time_s in took_s)
    return EstimatedCost(low, high, basis) if low is not None and high is not None else None


def before_training_s(history: Sequence[AttemptHistory]) -> float:
    """Seconds on its machine before the first step, in the first attempt that trained; else 0."""
    for one in history:
        if one.training_from is not None:
            return max(0.0, one.training_from - one.span.started_at)
    return 0.0


def whole_time_s(
    steps: int | None, step_s: float | None, aside_s: float, spread: float = USUAL_SPREAD
) -> tuple[float | None, float | None]:
    """How long a run takes at the pace of its first steps, `spread` (a share) shorter and longer.

    Args:
        steps: of the whole run.
        step_s: seconds one takes.
        aside_s: on its machine before the first step.
        spread: how far that may be off.
    """
    if steps is None or step_s is None or not math.isfinite(step_s):
        return None, None
    whole_s = aside_s + steps * step_s
    return whole_s * (1 - spread), whole_s * (1 + spread)


def bar_end(spent_so_far: float | None, high: float | None) -> float | None:
    """What the bar runs to: the estimate's high end, or what is spent where that is more."""
    return max(high, spent_so_far or 0.0) if high else None


def percent_of_estimate(spent_so_far: float | None, low: float | None) -> float | None:
    """Percent of the estimate's low end; None when a part is unknown or the estimate is 0."""
    if spent_so_far is None or not low:
        return None
    percent = 100 * spent_so_far / low
    return percent if math.isfinite(percent) else None


def bar_share(amount: float | None, high: float | None) -> float | None:
    """How full a bar is that runs to the estimate's high end, 0 to 1; for its mark, pass the low.

    None when a part is unknown or the estimate is 0.
    """
    if amount is None or not high:
        return None
    return min(1.0, max(0.0, amount / high))


def estimate_tone(percent: float | None) -> Tone:
    """The cost tracker's colour: green below 80 % of the estimate, yellow up to 100 %, then red."""
    if percent is None:
        return Tone.NONE
    if percent < NEAR_PERCENT:
        return Tone.GREEN
    return Tone.YELLOW if percent <= OVER_PERCENT else Tone.RED


def amount_tone(amount: float | None) -> Tone:
    """The jobs list's colour: green below 50, yellow up to 100, then red."""
    if amount is None or not math.isfinite(amount):
        return Tone.NONE
    if amount < CHEAP:
        return Tone.GREEN
    return Tone.YELLOW if amount <= DEAR else Tone.RED


# Against the limits


def budget_left_s(
    spent_so_far: float | None, budget: float | None, hourly_rate: float | None, gpus: int
) -> float | None:
    """How long (s) a machine can still be held within the budget; 0 when it is spent."""
    if spent_so_far is None or budget is None:
        return None
    return time_for(max(0.0, budget - spent_so_far), hourly_rate, gpus)


def warning_amount(budget: float | None, warn_percent: float) -> float | None:
    """The spending from which the budget warns."""
    return None if budget is None else budget * warn_percent / 100


def budget_state(
    spent_so_far: float | None, budget: float | None, warn_percent: float
) -> BudgetState:
    """Whether spending has reached the warning mark or the cap; OK when either is unknown."""
    if spent_so_far is None or budget is None:
        return BudgetState.OK
    if spent_so_far >= budget:
        return BudgetState.OVER
    warns = spent_so_far >= (warning_amount(budget, warn_percent) or 0.0)
    return BudgetState.WARN if warns else BudgetState.OK


def is_over_runtime(billed_s: float, max_hours: float | None) -> bool:
    """Whether the time on machines has reached the limit; False without one."""
    return max_hours is not None and billed_s >= max_hours * SECONDS_PER_HOUR
