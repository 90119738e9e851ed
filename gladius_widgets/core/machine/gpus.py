"""The GPUs of this machine as NVML tells them: their names, memory, and who computes on them.

A MIG instance is a device of its own; the GPU that it is cut from is then none. CUDA takes both by
UUID, which, unlike an index, means the same to every program.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

VISIBLE_VARIABLE = "CUDA_VISIBLE_DEVICES"
MAX_AGE_S = 1.0
PATIENCE_S = 5.0
SILENT = "The NVIDIA driver does not answer"


@dataclass(frozen=True)
class Device:
    """A handle that NVML can be asked about.

    `index` is `1`, or `1:0` for the first MIG instance of GPU 1; `whole` is the handle of the GPU
    that an instance is cut from, which knows the temperature, and else the same as `handle`.
    """

    index: str
    uuid: str
    handle: Any
    whole: Any
    is_slice: bool = False


@dataclass(frozen=True)
class GpuProcess:
    """A process on a GPU; its memory is None where the driver does not tell."""

    pid: int
    memory_bytes: int | None


@dataclass(frozen=True)
class Gpu:
    """A GPU, or a MIG instance (`is_slice`), at one moment; sizes are None where it does not tell.

    `desktop_bytes` is what programs hold that only draw on it.
    """

    index: str
    uuid: str
    name: str
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    desktop_bytes: int = 0
    processes: tuple[GpuProcess, ...] = ()
    is_slice: bool = False


@dataclass(frozen=True)
class Look:
    """All GPUs at one moment; `problem` says why none could be read, `is_known` if that is sure."""

    gpus: tuple[Gpu, ...] = ()
    problem: str = ""
    is_known: bool = True


def open_devices(nvml: Any) -> list[Device]:
    """Every device that CUDA could use, in NVML's order, which is that of the PCI bus."""
    found: list[Device] = []
    for index in range(nvml.nvmlDeviceGetCount()):
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        slices = _slices(nvml, str(index), handle)
        found += slices or [Device(str(index), _uuid(nvml, handle), handle, handle)]
    return found


_Named = TypeVar("_Named", Device, Gpu)


def select(devices: Sequence[_Named], names: Iterable[str]) -> list[_Named]:
    """Those that are named, by index or by the start of their UUID, in the order of the names.

    The index of a GPU that is cut up names all its instances; a name of none names nothing.
    """
    found: list[_Named] = []
    for name in names:
        found += [one for one in devices if _goes_by(one, name) and one not in found]
    return found


def visible_names() -> list[str] | None:
    """What CUDA_VISIBLE_DEVICES of this process allows; None where it is not set."""
    value = os.environ.get(VISIBLE_VARIABLE)
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


def ask(nvml: Any, function: str, *arguments: Any, **named: Any) -> Any:
    """What an NVML function returns; None where this GPU or this driver does not know it."""
    try:
        return getattr(nvml, function)(*arguments, **named)
    except Exception:  # NVML's errors are per GPU and per function
        return None


def read_gpus() -> Look:
    """One look; takes some ms, or for ever where the driver hangs (see `GpuWatch`)."""
    try:
        import pynvml  # slow to import, seldom needed

        pynvml.nvmlInit()  # counted by NVML: only the first takes time
        devices = open_devices(pynvml)
        return Look(tuple(_gpu(pynvml, device) for device in devices))
    except Exception as error:  # no driver, no library, no permission: no GPU
        return Look(problem=str(error) or type(error).__name__)


class GpuWatch:
    """Looks in a thread, so that a driver that hangs holds up nobody; a look is good for 1 s.

    Args:
        read: looks once.
        patience_s: how long a look may take before the driver counts as silent; whoever asks
            while it goes on waits for the rest of that time only.
    """

    def __init__(
        self, read: Callable[[], Look] = read_gpus, patience_s: float = PATIENCE_S
    ) -> None:
        self._read, self._patience_s = read, patience_s
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last: Look | None = None
        self._read_at = self._began_at = 0.0

    def look(self) -> Look:
        """The GPUs now."""
        with self._lock:
            if self._last is not None and time.monotonic() - self._read_at < MAX_AGE_S:
                return self._last
            if self._thread is None:
                self._began_at = time.monotonic()
                self._thread = threading.Thread(target=self._work, name="gpus", daemon=True)
                self._thread.start()
            thread, until = self._thread, self._began_at + self._patience_s
        thread.join(max(0.0, until - time.monotonic()))
        with self._lock:
            if self._last is None or time.monotonic() - self._read_at > self._patience_s:
                return Look(problem=SILENT, is_known=False)
            return self._last

    def _work(self) -> None:
        look = self._read()
        with self._lock:
            self._last, self._read_at, self._thread = look, time.monotonic(), None


_watch = GpuWatch()


def look_at_gpus() -> Look:
    """The GPUs of this machine now, at most a second old; never waits for a driver that hangs."""
    return _watch.look()


def _slices(nvml: Any, index: str, handle: Any) -> list[Device]:
    """The MIG instances that a GPU is cut into."""
    mode = ask(nvml, "nvmlDeviceGetMigMode", handle)
    if not mode or not mode[0]:
        return []
    found: list[Device] = []
    for number in range(ask(nvml, "nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
        part = ask(nvml, "nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
        if part is not None:
            name = f"{index}:{number}"
            found.append(Device(name, _uuid(nvml, part), part, handle, is_slice=True))
    return found


def _uuid(nvml: Any, handle: Any) -> str:
    return _text(nvml.nvmlDeviceGetUUID(handle))


def _text(value: Any) -> str:
    """Older bindings answer in bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _goes_by(device: Device | Gpu, name: str) -> bool:
    return name in (device.index, device.index.partition(":")[0]) or (
        len(name) > len("GPU-") and device.uuid.lower().startswith(name.lower())
    )


def _gpu(nvml: Any, device: Device) -> Gpu:
    handle = device.handle
    # The second version leaves out what the driver keeps for itself.
    version = getattr(nvml, "nvmlMemory_v2", None)
    memory = ask(nvml, "nvmlDeviceGetMemoryInfo", handle, version=version) if version else None
    memory = memory or ask(nvml, "nvmlDeviceGetMemoryInfo", handle)
    computing = _processes(nvml, "nvmlDeviceGetComputeRunningProcesses", handle)
    drawing = _processes(nvml, "nvmlDeviceGetGraphicsRunningProcesses", handle)
    busy = {process.pid for process in computing}
    return Gpu(
        index=device.index,
        uuid=device.uuid,
        name=_text(ask(nvml, "nvmlDeviceGetName", handle) or "GPU"),
        memory_used_bytes=memory and memory.used,
        memory_total_bytes=memory and memory.total,
        desktop_bytes=sum(one.memory_bytes or 0 for one in drawing if one.pid not in busy),
        processes=computing,
        is_slice=device.is_slice,
    )


def _processes(nvml: Any, function: str, handle: Any) -> tuple[GpuProcess, ...]:
    found = ask(nvml, function, handle) or ()
    return tuple(GpuProcess(one.pid, one.usedGpuMemory) for one in found)
