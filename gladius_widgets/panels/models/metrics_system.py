"""Rows about the machine: how busy and how full; of the host where there is no GPU."""

from typing import Any

from gladius_widgets.panels import format as fmt
from gladius_widgets.panels.models.metric_rows import Meter, MetricRow

BUSY_PERCENT = 50.0


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
