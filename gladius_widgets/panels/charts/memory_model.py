"""Memory and processor use, each device as a share of its capacity."""

from dataclasses import dataclass
from typing import Any

from gladius_widgets.panels.text import format as fmt

MODERATE, HIGH = 0.70, 0.85


@dataclass(frozen=True)
class DeviceBar:
    """One device: its label, use as a share of 1 (None when it cannot be read), and detail."""

    label: str
    share: float | None
    detail: str

    @property
    def tone(self) -> str:
        """Green below 70 %, yellow to 85 %, red above."""
        share = self.share or 0.0
        return "green" if share < MODERATE else "yellow" if share <= HIGH else "red"

    @property
    def text(self) -> str:
        """The value on the bar."""
        return fmt.UNKNOWN if self.share is None else f"{self.share * 100:.0f}%"


@dataclass(frozen=True)
class MemoryView:
    """The bars and the figures beside them. `gpu_*` speak of the RAM where there is no GPU."""

    bars: tuple[DeviceBar, ...] = ()
    head: str = "GPU"
    head_total: str = ""
    head_value: str = fmt.UNKNOWN
    system: str = fmt.UNKNOWN
    pressure: str = "None"
    pressure_tone: str = ""
    note: str = ""
    summary: str = "Memory. No sample yet."


def view(system: dict[str, Any] | None) -> MemoryView:
    """The panel's content from the newest row of the system table."""
    if system is None:
        return MemoryView(note="Waiting for the first sample.")
    gpus = _gpu_bars(system)
    host = (
        DeviceBar("CPU", _percent(system.get("cpu_percent")), "Processor time in use"),
        _bar("RAM", system.get("ram_used_bytes"), system.get("ram_total_bytes")),
        _bar("SWP", system.get("swap_used_bytes"), system.get("swap_total_bytes"), "Swap"),
    )
    bars = (*gpus, *host)
    pressed = [bar.label for bar in bars if (bar.share or 0) > HIGH and bar is not host[0]]
    used, total = _total(system, "used"), _total(system, "total")
    shares = ", ".join(f"{bar.label} {bar.text}" for bar in bars)
    return MemoryView(
        bars=bars,
        head="GPU" if gpus else "RAM",
        head_total=f"of {fmt.gib(total, 0)} GiB" if total else "",
        head_value=f"{fmt.gib(used)} GiB" if used is not None else fmt.UNKNOWN,
        system=f"{host[1].text} utilized" if host[1].share is not None else fmt.UNKNOWN,
        pressure=", ".join(pressed) or "None",
        pressure_tone="red" if pressed else "",
        note="" if gpus else "No GPU",
        summary=f"Memory use as a share of capacity. {shares}."
        + ("" if gpus else " This machine has no GPU that can be read."),
    )


def _gpu_bars(system: dict[str, Any]) -> tuple[DeviceBar, ...]:
    used = system.get("gpu_memory_used_bytes") or []
    total = system.get("gpu_memory_total_bytes") or []
    return tuple(_bar(f"GPU{i}", u, t) for i, (u, t) in enumerate(zip(used, total, strict=False)))


def _bar(label: str, used: float | None, total: float | None, name: str = "") -> DeviceBar:
    share = used / total if used is not None and total else None
    if share is None:
        what = "none on this machine" if total == 0 else "cannot be read"
        return DeviceBar(label, None, f"{name or label}: {what}")
    return DeviceBar(label, share, f"{fmt.gib(used)} of {fmt.gib(total)} GiB")


def _total(system: dict[str, Any], kind: str) -> float | None:
    """GPU bytes over all devices, or the host's RAM where there is no GPU."""
    values = [v for v in system.get(f"gpu_memory_{kind}_bytes") or [] if v is not None]
    return sum(values) if values else system.get(f"ram_{kind}_bytes")


def _percent(value: float | None) -> float | None:
    return value / 100 if value is not None else None
