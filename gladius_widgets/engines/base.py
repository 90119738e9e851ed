"""What every engine can do. The contract tests in tests/contract hold for all of them."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Protocol

from gladius_widgets.core.paths import AttemptDirectory, RunDirectory


class EngineState(StrEnum):
    """What the engine knows of an attempt. The exit record, where there is one, outranks it."""

    PENDING = "pending"  # accepted; no runner has reported yet
    RUNNING = "running"  # its runner lives
    ORPHANED = "orphaned"  # its runner is gone, some of its processes are not
    GONE = "gone"


class Engine(Protocol):
    """Starts runners, asks after all of them at once, and ends what is left of one.

    None of the calls waits for a run; each may be called by a supervisor that did not start it.
    """

    name: str

    def submit(self, run: RunDirectory, attempt: int, gpu_uuids: Sequence[str] = ()) -> None:
        """Start the runner of an attempt. A second call for the same attempt starts no second one.

        Args:
            run: the run directory.
            attempt: the attempt's number.
            gpu_uuids: the GPUs of this machine that it may see, and no other; an engine that
                places its jobs itself is given none.

        Raises:
            GladiusError: it cannot be started here.
        """
        ...

    def poll(self, attempts: Iterable[AttemptDirectory]) -> dict[AttemptDirectory, EngineState]:
        """The state of every attempt given, in one look."""
        ...

    def kill(self, attempt: AttemptDirectory) -> None:
        """End every process of the attempt and return when none is left."""
        ...
