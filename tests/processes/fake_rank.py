"""A rank that `fake_accelerate` starts: it keeps to the run directory's contract, trains nothing.

`model.name` in the config says how it behaves: train (until told), complete, fail, flaky (fails
twice, then completes), stubborn (ignores SIGTERM), loading (never comes to its first step).
"""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import Command, JobStatus, Stage
from gladius_widgets.store.run import requests
from gladius_widgets.training.output import process

ENDS = (JobStatus.COMPLETED, JobStatus.STOPPED, JobStatus.PAUSED)
HELD = {Command.PAUSE: JobStatus.PAUSED, Command.RESUME: JobStatus.TRAINING}


def be_rank(arguments: list[str]) -> int:
    run = RunDirectory(Path(arguments[arguments.index("--run") + 1]))
    attempt = int(arguments[arguments.index("--attempt") + 1])
    mode = re.search(r"^  name: (\w+)$", run.config.read_text(), re.MULTILINE)[1]
    index = process.rank()
    process.die_with_parent()
    told = {"end": False}
    signal.signal(
        signal.SIGTERM,
        signal.SIG_IGN if mode == "stubborn" else lambda *_: told.update(end=True),
    )
    process.record_identity(run.attempt(attempt), index)
    print(f"rank {index} begins", flush=True)  # noqa: T201  # stdout is the log
    if index == 0:
        (run.root / "environment.json").write_text(json.dumps(dict(os.environ)))
    return train(run, attempt, index, mode, told)


def train(run: RunDirectory, attempt: int, index: int, mode: str, told: dict[str, bool]) -> int:
    status = read_status(run) or RunStatus()
    status.state, status.stage, status.attempt = JobStatus.TRAINING, Stage.TRAINING, attempt
    status.total_steps, status.training_started_at = 1000, time.time()
    if mode == "loading":
        status.state, status.stage = JobStatus.PROVISIONING, Stage.MODEL_LOADING
        status.training_started_at = None
    while mode == "loading" and not told["end"]:
        status.heartbeat = status.progressed_at = time.time()
        status.write(run)
        time.sleep(0.05)
    while not told["end"]:
        status.step += status.state != JobStatus.PAUSED
        status.heartbeat = status.progressed_at = time.time()
        if mode == "fail" or (mode == "flaky" and attempt < 3):
            raise SystemExit(fail(run, attempt, index))
        is_done = (run.root / "is-done").exists()
        if is_done or (mode in ("complete", "flaky") and status.step % 5 == 0):
            status.state = JobStatus.COMPLETED
        if index == 0:
            obey(run, status)
            status.write(run)
        is_held = (run.root / "obeys-pause").exists()
        if status.state in ENDS and not (is_held and status.state == JobStatus.PAUSED):
            return 0
        time.sleep(0.05)
    return 143


def obey(run: RunDirectory, status: RunStatus) -> None:
    for request in requests.pending(run, set()):
        if request.command == Command.STOP:
            status.state = JobStatus.STOPPED
            requests.acknowledge(run, request, "applied", step=status.step)
        elif request.command == Command.SET:
            requests.acknowledge(run, request, "applied", step=status.step, new=request.args)
        elif request.command in HELD and run.root.joinpath("obeys-pause").exists():
            status.state = HELD[request.command]
            requests.acknowledge(run, request, "applied", step=status.step)
        if request.command == Command.PAUSE and request.args.get("release"):
            status.state = JobStatus.PAUSED  # the runner answers, once the machine is free


def fail(run: RunDirectory, attempt: int, index: int) -> int:
    record = {"type": "ValueError", "message": "the data are upside down", "step": 1}
    run.attempt(attempt).fail(index).write_text(json.dumps(record))
    return 1


if __name__ == "__main__":
    sys.exit(be_rank(sys.argv[1:]))
