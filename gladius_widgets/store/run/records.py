"""What the files of a run directory say about its life: the truth that the registry indexes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.money.cost import BillableSpan
from gladius_widgets.core.paths import AttemptDirectory, RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.run.requests import open_cancel

# A runner needs under a second to say that it is there; a busy machine may take some more.
BIRTH_GRACE_S = 10.0
_END_OF_TIME = 253_402_300_800.0  # the year 10000


@dataclass(frozen=True)
class Observation:
    """One look at a run directory.

    `released` tells that the attempt is over and its machine free; `unborn` that a slot was
    given out and no runner has reported yet; `started_at` is the runner's own word.
    """

    status: JobStatus
    released: bool
    error: dict[str, Any] | None = None
    ended_at: float | None = None
    snapshot: RunStatus | None = None
    unborn: bool = False
    started_at: float | None = None


@dataclass(frozen=True)
class AttemptProcesses:
    """The recorded processes of an attempt; None where none is recorded."""

    runner: ProcessIdentity | None
    launcher: ProcessIdentity | None
    ranks: list[ProcessIdentity]

    def any_alive(self) -> bool:
        """Whether at least one of them still runs."""
        return any(
            one is not None and one.alive() for one in (self.runner, self.launcher, *self.ranks)
        )

    def pids(self) -> dict[str, Any]:
        """Pids of those that still run, as `gladius show --json` prints them."""
        return {
            "runner": _live_pid(self.runner),
            "launcher": _live_pid(self.launcher),
            "ranks": [rank.pid for rank in self.ranks if rank.alive()],
        }


def read_processes(attempt: AttemptDirectory) -> AttemptProcesses:
    """Who works on this attempt, by its proc.json and rank files."""
    proc = read_proc(attempt) or {}
    ranks = [
        ProcessIdentity.from_dict(_identity_part(read_json(path)))
        for path in sorted(attempt.ranks.glob("rank-*.json"), key=_rank_index)
    ]
    return AttemptProcesses(
        ProcessIdentity.from_dict(proc.get("runner")),
        ProcessIdentity.from_dict(proc.get("launcher")),
        [rank for rank in ranks if rank is not None],
    )


def read_proc(attempt: AttemptDirectory) -> dict[str, Any] | None:
    """What the runner recorded as it began, or None when it is missing or damaged."""
    proc = read_json(attempt.proc)
    return proc if isinstance(proc, dict) else None


def read_exit(attempt: AttemptDirectory) -> dict[str, Any] | None:
    """The attempt's exit record, or None when it is missing or names no known status."""
    record = read_json(attempt.exit)
    if not isinstance(record, dict) or record.get("status") not in list(JobStatus):
        return None
    known = {"ended_at": _moment(record.get("ended_at")), "error": _error(record.get("error"))}
    return record | known


def observe(run: RunDirectory, number: int, alive: bool | None = None) -> Observation:
    """What is true of attempt `number`, once it has been given a slot.

    An exit record outranks everything; a live process makes the snapshot true; neither means
    `lost`.

    Args:
        run: the run directory.
        number: the attempt.
        alive: what an engine knows; None looks for the recorded processes on this machine.
    """
    attempt = run.attempt(number)
    snapshot = read_status(run)
    if snapshot is not None and snapshot.attempt != number:
        snapshot = None
    record = read_exit(attempt)
    if record is not None:
        status = JobStatus(record["status"])
        return Observation(status, True, record.get("error"), record.get("ended_at"), snapshot)
    proc = read_proc(attempt)
    if proc is None:
        return Observation(JobStatus.PROVISIONING, False, snapshot=snapshot, unborn=True)
    if not (read_processes(attempt).any_alive() if alive is None else alive):
        # The runner writes the exit record last: it may have come between our two looks.
        if read_exit(attempt) is not None:
            return observe(run, number)
        return Observation(
            JobStatus.LOST, True, _lost_error(), snapshot.heartbeat if snapshot else None, snapshot
        )
    started_at = _moment(proc.get("started_at"))
    status = _live_status(run, snapshot)
    waits = status == JobStatus.PAUSED and snapshot is not None and snapshot.error is not None
    error = snapshot.error.model_dump() if waits and snapshot and snapshot.error else None
    return Observation(status, False, error, snapshot=snapshot, started_at=started_at)


def billable_spans(run: RunDirectory) -> list[BillableSpan]:
    """When the attempts held a machine: from their start until their exit record.

    An attempt that was lost is billed until its last sign of life.
    """
    return [span for _, span in numbered_spans(run)]


def numbered_spans(run: RunDirectory) -> list[tuple[int, BillableSpan]]:
    """As `billable_spans`, each with its attempt's number."""
    spans: list[tuple[int, BillableSpan]] = []
    for number in run.attempt_numbers():
        attempt = run.attempt(number)
        started_at = _moment((read_proc(attempt) or {}).get("started_at"))
        if started_at is None:
            continue
        record = read_exit(attempt)
        ended_at = record.get("ended_at") if record else None
        if ended_at is None and not read_processes(attempt).any_alive():
            ended_at = _last_sign(run, number) or started_at
        spans.append((number, BillableSpan(started_at, ended_at)))
    return spans


def ran_s(spans: Iterable[BillableSpan]) -> float:
    """Seconds on a machine in those that are over."""
    return sum(span.duration_s(span.ended_at) for span in spans if span.ended_at is not None)


def _live_status(run: RunDirectory, snapshot: RunStatus | None) -> JobStatus:
    if open_cancel(run) is not None:
        return JobStatus.CANCELLING
    if snapshot is None or snapshot.state == JobStatus.QUEUED:
        return JobStatus.PROVISIONING
    # The trainer has said its last word and the runner is still clearing up.
    if snapshot.state == JobStatus.STOPPED:
        return JobStatus.STOPPING
    if snapshot.state.is_final:
        return JobStatus.TRAINING if snapshot.training_started_at else JobStatus.PROVISIONING
    return snapshot.state


def _lost_error() -> dict[str, str]:
    return {
        "type": "lost",
        "message": "Its process is gone and left no exit record; it can be resumed.",
    }


def keep_last_sign(run: RunDirectory, number: int) -> None:
    """Before status.json goes to a new attempt: note until when a lost one is billed."""
    attempt, sign = run.attempt(number), _last_sign(run, number)
    if sign is not None and read_exit(attempt) is None and attempt.root.is_dir():
        write_json(attempt.last_sign, {"time": sign})


def _last_sign(run: RunDirectory, number: int) -> float | None:
    snapshot = read_status(run)
    if snapshot is not None and snapshot.attempt == number and snapshot.heartbeat:
        return snapshot.heartbeat
    kept = read_json(run.attempt(number).last_sign)
    return _moment(kept.get("time")) if isinstance(kept, dict) else None


def _moment(value: Any) -> float | None:
    """A time (unix s) that a calendar can show, or None."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < _END_OF_TIME else None


def _error(value: Any) -> dict[str, Any] | None:
    """Why it ended badly, as `RunError` has it, or None."""
    if not isinstance(value, dict):
        return None
    return {"type": str(value.get("type", "error")), "message": str(value.get("message", ""))}


def _identity_part(value: Any) -> Any:
    """Rank files hold an identity, at the top or under `process`."""
    return value.get("process", value) if isinstance(value, dict) else None


def _rank_index(path: Any) -> int:
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


def _live_pid(identity: ProcessIdentity | None) -> int | None:
    return identity.pid if identity is not None and identity.alive() else None
