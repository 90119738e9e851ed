"""Helpers that tests import: waiting, notebooks, and processes by the folder they work on."""

import errno
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil

REPOSITORY = Path(__file__).resolve().parents[1]


def wait_until(condition: Callable[[], Any], timeout_s: float = 60, what: str = "") -> Any:
    """Poll until the condition holds, and return its value."""
    deadline = time.monotonic() + timeout_s
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {what or condition}")
        time.sleep(0.05)


def processes_on(root: Path) -> list[psutil.Process]:
    """The live processes, ourselves apart, that name the folder on their command line or in their
    environment."""
    found, needle = [], str(root)
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            environment = process.environ()
            environment.pop("PYTEST_CURRENT_TEST", None)
            if needle in command_line(process) or any(
                needle in value for value in environment.values()
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def end_processes_on(root: Path, timeout_s: float = 10) -> None:
    """SIGKILL them, again and again until the scan finds none."""
    deadline = time.monotonic() + timeout_s
    while alive := processes_on(root):
        assert time.monotonic() < deadline, f"cannot be killed: {alive}"
        for process in alive:
            process.kill()
        time.sleep(0.02)  # the scan leaves zombies out; psutil.wait_procs would wait for them


def command_line(process: psutil.Process) -> str:
    """The process's command line; empty when it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def write_notebooks(folder: Path, cells: dict[str, str]) -> None:
    """One notebook of one cell for each name."""
    for name, source in cells.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        notebook.metadata.kernelspec = {
            "name": "python3",
            "language": "python",
            "display_name": "Python 3",
        }
        notebook.metadata.title = f"{name} title"
        nbformat.write(notebook, folder / f"{name}.ipynb")


def benchmarks_on_little(names: list[str]) -> dict[str, list[str]]:
    """Run `python -m benchmarks --quick` on these; the lines that each has printed."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", *names],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    parts = re.split(r"^== (\w+) ==$", done.stdout, flags=re.MULTILINE)
    told = (part.strip().splitlines() for part in parts[2::2])
    return dict(zip(parts[1::2], told, strict=True))


@dataclass
class Disk:
    """A mounted file system of a test's own."""

    path: Path

    def fill(self) -> None:
        """Leave no byte."""
        with (self.path / "filler").open("ab", buffering=0) as file:
            for size in (1024**2, 4096, 1):
                with suppress_full():
                    while True:
                        file.write(bytes(size))

    def free(self) -> None:
        """Take back what `fill` took."""
        (self.path / "filler").unlink()

    def remount(self, options: str) -> None:
        """Mount it anew with these options, such as `ro`."""
        subprocess.run(["mount", "-o", f"remount,{options}", self.path], check=True)


@contextmanager
def suppress_full() -> Iterator[None]:
    """Whatever is in it goes on until the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@contextmanager
def small_disk(megabytes: int) -> Iterator[Disk]:
    """A file system in memory of that size. It takes root, or it fails."""
    with tempfile.TemporaryDirectory(prefix="gladius-disk-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        options = f"size={megabytes}m,mode=755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "gladius-test", path], check=True)
        try:
            yield Disk(path)
        finally:
            with suppress(Exception):
                end_processes_on(path)
            subprocess.run(["umount", "--lazy", path], check=True)
