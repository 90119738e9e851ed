"""What NVML says about the GPUs; nothing where there are none."""

from typing import Any

Row = dict[str, list[Any]]

# Bits of NVML's clock event reasons that mean the GPU is held back by heat or power.
_THROTTLED = 0x8 | 0x20 | 0x40 | 0x80  # HW slowdown, SW thermal, HW thermal, HW power brake


class GpuReader:
    """Reads all GPUs of this machine. `problem` says why there are none to read."""

    def __init__(self) -> None:
        self.problem = ""
        self._handles: list[Any] = []
        try:
            import pynvml

            self._nvml = pynvml
            pynvml.nvmlInit()
            count = pynvml.nvmlDeviceGetCount()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]
        except Exception as error:  # no driver, no library, no permission: no GPU
            self.problem = str(error) or type(error).__name__

    @property
    def count(self) -> int:
        """GPUs that can be read."""
        return len(self._handles)

    def names(self) -> list[str]:
        """Model names, such as 'NVIDIA H100 80GB HBM3'."""
        return [str(self._nvml.nvmlDeviceGetName(handle)) for handle in self._handles]

    def read(self) -> Row:
        """One value a GPU in each list; None where a GPU does not tell."""
        memory = [self._ask("nvmlDeviceGetMemoryInfo", handle) for handle in self._handles]
        usage = [self._ask("nvmlDeviceGetUtilizationRates", handle) for handle in self._handles]
        power = [self._ask("nvmlDeviceGetPowerUsage", handle) for handle in self._handles]
        events = [
            self._ask("nvmlDeviceGetCurrentClocksEventReasons", handle) for handle in self._handles
        ]
        return {
            "gpu_memory_used_bytes": [m and m.used for m in memory],
            "gpu_memory_total_bytes": [m and m.total for m in memory],
            "gpu_utilization_percent": [None if u is None else float(u.gpu) for u in usage],
            "gpu_temperature_c": [self._temperature(handle) for handle in self._handles],
            "gpu_power_w": [None if mw is None else mw / 1000 for mw in power],
            "gpu_throttled": [None if e is None else bool(e & _THROTTLED) for e in events],
        }

    def _temperature(self, handle: Any) -> float | None:
        value = self._ask("nvmlDeviceGetTemperature", handle, 0)  # 0: the die's sensor
        return None if value is None else float(value)

    def _ask(self, function: str, *arguments: Any) -> Any:
        try:
            return getattr(self._nvml, function)(*arguments)
        except Exception:  # NVML's errors are per GPU and per function
            return None
