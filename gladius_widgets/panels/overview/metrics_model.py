"""Current metrics: what each row says now, its trend, and what the figure means."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gladius_widgets.core.config.schedule import Schedule, schedule_from
from gladius_widgets.core.states import JobStatus
from gladius_widgets.core.text.perplexity import perplexity
from gladius_widgets.panels.charts import throughput_model as throughput
from gladius_widgets.panels.live.history import Floats, History
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.overview.metric_rows import (
    MetricRow,
    Trend,
    memory_row,
    utilization_row,
)
from gladius_widgets.panels.overview.status_bar_model import is_stale
from gladius_widgets.panels.text import format as fmt

# Steps (validations) whose mean is compared with that of as many before.
TRAIN_WINDOW, VALIDATION_WINDOW = 50, 1
STABLE_PERCENT = 0.5

_TITLES = {
    JobStatus.COMPLETED: "Final Metrics",
    JobStatus.STOPPED: "Metrics at Stop",
    JobStatus.FAILED: "Metrics at Failure",
    JobStatus.CANCELLED: "Metrics at Cancellation",
    JobStatus.LOST: "Last Known Metrics",
}


@dataclass(frozen=True)
class MetricsView:
    """The panel's content; `stale_since` (unix s) when a running job has fallen silent."""

    title: str
    rows: tuple[MetricRow, ...]
    stale_since: float | None


def view(job: JobSnapshot, history: History, now: float) -> MetricsView:
    """The panel's content at `now`."""
    stale = is_stale(job, now)
    rows = (
        _training_loss(job, history),
        _validation_loss(job, history),
        _learning_rate(job, history),
        utilization_row(_system(job, history)),
        _perplexity(history),
        *_pace(job, history, now),
        _grad_norm(history),
        memory_row(_system(job, history)),
    )
    return MetricsView(
        title=_TITLES.get(job.status, "Current Metrics"),
        rows=rows,
        stale_since=job.run.heartbeat if stale and job.run else None,
    )


def trend(values: Floats, window: int) -> float | None:
    """Percent by which the mean of the last `window` values differs from that of those before.

    None with fewer than twice as many, or where either stretch has no finite value. Values that
    are not finite are left out.
    """
    if len(values) < 2 * window:
        return None
    before, last = (
        part[np.isfinite(part)] for part in (values[-2 * window : -window], values[-window:])
    )
    if not len(before) or not len(last) or before.mean() == 0:
        return None
    return float(100 * (last.mean() - before.mean()) / abs(before.mean()))


def trend_words(percent: float | None) -> Trend | None:
    """Arrow, colour and words of a loss's trend; down is good."""
    if percent is None:
        return None
    if abs(percent) < STABLE_PERCENT:
        return Trend("~0%", "arr-r", "", "stable")
    down = percent < 0
    return Trend(
        f"{percent:+.1f}%",
        "arr-d" if down else "arr-u",
        "green" if down else "red",
        f"{'down' if down else 'up'} {abs(percent):.1f}% from previous",
    )


def phase(job: JobSnapshot) -> str:
    """Where the schedule stands: `Warm-up`, `Cosine decay`, `Constant`; empty when unknown."""
    plan, run = _schedule(job), job.run
    if plan is None or run is None or run.step < 1:
        return ""
    if run.step - 1 < plan.warmup_steps:  # the schedule counts steps from 0
        return "Warm-up"
    return "Constant" if plan.kind == "constant" else f"{plan.kind.capitalize()} decay"


def _schedule(job: JobSnapshot) -> Schedule | None:
    """The schedule in force: the run's own, else the config's."""
    run = job.run
    if run is not None and run.schedule is not None:
        return schedule_from(run.schedule)
    if job.config is None or run is None or run.total_steps is None:
        return None
    wanted = job.config.optimization
    return Schedule(
        wanted.schedule,
        wanted.learning_rate,
        wanted.warmup_steps,
        run.total_steps,
        wanted.min_learning_rate_ratio,
    )


def _training_loss(job: JobSnapshot, history: History) -> MetricRow:
    losses = history.train["loss"]
    last = _last(losses)
    words = ["Token-weighted mean cross-entropy of the last step, without the auxiliary loss."]
    if last is not None and not math.isfinite(last):
        words.append("The last step's loss was not finite.")
    moved = None
    if not job.status.is_final:
        moved = trend_words(trend(losses, TRAIN_WINDOW))
        words.append(
            f"Trend: the mean of the last {TRAIN_WINDOW} steps against the {TRAIN_WINDOW} before"
            + (f"; it needs {2 * TRAIN_WINDOW} steps." if moved is None else ".")
        )
    return MetricRow("loss", "Training Loss", fmt.loss(last), " ".join(words), moved)


