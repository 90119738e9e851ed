"""The budget guard as the cost tracker shows it: the cap, what happens there, what was done."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gladius_widgets.core.money import cost as money
from gladius_widgets.core.money.cost import BudgetState, CostBreakdown
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.cost.facts import Fact
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.store.run.events import Event

_AT_CAP = {
    "warn": "warns at the cap",
    "pause": "pauses and frees the machine at the cap",
    "stop": "saves and stops at the cap",
}


@dataclass(frozen=True)
class Banner:
    """A warning: its title is announced once, the figures after it are not."""

    tone: str
    title: str
    figures: str
    text: str


@dataclass
class Told:
    """What the budget guard has said: the attempt in which each cap was reached."""

    attempts: dict[str, int | None] = field(default_factory=dict)

    def take(self, events: Iterable[Event]) -> None:
        """Take in new events."""
        for event in events:
            payload = event.payload or {}
            if event.type == "warning" and payload.get("state") == BudgetState.OVER:
                kind = payload.get("kind")
                if kind in ("budget", "runtime"):
                    self.attempts.setdefault(str(kind), event.attempt)


def guard_facts(
    job: JobSnapshot, spent: float | None, breakdown: CostBreakdown
) -> tuple[Fact, ...]:
    """The caps and what happens there; empty without any."""
    if job.config is None:
        return ()
    facts, limits = [], job.config.cost
    if limits.budget is not None:
        share = money.percent_of_estimate(spent, limits.budget)
        used = f"{share:.0f}% of " if share is not None else ""
        value = f"{used}{fmt.round_money(limits.budget, job.currency)}"
        facts.append(Fact("Budget", value, hint=_budget_hint(job, spent, breakdown)))
        facts.append(Fact("At the cap", _AT_CAP[limits.on_budget].removesuffix(" at the cap")))
    hours = job.config.queue.max_runtime_hours
    if hours is not None:
        used = fmt.duration(breakdown.total.duration_s)
        facts.append(Fact("Time limit", f"{used} of {hours:g} h", hint="Then it saves and stops."))
    return tuple(facts)


def _budget_hint(job: JobSnapshot, spent: float | None, breakdown: CostBreakdown) -> str:
    assert job.config is not None
    limits = job.config.cost
    warns = fmt.money(money.warning_amount(limits.budget, limits.warn_percent), job.currency)
    words = [f"Warns at {limits.warn_percent:g}% ({warns}); {_AT_CAP[limits.on_budget]}."]
    if breakdown.hourly_rate is None:
        words.append("The hourly rate is not known, so nobody watches it.")
    left_s = money.budget_left_s(spent, limits.budget, breakdown.hourly_rate, breakdown.gpus)
    if left_s and not job.status.is_final:
        words.append(f"It lasts for {fmt.duration(left_s)} more on the machine.")
    return " ".join(words)


def guard_banners(
    job: JobSnapshot, breakdown: CostBreakdown, spent: float | None, told: Told
) -> tuple[Banner, ...]:
    """What to say of caps that are near or reached."""
    if job.config is None:
        return ()
    limits, hours = job.config.cost, job.config.queue.max_runtime_hours
    banners = []
    state = money.budget_state(spent, limits.budget, limits.warn_percent)
    amounts = f"{fmt.money(spent, job.currency)} of {fmt.round_money(limits.budget, job.currency)}"
    if state == BudgetState.OVER or "budget" in told.attempts:
        done = _done(job, breakdown, limits.on_budget, told.attempts.get("budget"))
        banners.append(Banner("red", "Budget reached", amounts, done))
    elif state == BudgetState.WARN:
        words = _AT_CAP[limits.on_budget]
        text = "" if job.status.is_final else f"It {words}."
        banners.append(Banner("yellow", "Budget nearly spent", amounts, text))
    if money.is_over_runtime(breakdown.total.duration_s, hours) or "runtime" in told.attempts:
        done = _done(job, breakdown, "stop", told.attempts.get("runtime"))
        used = f"{fmt.duration(breakdown.total.duration_s)} of {hours:g} h" if hours else ""
        banners.append(Banner("red", "Time limit reached", used, done))
    return tuple(banners)


def _done(job: JobSnapshot, breakdown: CostBreakdown, action: str, attempt: int | None) -> str:
    """What came of a cap that was reached in this attempt."""
    status = job.status
    if action == "warn":
        if status.is_final:
            return "Nothing was stopped, as cost.on_budget is warn."
        return "The job goes on, as cost.on_budget is warn."
    if attempt is not None and job.attempt > attempt:
        return "It was ended for that, and somebody has resumed it since."
    held = any(one.ended_at is None for one in breakdown.attempts)
    words = {
        JobStatus.PAUSED: "It is paused and its machine is held: that goes on costing."
        if held
        else "It was paused and its machine freed.",
        JobStatus.STOPPED: "A checkpoint was saved and it was stopped.",
        JobStatus.QUEUED: "It was paused for that, and waits to go on.",
    }
    if status in words:
        return words[status]
    if status.is_final:
        return ""
    return "Saving and freeing the machine." if action == "pause" else "Saving and stopping."
