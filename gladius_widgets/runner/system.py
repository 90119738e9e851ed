"""Samples of GPU and host, once a second, into the system table."""

import shutil
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil

from gladius_widgets.core.machine.host import CpuMeter, host_memory
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.runner.gpu import GpuReader
from gladius_widgets.store.metrics import MetricWriter
from gladius_widgets.store.metrics.schemas import SYSTEM

SAMPLE_S = 1.0


class SystemSampler(threading.Thread):
    """A thread, so that a driver that hangs holds up neither cancel nor the exit record.

    Args:
        run: whose system table.
        attempt: goes into each row.
        processes: the training processes now, for their memory.
        step: the step now, None before training.
        on_sample: called with each row.
        on_problem: called once, with a sentence, when samples cannot be written.
    """

    def __init__(
        self,
        run: RunDirectory,
        attempt: int,
        *,
        processes: Callable[[], list[psutil.Process]],
        step: Callable[[], int | None],
        on_problem: Callable[[str], None],
        on_sample: Callable[[dict[str, Any]], object] = lambda _row: None,
    ) -> None:
        super().__init__(name="system-sampler", daemon=True)
        self._run, self._attempt = run, attempt
        self._processes, self._step, self._on_problem = processes, step, on_problem
        self._on_sample = on_sample
        self._ended = threading.Event()

    def run(self) -> None:
        """Sample until `close`."""
        try:
            gpus, cpu = GpuReader(), CpuMeter()
            with MetricWriter(self._run.table("system"), SYSTEM, self._attempt) as writer:
                while not self._ended.wait(SAMPLE_S):
                    row = self._sample(gpus, cpu)
                    writer.append(row)
                    self._on_sample(row)
        except OSError as error:
            self._on_problem(f"System samples cannot be written: {error.strerror or error}.")

    def close(self, timeout_s: float = 3.0) -> None:
        """End the thread and close its segment; waits no longer than `timeout_s`."""
        self._ended.set()
        self.join(timeout_s)

    def _sample(self, gpus: GpuReader, cpu: CpuMeter) -> dict[str, Any]:
        memory = host_memory()
        return {
            "time": time.time(),
            "attempt": self._attempt,
            "step": self._step(),
            **gpus.read(),
            "cpu_percent": cpu.percent(),
            "ram_used_bytes": memory.ram_used_bytes,
            "ram_total_bytes": memory.ram_total_bytes,
            "swap_used_bytes": memory.swap_used_bytes,
            "swap_total_bytes": memory.swap_total_bytes,
            "process_rss_bytes": sum(_rss_bytes(process) for process in self._processes()),
            "disk_free_bytes": shutil.disk_usage(self._run.root).free,
        }


def _rss_bytes(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0
