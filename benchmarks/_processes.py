"""The processes below another one, and what they have used; any of them may end meanwhile."""

import psutil


def processes(parent: int, word: str) -> list[psutil.Process]:
    """The live descendants of a process that have this word in their command line."""
    return [p for p in psutil.Process(parent).children(recursive=True) if word in words(p)]


def words(process: psutil.Process) -> str:
    """A process's command line; empty once it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def cpu_s(process: psutil.Process) -> float:
    """Seconds of a core that a process has used; none once it has ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system
