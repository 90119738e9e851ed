"""Runs on this machine: one detached runner process an attempt."""

import os
from collections.abc import Iterable, Sequence

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.machine.gpus import VISIBLE_VARIABLE
from gladius_widgets.core.machine.processes import MARK, kill_all, mark_of
from gladius_widgets.core.paths import AttemptDirectory, Home, RunDirectory
from gladius_widgets.engines.base import EngineState
from gladius_widgets.engines.detach import reap, spawn_detached
from gladius_widgets.store.run.records import read_processes


class LocalEngine:
    """The engine `local`."""

    name = "local"

    def __init__(self, home: Home) -> None:
        self._home = home

    def submit(self, run: RunDirectory, attempt: int, gpu_uuids: Sequence[str] = ()) -> None:
        """Start the runner; the runner itself sees to it that an attempt has only one.

        It and all that it starts see these GPUs only, by UUID, which an index of another program
        or order cannot be mistaken for.
        """
        directory = run.attempt(attempt)
        directory.ranks.mkdir(parents=True, exist_ok=True)
        spawn_detached(
            ["-m", "gladius_widgets.runner", "--run", str(run.root), "--attempt", str(attempt)],
            log=directory.runner_log,
            folder=run.root,
            environment={
                **os.environ,
                "GLADIUS_HOME": str(self._home.root),
                VISIBLE_VARIABLE: ",".join(gpu_uuids),
                MARK: mark_of(directory),
            },
        )

    def poll(self, attempts: Iterable[AttemptDirectory]) -> dict[AttemptDirectory, EngineState]:
        """By the recorded identities, so that any supervisor can adopt any run."""
        reap()
        return {attempt: _state(attempt) for attempt in attempts}

    def kill(self, attempt: AttemptDirectory) -> None:
        """SIGKILL, runner included."""
        kill_all(attempt)


def _state(attempt: AttemptDirectory) -> EngineState:
    if read_json(attempt.proc) is None:
        return EngineState.PENDING
    processes = read_processes(attempt)
    if processes.runner is not None and processes.runner.alive():
        return EngineState.RUNNING
    return EngineState.ORPHANED if processes.any_alive() else EngineState.GONE
