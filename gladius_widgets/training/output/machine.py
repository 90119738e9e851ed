"""What the log says about the machine; whatever cannot be read is None or empty."""

import torch

from gladius_widgets.core.machine.host import host_memory


def device_name(device: torch.device, processes: int) -> str:
    """For the banner and status.json."""
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory / 2**30
        return f"{processes}x {torch.cuda.get_device_name(device)} ({total:.0f} GiB each)"
    if device.type == "cpu":
        return f"CPU ({processes} process{'es' if processes > 1 else ''})"
    return device.type


def memory_bytes(device: torch.device) -> tuple[int, int] | None:
    """Used and total memory of this rank's GPU, else of the host."""
    try:
        if device.type == "cuda":
            free, total = torch.cuda.mem_get_info(device)
            return total - free, total
        host = host_memory()
        return host.ram_used_bytes, host.ram_total_bytes
    except (RuntimeError, OSError):
        return None


def temperatures_c(device: torch.device) -> list[float]:
    """Of every GPU that this process sees."""
    if device.type != "cuda":
        return []
    try:
        return [float(torch.cuda.temperature(i)) for i in range(torch.cuda.device_count())]
    except Exception:  # NVML missing or not permitted: many kinds of error, all mean unknown
        return []


def utilization_percent(device: torch.device) -> list[float]:
    """Of every GPU that this process sees."""
    if device.type != "cuda":
        return []
    try:
        return [float(torch.cuda.utilization(i)) for i in range(torch.cuda.device_count())]
    except Exception:  # as above
        return []
