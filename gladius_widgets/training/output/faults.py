"""What went wrong, told so that the runner and the user can use it."""

import gc
import sys
import traceback
from typing import Any

from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import AttemptDirectory

_OUT_OF_MEMORY = (
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
)
_PEER = ("Connection closed by peer", "Connection reset by peer", "NCCL", "Gloo", "gloo")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means too little memory, on a GPU or on the host."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return any(text.lower() in str(error).lower() for text in _OUT_OF_MEMORY)


def out_of_memory_message(error: BaseException) -> str:
    """What the allocator said, in one line; raises anything that is not its error again."""
    if not is_out_of_memory(error):
        raise error
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def free_memory() -> None:
    """Give back what is no longer referred to, to the device too."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


class InterruptedBySignalError(Exception):
    """SIGTERM came (a spot machine is taken away, say); a checkpoint was saved."""


def record_failure(attempt: AttemptDirectory, index: int, step: int, error: BaseException) -> None:
    """Write `fail-<i>.json`. Its absence beside a dead process means: killed from outside.

    `type` is a class name, or OutOfMemory, SIGTERM, or PeerLost when this rank only noticed
    that another one died; the other's record is the cause then.
    """
    attempt.ranks.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {
        "type": _type_of(error),
        "message": _sentence(error),
        "traceback": "".join(traceback.format_exception(error)),
        "step": step,
    }
    write_json(attempt.fail(index), record)


def _type_of(error: BaseException) -> str:
    if isinstance(error, InterruptedBySignalError):
        return "SIGTERM"
    if is_out_of_memory(error):
        return "OutOfMemory"
    name = type(error).__name__
    if name.startswith("Dist") or any(text in str(error) for text in _PEER):
        return "PeerLost"
    return name


def _sentence(error: BaseException) -> str:
    if isinstance(error, GladiusError):
        return str(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
