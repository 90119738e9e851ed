"""What NVML says about the GPUs of a run; nothing where there are none."""

from typing import Any

from gladius_widgets.core.machine.gpus import Device, ask, open_devices, select, visible_names

Row = dict[str, list[Any]]

# Bits of NVML's clock event reasons that mean the GPU is held back by heat or power.
_THROTTLED = 0x8 | 0x20 | 0x40 | 0x80  # HW slowdown, SW thermal, HW thermal, HW power brake


class GpuReader:
    """Reads the GPUs that CUDA_VISIBLE_DEVICES leaves us, in its order; all where it is not set.

    `problem` says why there are none to read.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._devices: list[Device] = []
        try:
            import pynvml

            self._nvml = pynvml
            pynvml.nvmlInit()
            devices, names = open_devices(pynvml), visible_names()
            self._devices = devices if names is None else select(devices, names)
        except Exception as error:  # no driver, no library, no permission: no GPU
            self.problem = str(error) or type(error).__name__

    @property
    def count(self) -> int:
        """GPUs that can be read."""
        return len(self._devices)

    @property
    def uuids(self) -> list[str]:
        """Their UUIDs."""
        return [device.uuid for device in self._devices]

    def names(self) -> list[str]:
        """Model names, such as 'NVIDIA H100 80GB HBM3'."""
        return [str(self._nvml.nvmlDeviceGetName(device.handle)) for device in self._devices]

    def read(self) -> Row:
        """One value a GPU in each list; None where a GPU does not tell.

        Heat and power of a MIG instance are those of the GPU that it is cut from.
        """
        memory = [self._of("nvmlDeviceGetMemoryInfo", one.handle) for one in self._devices]
        usage = [self._of("nvmlDeviceGetUtilizationRates", one.handle) for one in self._devices]
        power = [self._of("nvmlDeviceGetPowerUsage", one.whole) for one in self._devices]
        events = [
            self._of("nvmlDeviceGetCurrentClocksEventReasons", one.whole) for one in self._devices
        ]
        return {
            "gpu_memory_used_bytes": [m and m.used for m in memory],
            "gpu_memory_total_bytes": [m and m.total for m in memory],
            "gpu_utilization_percent": [None if u is None else float(u.gpu) for u in usage],
            "gpu_temperature_c": [self._temperature(one.whole) for one in self._devices],
            "gpu_power_w": [None if mw is None else mw / 1000 for mw in power],
            "gpu_throttled": [None if e is None else bool(e & _THROTTLED) for e in events],
        }

    def _temperature(self, handle: Any) -> float | None:
        value = self._of("nvmlDeviceGetTemperature", handle, 0)  # 0: the die's sensor
        return None if value is None else float(value)

    def _of(self, function: str, *arguments: Any) -> Any:
        return ask(self._nvml, function, *arguments)
