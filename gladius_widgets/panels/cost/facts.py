"""What the cost tracker's figures are called and where they come from."""

from dataclasses import dataclass

from gladius_widgets.core.money.cost import Basis, CostBreakdown, EstimatedCost
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text import format as fmt

_SOURCES = {
    Basis.CONFIG: "As the config says.",
    Basis.EARLIER_RUNS: "Measured in earlier runs of the same shape.",
    Basis.THIS_RUN: "Measured in the first steps of this run.",
}


@dataclass(frozen=True)
class Fact:
    """A label and its value; `aside` is muted, `hint` shows on hover."""

    label: str
    value: str
    aside: str = ""
    hint: str = ""


def rate_words(job: JobSnapshot, breakdown: CostBreakdown) -> str:
    """`$2.49/hr (spot)`, `$2.49/hr (on-demand) × 4 GPUs`; `–` when it is not known."""
    if breakdown.hourly_rate is None:
        return fmt.UNKNOWN
    wanted = job.config.resources if job.config else None
    kind = ""
    if wanted is not None and wanted.spot:
        kind = " (spot)"
    elif wanted is not None and wanted.gpu_type:
        kind = " (on-demand)"
    times = f" × {breakdown.gpus} GPUs" if breakdown.gpus > 1 else ""
    return f"{fmt.round_money(breakdown.hourly_rate, job.currency)}/hr{kind}{times}"


def estimate_source(expected: EstimatedCost | None, job: JobSnapshot) -> str:
    """Where the estimate comes from, or why there is none."""
    if expected is not None:
        return _SOURCES[expected.basis]
    if job.record is not None and job.record.hourly_rate is None:
        return "No estimate, as the hourly rate is not known."
    if job.status.is_final:
        return "No estimate was made for this job."
    return "No estimate yet: it is measured in the first steps."
