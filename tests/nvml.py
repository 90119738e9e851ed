"""GPUs that are not there: a library in place of NVIDIA's, which the real pynvml talks to."""

import ctypes
import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

from gladius_widgets.core.atomic import write_bytes
from gladius_widgets.core.machine import gpus

SOURCE = Path(__file__).with_name("fake_nvml.c")
NAME = "libnvidia-ml.so.1"
GIB = 2**30


@cache
def built(folder: Path) -> Path:
    """The library, compiled; without gcc this fails, as no GPU test could say anything then."""
    library = folder / NAME
    command = ["gcc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-Wl,-soname,{NAME}"]
    subprocess.run([*command, "-o", library, SOURCE], check=True)
    return library


class FakeNvml:
    """What the library tells this process and those that it starts; see fake_nvml.c for lines."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def tell(self, *lines: str) -> None:
        write_bytes(self.state, "".join(f"{line}\n" for line in lines).encode())
        gpus._watch = gpus.GpuWatch()  # what it has seen in the last second is no more

    def whole(self, count: int, held: dict[int, tuple[int, int]] | None = None) -> list[str]:
        """So many GPUs of 48 GiB; `held`: index → (pid, bytes) of a stranger on it."""
        lines: list[str] = []
        for index in range(count):
            pid, used = (held or {}).get(index, (0, 0))
            lines.append(f"gpu {uuid(index)} {48 * GIB} {used} {40 + index}")
            lines += [f"compute {pid} {used}"] if pid else []
        self.tell(*lines)
        return [uuid(index) for index in range(count)]


def uuid(index: int) -> str:
    return f"GPU-{index:08d}-0000-4000-8000-000000000000"


def fake_nvml(folder: Path, state: Path, patch: pytest.MonkeyPatch) -> FakeNvml:
    """Put the library in place of the real one, here and in all that is started from here.

    The loader knows a library by its name, so that one that is loaded already is the one that
    pynvml gets; processes to come find it on LD_LIBRARY_PATH. Without a state file it behaves as
    where there is no driver.
    """
    library = built(folder)
    ctypes.CDLL(str(library))
    path = os.environ.get("LD_LIBRARY_PATH")
    patch.setenv("LD_LIBRARY_PATH", f"{library.parent}:{path}" if path else str(library.parent))
    patch.setenv("GLADIUS_FAKE_NVML", str(state))
    patch.delenv(gpus.VISIBLE_VARIABLE, raising=False)
    patch.setattr(gpus, "_watch", gpus.GpuWatch())
    return FakeNvml(state)
