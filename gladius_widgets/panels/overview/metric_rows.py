"""Rows of the metrics panel, as text: what one is, and those about the machine."""

from dataclasses import dataclass
from typing import Any

from gladius_widgets.panels.text import format as fmt

BUSY_PERCENT = 50.0


@dataclass(frozen=True)
class Trend:
    """How a loss moved: signed percent, and `spoken` as in `down 12.1% from previous`."""

    text: str
    icon: str
    tone: str
    spoken: str


@dataclass(frozen=True)
class Meter:
    """A bar: share of 1, its tone, and what it says."""

    share: float
    tone: str
    label: str


@dataclass(frozen=True)
class MetricRow:
    """One row.

    Attributes:
        key: stays the same while the row's label may change.
        help: what the figure is and over which window; shown on hover and focus.
        aside: a few words in the third column, such as the phase of the schedule.
        tone: colours the value.
        meter: a bar in the third column.
        note: a few muted words beside the label.
    """

    key: str
    label: str
    value: str
    help: str
    trend: Trend | None = None
    aside: str = ""
    tone: str = ""
    meter: Meter | None = None
    note: str = ""

    @property
    def accessible_name(self) -> str:
        """`Training loss 0.3420, down 12.1% from previous`."""
        value = "unknown" if self.value == fmt.UNKNOWN else self.value
        first, *others = self.label.split(" ")
        spoken = " ".join([first, *(w if w.isupper() else w.lower() for w in others)])
        after = [self.note, self.trend.spoken if self.trend else "", self.aside.lower()]
        return ", ".join(filter(None, [f"{spoken} {value}", *after]))


def utilization_row(system: dict[str, Any] | None) -> MetricRow:
    """GPU utilization, the mean of several; the processor's where there is no GPU."""
    if system is None:
        return _row("use", "GPU Utilization", fmt.UNKNOWN, "No sample yet.")
    percents = system.get("gpu_utilization_percent") or []
    if not has_gpu(system):
        used = system.get("cpu_percent")
        words = "No GPU on this machine, so this is the processor: time in use over one second."
        return _row("use", "CPU Utilization", _percent(used), words, _meter(used), "no GPU")
    known = [value for value in percents if value is not None]
    mean = sum(known) / len(known) if known else None
    words = "Share of the last sample period in which the GPU computed, as NVML has it."
    if len(percents) > 1:
        each = ", ".join(f"GPU{i} {_percent(value)}" for i, value in enumerate(percents))
        words += f" The mean of {len(known)}: {each}."
    return _row("use", "GPU Utilization", _percent(mean), words, _meter(mean))


def memory_row(system: dict[str, Any] | None) -> MetricRow:
    """GPU memory used and total; the process's RAM where there is no GPU."""
    if system is None:
        return _row("memory", "Memory", fmt.UNKNOWN, "No sample yet.")
    if not has_gpu(system):
        value = _with_unit(fmt.gib(system.get("process_rss_bytes")))
        words = "RAM that the training processes hold. There is no GPU on this machine."
        return _row("memory", "Process RAM", value, words)
    used = system.get("gpu_memory_used_bytes") or []
    total = system.get("gpu_memory_total_bytes") or []
    pairs = [(u, t) for u, t in zip(used, total, strict=False) if u is not None and t is not None]
    value = fmt.UNKNOWN
    if pairs:
        sums = [fmt.gib(sum(column)) for column in zip(*pairs, strict=True)]
        value = f"{sums[0]} / {sums[1]} GiB"
    words = "GPU memory in use of what there is."
    if len(used) > 1:
        each = ", ".join(
            f"GPU{i} {fmt.gib(u)} / {fmt.gib(t)}"
            for i, (u, t) in enumerate(zip(used, total, strict=False))
        )
        words += f" {each} GiB."
    return _row("memory", "GPU Memory", value, words)


def has_gpu(system: dict[str, Any]) -> bool:
    """Whether the sample names any GPU, readable or not."""
    names = ("gpu_utilization_percent", "gpu_memory_used_bytes", "gpu_memory_total_bytes")
    return any(system.get(name) for name in names)


def _row(
    key: str, label: str, value: str, words: str, meter: Meter | None = None, note: str = ""
) -> MetricRow:
    return MetricRow(key, label, value, words, meter=meter, note=note)


def _meter(percent: float | None) -> Meter | None:
    if not fmt.is_known(percent):
        return None
    tone = "green" if percent > BUSY_PERCENT else "yellow"
    return Meter(min(1.0, max(0.0, percent / 100)), tone, f"{percent:.0f} percent")


def _percent(value: float | None) -> str:
    return f"{value:.0f}%" if fmt.is_known(value) else fmt.UNKNOWN


def _with_unit(text: str) -> str:
    return text if text == fmt.UNKNOWN else f"{text} GiB"
