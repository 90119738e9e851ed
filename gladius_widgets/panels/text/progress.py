"""Progress overview: how far, how long, what is saved, how well, how healthy."""

from dataclasses import dataclass, field

from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.run_state import CheckpointState, RunStatus, ValidationState
from gladius_widgets.core.states import JobStatus
from gladius_widgets.core.text.durations import ELAPSED
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt

DEFAULT_WARM_C = 80.0


@dataclass(frozen=True)
class Fact:
    """A label and its value; `tone` colours the value, `icon` precedes it, `aside` is muted.

    `title` explains the label on hover.
    """

    label: str
    value: str
    tone: str = ""
    icon: str = ""
    aside: str = ""
    title: str = ""


@dataclass(frozen=True)
class Group:
    """A titled list of facts."""

    title: str
    icon: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Part:
    """One sub-bar: `share` of 1, None when the total is not known."""

    label: str
    text: str
    share: float | None


@dataclass(frozen=True)
class ProgressView:
    """The panel's content. `share` is steps done over total steps."""

    share: float | None
    percent: str
    measure: str
    eta_label: str
    eta: str
    tone: str
    parts: tuple[Part, ...] = field(default_factory=tuple)
    groups: tuple[Group, ...] = field(default_factory=tuple)

    @property
    def accessible_name(self) -> str:
        """`42% Complete, Step 850 of 2,000`."""
        return f"{self.percent} Complete, {self.measure}"


def view(job: JobSnapshot, now: float) -> ProgressView:
    """The panel's content at `now`."""
    run = job.run or RunStatus(state=job.status)
    share = _share(run.step, run.total_steps)
    label, eta = _eta(job, run, now)
    return ProgressView(
        share=share,
        percent=fmt.percent(share),
        measure=f"step {run.step:,} of {fmt.count(run.total_steps)}",
        eta_label=label,
        eta=eta,
        tone=_tone(job.status),
        parts=(
            _part("Epoch", run.epoch, run.total_epochs, run.epochs_done, 0),
            _part("Batch", run.batch, run.batches_per_epoch, run.batch, 1),
        ),
        groups=(
            Group("Time", "clock", _time(job, run, now)),
            Group("Checkpoints", "save", _checkpoints(job, run.checkpoints, now)),
            Group("Dataset", "data", _dataset(run)),
            Group("Accuracy", "target", _accuracy(run, job.config, now)),
            _health(job),
            Group("Optimizer", "flow", _optimizer(run, job.config)),
        ),
    )


def segments(share: float | None, count: int = 20) -> tuple[int, float]:
    """How many of `count` segments are full, and the share of the next one."""
    filled = max(0.0, min(1.0, share or 0.0)) * count
    whole = int(filled + 1e-9)
    return whole, max(0.0, filled - whole)


def elapsed_s(job: JobSnapshot, now: float) -> float | None:
    """Seconds since training began, running on while paused; None before it began."""
    run = job.run
    if run is None or run.training_started_at is None:
        return None
    running_on = now - run.heartbeat if job.status.is_active and run.heartbeat else 0.0
    return run.elapsed_s + max(0.0, running_on)


def _share(done: float, total: float | None) -> float | None:
    return min(1.0, done / total) if total else None


def _tone(status: JobStatus) -> str:
    if status in (JobStatus.FAILED, JobStatus.LOST):
        return "red"
    if status == JobStatus.COMPLETED:
        return "green"
    return "yellow" if status == JobStatus.PAUSED else "blue"


def _part(label: str, current: int, total: int | None, done: float, decimals: int) -> Part:
    share = _share(done, total)
    percent = f" ({fmt.percent(share, decimals)})" if share is not None else ""
    return Part(label, f"{fmt.count(current)} / {fmt.count(total)}{percent}", share)


def _eta(job: JobSnapshot, run: RunStatus, now: float) -> tuple[str, str]:
    if job.status.is_final:
        return "Ended", fmt.date_time(job.ended_at, now)
    if job.status != JobStatus.TRAINING or run.remaining_s is None:
        return "ETA", fmt.UNKNOWN
    return "ETA", fmt.planned(run.heartbeat + run.remaining_s, now)


def _time(job: JobSnapshot, run: RunStatus, now: float) -> tuple[Fact, ...]:
    over = job.status.is_final
    remaining = None if over else run.remaining_s
    training = job.status == JobStatus.TRAINING and remaining is not None
    finishes = run.heartbeat + remaining if training and remaining is not None else None
    return (
        Fact(ELAPSED.label, fmt.duration(elapsed_s(job, now)), title=ELAPSED.help),
        Fact("Remaining", fmt.estimate(remaining)),
        Fact("Finishes", fmt.clock(finishes)),
        Fact("Per epoch", fmt.duration(_epoch_s(run, job.config))),
    )


def _epoch_s(run: RunStatus, config: TrainingConfig | None) -> float | None:
    """Seconds of training an epoch takes at the recent step time."""
    if run.step_time_s is None or not run.batches_per_epoch or config is None:
        return None
    accumulation = run.live.get("gradient_accumulation") or config.training.gradient_accumulation
    return run.step_time_s * run.batches_per_epoch / accumulation