def _validation_loss(job: JobSnapshot, history: History) -> MetricRow:
    losses, steps = history.validation["loss"], history.validation["step"]
    last, words, moved = _last(losses), [], None
    if last is None:
        never = job.config is not None and job.config.training.validation_interval_steps is None
        words.append("Validation is off." if never else "No validation yet.")
    else:
        words.append(f"Loss of the validation split at step {steps[-1]:,.0f}.")
    if last is not None and not job.status.is_final:
        moved = trend_words(trend(losses, VALIDATION_WINDOW))
        words.append("Trend: against the validation before" + ("." if moved else "; it needs two."))
    return MetricRow("validation", "Validation Loss", fmt.loss(last), " ".join(words), moved)


def _learning_rate(job: JobSnapshot, history: History) -> MetricRow:
    where, plan = phase(job), _schedule(job)
    words = ["Learning rate of the last step."]
    if plan is not None and where == "Warm-up":
        words.append(f"Warm-up to {fmt.decimal_rate(plan.peak)} by step {plan.warmup_steps:,}.")
    elif plan is not None and where:
        words.append(
            f"Peak {fmt.decimal_rate(plan.peak * plan.scale)}; {where.lower()} to the end."
        )
    value = fmt.decimal_rate(_last(history.recent["learning_rate"]))
    return MetricRow("rate", "Learning Rate", value, " ".join(words), aside=where)


def _perplexity(history: History) -> MetricRow:
    validated = _last(history.validation["loss"])
    if validated is not None:
        return MetricRow(
            "perplexity", "Perplexity", _exp(validated), "exp(validation loss), of the last one."
        )
    text = "exp(training loss) of the last step, as there is no validation."
    return MetricRow("perplexity", "Training Perplexity", _exp(_last(history.train["loss"])), text)


def _exp(loss: float | None) -> str:
    return fmt.perplexity(perplexity(loss)) if fmt.is_known(loss) else fmt.UNKNOWN


def _pace(job: JobSnapshot, history: History, now: float) -> tuple[MetricRow, MetricRow]:
    """Tokens a second and steps an hour; neither while the job is paused."""
    slow = job.config.alerts.slow_throughput_share if job.config else throughput.SLOW_SHARE
    worked_at = job.run.progressed_at if job.run else None
    seen = throughput.view(history.recent, job.status, now, slow, worked_at)
    paused = job.status == JobStatus.PAUSED
    tokens_help = (
        "Non-padding tokens over all processes, of the last second that has a step, over its step "
        "time; without pauses, validation and checkpoints."
    )
    tokens = MetricRow(
        "tokens",
        "Tokens/s",
        "Paused" if paused else seen.current,
        tokens_help,
        aside=seen.state.capitalize() if seen.state in ("slow", "stalled") else "",
        tone=seen.tone if seen.state in ("slow", "stalled") else "",
    )
    hourly = steps_per_hour(history, now if job.status == JobStatus.TRAINING else None)
    value = "Paused" if paused else fmt.count(hourly)
    if seen.state == "stalled":  # "0", or unknown where the window holds no step
        value = seen.current
    minutes = throughput.WINDOW_S / 60
    steps_help = f"3600 s over the mean step time of the last {minutes:.0f} minutes."
    return tokens, MetricRow("steps", "Steps/hour", value, steps_help)


def steps_per_hour(history: History, now: float | None) -> float | None:
    """3600 over the mean step time (s) of the throughput window that ends `now`.

    None for `now` lets it end at the last step; the answer is None without a step in it.
    """
    times = history.recent["time"]
    if not len(times):
        return None
    end = float(times[-1]) if now is None else max(now, float(times[-1]))
    took = history.recent["step_time"][int(np.searchsorted(times, end - throughput.WINDOW_S)) :]
    took = took[np.isfinite(took) & (took > 0)]
    return 3600.0 / float(took.mean()) if len(took) else None


def _grad_norm(history: History) -> MetricRow:
    text = "Norm of all gradients at the last step, before clipping."
    return MetricRow("norm", "Gradient Norm", fmt.plain(_last(history.recent["grad_norm"])), text)


def _system(job: JobSnapshot, history: History) -> dict[str, Any] | None:
    """The newest sample; of a job that is over, the last one before its last step had ended."""
    if not job.status.is_final or not len(history.train):
        return history.system
    end = float(history.train["time"][-1])
    busy = [row for row in history.samples if row["time"] <= end]
    return busy[-1] if busy else history.system


def _last(values: Floats) -> float | None:
    return float(values[-1]) if len(values) else None
