"""How a run ended, and why: from the launcher's exit, what ranks left behind, and the log."""

import re
import signal
from dataclasses import dataclass
from pathlib import Path

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.paths import AttemptDirectory
from gladius_widgets.core.run_state import RunError, RunStatus
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.runner.shutdown import Reason

_LOG_TAIL_BYTES = 64 * 1024
# Python's subprocess module and torch's launcher say in their last lines how a rank died; the
# launcher's own exit code is 1 for every failure.
_DIED_WITH = re.compile(r"died with <Signals\.(SIG\w+): \d+>")
_EXIT_CODE = re.compile(r"exitcode\s*:\s*-(\d+)\b")
_CONSEQUENCES = ("PeerLost", "SIGTERM")
# A trainer that says so has ended in good order; `paused` is a pause that frees the machine.
_GOOD_ENDS = (JobStatus.COMPLETED, JobStatus.STOPPED, JobStatus.PAUSED)


@dataclass(frozen=True)
class Ending:
    """What goes into the exit record."""

    status: JobStatus
    returncode: int | None = None
    signal: str | None = None
    error: RunError | None = None


@dataclass(frozen=True)
class Evidence:
    """What is known when no process of the attempt is left.

    Attributes:
        attempt: its directory.
        returncode: the launcher's; negative for a signal.
        snapshot: the trainer's last status.json, None when it never wrote one.
        reason: why the runner ended processes, if it did.
        log: train.log.
        log_start: where this attempt's part of it begins.
        out_of_memory_kills: how many processes the kernel killed for memory in the meantime.
        cap_command: what the budget guard had asked for when it ended them, pause or stop.
    """

    attempt: AttemptDirectory
    returncode: int
    snapshot: RunStatus | None
    reason: Reason
    log: Path
    log_start: int
    out_of_memory_kills: int = 0
    cap_command: Command | None = None


def judge(evidence: Evidence) -> Ending:
    """The final status. A cancel holds unless the run was complete before it came."""
    said = evidence.snapshot.state if evidence.snapshot else JobStatus.PROVISIONING
    code = evidence.returncode
    if code == 0 and said == JobStatus.COMPLETED:
        return Ending(said, code)
    if evidence.reason == Reason.CANCEL:
        return Ending(JobStatus.CANCELLED, code, _signal_name(code))
    if evidence.reason == Reason.CAP and said not in _GOOD_ENDS:
        is_pause = evidence.cap_command == Command.PAUSE
        return Ending(JobStatus.PAUSED if is_pause else JobStatus.STOPPED, code)
    if said in _GOOD_ENDS and (code == 0 or evidence.reason in (Reason.CAP, Reason.INTERRUPTED)):
        return Ending(said, code)
    own_doing = evidence.reason in (Reason.RANK_DIED, Reason.HANG)
    died_of = None if own_doing else _signal_name(code)
    died_of = died_of or _signal_in_log(_tail(evidence.log, evidence.log_start))
    if died_of is None and evidence.reason == Reason.RANK_DIED:
        died_of = "SIGKILL"  # any other signal leaves a record or a word in the log
    return Ending(JobStatus.FAILED, code, died_of, _error(evidence, died_of))


def _error(evidence: Evidence, died_of: str | None) -> RunError:
    own, consequence = failures(evidence.attempt)
    snapshot, code = evidence.snapshot, evidence.returncode
    said = snapshot.error if snapshot is not None and snapshot.state == JobStatus.FAILED else None
    if own is not None:
        return own
    if evidence.reason == Reason.HANG:
        return RunError(type="hang", message="The run made no progress and was ended.")
    if code < 0 and evidence.reason in (Reason.NONE, Reason.LEFT_BEHIND):
        name = died_of or "a signal"
        return RunError(type=name, message=f"The launcher was killed from outside by {name}.")
    if died_of is not None:
        return RunError(type=died_of, message=_killed_message(died_of, evidence))
    if consequence is not None or said is not None:
        return consequence or said or RunError()
    if evidence.reason == Reason.INTERRUPTED:
        return RunError(type="SIGTERM", message="The runner was asked to end (machine going down).")
    if code == 0:
        return RunError(type="exit", message="The trainer ended without saying that it was done.")
    last = _last_line(_tail(evidence.log, evidence.log_start))
    return RunError(
        type="exit", message=f"The launcher ended with code {code}; the log's last line: {last}"
    )


def failures(attempt: AttemptDirectory) -> tuple[RunError | None, RunError | None]:
    """What ranks said as they died: the first error of their own, and the first consequence.

    A rank whose peer or launcher died says PeerLost or SIGTERM; that is no cause.
    """
    records: list[tuple[float, RunError]] = []
    for path in attempt.ranks.glob("fail-*.json"):
        record = read_json(path)
        if isinstance(record, dict) and "message" in record:
            error = RunError(type=str(record.get("type", "error")), message=str(record["message"]))
            records.append((path.stat().st_mtime, error))
    records.sort(key=lambda item: item[0])
    own = [error for _, error in records if error.type not in _CONSEQUENCES]
    rest = [error for _, error in records if error.type in _CONSEQUENCES]
    return (own[0] if own else None), (rest[0] if rest else None)


def _killed_message(name: str, evidence: Evidence) -> str:
    if name == "SIGKILL":
        if evidence.out_of_memory_kills:
            return "A training process was killed by SIGKILL: the machine ran out of memory."
        return "A training process was killed by SIGKILL (by the out-of-memory killer, or by hand)."
    return f"A training process was killed by {name}."


def _signal_name(returncode: int) -> str | None:
    """SIGKILL for -9, None for an ordinary exit."""
    if returncode >= 0:
        return None
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"


def _signal_in_log(text: str) -> str | None:
    """The signal that the launcher says the first dead rank died of."""
    named = _DIED_WITH.findall(text)
    if named:
        return named[-1]
    root_cause = text.rpartition("Root Cause")[2]
    numbers = _EXIT_CODE.findall(root_cause)
    return _signal_name(-int(numbers[0])) if numbers else None


def _tail(log: Path, start: int) -> str:
    try:
        with log.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(start, end - _LOG_TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "(empty)"


def out_of_memory_kills() -> int:
    """Processes that the kernel has killed for memory, in this container or machine."""
    total = 0
    for path in ("/sys/fs/cgroup/memory.events", "/proc/vmstat"):
        try:
            lines = Path(path).read_text().splitlines()
        except OSError:
            continue
        total = max(total, *(int(v) for k, v in map(str.split, lines) if k == "oom_kill"), 0)
    return total