def _checkpoints(job: JobSnapshot, saved: CheckpointState, now: float) -> tuple[Fact, ...]:
    next_save = fmt.ahead(saved.next_at, now)
    if job.status.is_final:
        next_save = fmt.UNKNOWN
    elif saved.next_at is None and saved.next_step is not None:
        next_save = f"at step {saved.next_step:,}"
    return (
        Fact("Saved", fmt.count(saved.saves), aside=f"{saved.count} kept")
        if saved.saves is not None
        else Fact("Kept", fmt.count(saved.count)),
        Fact("Last save", fmt.age(saved.last_at, now)),
        Fact("Next save", next_save),
        Fact("Auto-save", interval_words(job.config)),
    )


def interval_words(config: TrainingConfig | None) -> str:
    """How often a checkpoint is saved: `every 500 steps or 10 min`."""
    if config is None:
        return fmt.UNKNOWN
    steps, minutes = config.checkpointing.interval_steps, config.checkpointing.interval_minutes
    words = [f"{steps:,} steps"] if steps else []
    words += [f"{fmt.plain(minutes)} min"] if minutes else []
    return f"every {' or '.join(words)}" if words else "off"


def _dataset(run: RunStatus) -> tuple[Fact, ...]:
    left = max(0, run.total_samples - run.samples) if run.total_samples is not None else None
    rows = run.split_rows
    held_out = f"{fmt.count(rows.get('validation'))} val · {fmt.count(rows.get('test'))} test"
    return (
        Fact("Total samples", fmt.count(run.samples_per_epoch), aside=held_out if rows else ""),
        Fact("Processed", fmt.count(run.samples), aside=f"of {fmt.count(run.total_samples)}"),
        Fact("Remaining", fmt.count(left)),
        Fact("Progress", fmt.percent(_share(run.samples, run.total_samples))),
    )


def _accuracy(run: RunStatus, config: TrainingConfig | None, now: float) -> tuple[Fact, ...]:
    validation = run.validation.get("validation") or ValidationState()
    test = run.validation.get("test") or ValidationState()
    epoch = validation.best_accuracy_epoch
    never = config is not None and config.training.validation_interval_steps is None
    return (
        Fact("Validation", "off" if never and not run.validation else _pct(validation.accuracy)),
        Fact("Test", _pct(test.accuracy)),
        Fact(
            "Best",
            _pct(validation.best_accuracy),
            aside=f"E{max(1, -int(-epoch // 1))}" if epoch is not None else "",
        ),
        Fact("Updated", fmt.age(validation.at, now)),
    )


def _pct(value: float | None) -> str:
    return fmt.percent(value)


def _health(job: JobSnapshot) -> Group:
    system = job.system or {}
    limit = job.config.alerts.gpu_temperature_c if job.config else DEFAULT_WARM_C
    temperatures = [t for t in system.get("gpu_temperature_c") or [] if t is not None]
    if not (system.get("gpu_memory_used_bytes") or temperatures):
        return Group("Machine health", "cpu", _host_health(job))
    throttled = [i for i, on in enumerate(system.get("gpu_throttled") or []) if on]
    hot = bool(temperatures) and max(temperatures) > limit
    return Group(
        "GPU health",
        "temp",
        (
            Fact("Temperature", temperature_words(temperatures)),
            Fact("Throttling", ", ".join(f"GPU{i}" for i in throttled) or "None"),
            Fact("Warns above", f"{fmt.plain(limit)}°C"),
            _verdict(hot or bool(throttled), "Throttled" if throttled else "Too hot"),
        ),
    )


def temperature_words(temperatures: list[float]) -> str:
    """`67°C / 73°C`, one a GPU."""
    return " / ".join(f"{value:.0f}°C" for value in temperatures) or fmt.UNKNOWN


def _host_health(job: JobSnapshot) -> tuple[Fact, ...]:
    """Without a GPU: what can be said of the host instead."""
    system = job.system or {}
    used, total = system.get("ram_used_bytes"), system.get("ram_total_bytes")
    share = used / total if used is not None and total else None
    limit = job.config.alerts.memory_share if job.config else 0.9
    cpu = system.get("cpu_percent")
    return (
        Fact("GPU", "None" if job.system else fmt.UNKNOWN),
        Fact("CPU", f"{cpu:.0f}%" if cpu is not None else fmt.UNKNOWN),
        Fact(
            "RAM", f"{fmt.gib(used)} / {fmt.gib(total)} GiB" if share is not None else fmt.UNKNOWN
        ),
        _verdict(share > limit, "Memory pressure") if share is not None else Fact("Status", "–"),
    )


def _verdict(bad: bool, words: str) -> Fact:
    if bad:
        return Fact("Status", words, "yellow", "warn")
    return Fact("Status", "Within limits", "green", "check")


def _optimizer(run: RunStatus, config: TrainingConfig | None) -> tuple[Fact, ...]:
    settings = config.optimization if config else None
    decay = run.weight_decay if run.weight_decay is not None else settings and settings.weight_decay
    return (
        Fact("Learning rate", fmt.rate(run.learning_rate)),
        Fact("Gradient norm", fmt.plain(run.grad_norm)),
        Fact("Weight decay", fmt.plain(decay, 4)),
        Fact("Schedule", settings.schedule.capitalize() if settings else fmt.UNKNOWN),
    )
