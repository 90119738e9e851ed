"""The status bar: the run in five segments."""

from dataclasses import dataclass

from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text.badges import console_badge, status_sentence
from gladius_widgets.panels.text.progress import temperature_words

STALE_AFTER_S = 15.0


@dataclass(frozen=True)
class StatusBarView:
    """Segments as text; `stale` when the run's data has stopped arriving."""

    state: str
    tone: str
    icon: str
    epoch: str
    loss: str
    health: str
    throughput: str
    stale: bool
    action_keys: str
    action: str


def view(job: JobSnapshot, now: float) -> StatusBarView:
    """The bar's content at `now`."""
    run, badge = job.run, console_badge(job.status)
    stale = is_stale(job, now)
    paused = job.status == JobStatus.PAUSED
    epoch = f"Epoch {run.epoch}/{fmt.count(run.total_epochs)}" if run and run.epoch else "Epoch –"
    live = job.status == JobStatus.TRAINING and run is not None and not stale
    return StatusBarView(
        state=status_sentence(job.status, job.trouble),
        tone=badge.tone,
        icon=badge.icon,
        epoch=epoch,
        loss=f"Loss: {fmt.loss(run.loss if run else None)}",
        health=health_words(job),
        throughput=f"{fmt.count(run.tokens_per_s if live and run else None)} tok/s",
        stale=stale,
        action_keys="F2" if not job.status.is_final else "",
        action="Resume" if paused else "Pause" if not job.status.is_final else "",
    )


def is_stale(job: JobSnapshot, now: float | None = None) -> bool:
    """Whether a job that should beat has fallen silent. `now` is by default the last look."""
    beat = job.run.heartbeat if job.run else 0.0
    now = job.seen_at if now is None else now
    return bool(job.status.is_active and beat and now - beat > STALE_AFTER_S)


def health_words(job: JobSnapshot) -> str:
    """`GPU: 67°C`, the hottest; without a GPU `CPU: 62%`."""
    system = job.system or {}
    temperatures = [t for t in system.get("gpu_temperature_c") or [] if t is not None]
    if temperatures:
        return f"GPU: {temperature_words([max(temperatures)])}"
    cpu = system.get("cpu_percent")
    return f"CPU: {cpu:.0f}%" if cpu is not None else "GPU: –"
