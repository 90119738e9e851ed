"""Commands to a running job, and its answers: files, so that nobody has to be listening.

A request is a file that appears whole (`req/<seq>-<id>.json`); the answer is `ack/<id>.json`.
Both stay: together they are the ledger of who asked for what, when, and what came of it.
"""

import contextlib
import errno
import fcntl
import hashlib
import math
import os
import re
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.errors import GladiusError, HomeError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Command
from gladius_widgets.core.text.suggest import did_you_mean

MAX_REQUEST_BYTES = 64 * 1024
_NAME = re.compile(r"(\d{1,15})-([0-9a-f]{32})\.json")
_LOCK_WAIT_S = 1.0
_POLL_S = 0.005

Outcome = Literal["applied", "rejected"]


class Request(BaseModel):
    """One command as it was asked for. `requested_at` is in unix s."""

    model_config = ConfigDict(frozen=True)

    id: str
    seq: int
    command: Command
    args: dict[str, Any] = Field(default_factory=dict)
    requested_by: str = ""
    requested_at: float


class Ack(BaseModel):
    """What came of a request. `step` is the optimizer step it took effect at."""

    model_config = ConfigDict(frozen=True)

    id: str
    command: str
    outcome: Outcome
    step: int | None = None
    old: Any = None
    new: Any = None
    reason: str | None = None
    requested_at: float | None = None
    acked_at: float
    latency_s: float | None = None


def request(
    run: RunDirectory,
    command: Command,
    args: dict[str, Any] | None = None,
    requested_by: str = "",
) -> Request:
    """Ask the job to do something. The request is on the disk when this returns.

    On a full disk it is written in the room that a running job keeps for that (`core.reserve`).

    Raises:
        GladiusError: too large, not JSON, or the run cannot be written to.
    """
    if command not in set(Command):
        raise GladiusError(f"There is no command '{command}'.", did_you_mean(command, Command))
    made = Request(
        id=uuid.uuid4().hex,
        seq=0,
        command=Command(command),
        args=args or {},
        requested_by=requested_by,
        requested_at=time.time(),
    )
    try:
        size = len(orjson.dumps(made.model_dump(mode="json")))
    except (TypeError, ValueError) as error:
        raise GladiusError(f"The arguments of '{command}' are not plain values: {error}.") from None
    if size > MAX_REQUEST_BYTES:
        raise GladiusError(
            f"The arguments of '{command}' take {size} bytes; {MAX_REQUEST_BYTES} is the most."
        )
    try:
        run.make(run.requests)
        with _turn(run.requests):
            seq = max((seq for seq, _, _ in _listing(run)), default=0) + 1
            made = made.model_copy(update={"seq": seq})
            path = run.requests / f"{seq:08d}-{made.id}.json"
            write_json(path, made.model_dump(mode="json"), reserve=run.reserve)
    except OSError as error:
        raise HomeError(
            f"The command could not be written to {run.requests}: {error.strerror or error}.",
            "Check the disk's space and your permissions.",
        ) from None
    return made


def pending(run: RunDirectory, handled: set[str]) -> list[Request]:
    """Requests that nobody has answered and that are not in `handled`, by seq.

    What cannot be a request (torn, too large, unknown command …) is answered with a rejection
    at once, and its id is added to `handled`.
    """
    waiting = []
    answered = _answered_ids(run)
    for seq, request_id, path in _listing(run):
        if request_id in handled or request_id in answered:
            continue
        parsed = _parse(path, seq, request_id)
        if isinstance(parsed, Request):
            waiting.append(parsed)
        elif parsed is not None:
            with contextlib.suppress(OSError):  # a full disk, say: the next look tries again
                _write_ack(run, parsed)
                handled.add(request_id)
    return waiting


def requests(run: RunDirectory) -> list[Request]:
    """Every request that was ever made, answered or not, by seq."""
    parsed = (_parse(path, seq, request_id) for seq, request_id, path in _listing(run))
    return [one for one in parsed if isinstance(one, Request)]


def _answered_ids(run: RunDirectory) -> set[str]:
    return {path.stem for path in run.acks.glob("*.json")}


def open_cancel(run: RunDirectory, since: float = 0.0) -> Request | None:
    """The first request to cancel that has no answer and is not older (unix s). Writes nothing."""
    listed = _listing(run)
    answered = _answered_ids(run) if listed else set()
    for seq, request_id, path in listed:
        if request_id not in answered:
            asked = _parse(path, seq, request_id)
            if not isinstance(asked, Request) or asked.command != Command.CANCEL:
                continue
            if asked.requested_at >= since:
                return asked
    return None


def cancel_applied(run: RunDirectory) -> Ack | None:
    """The answer that cancelled the job; nothing comes after it."""
    return next((a for a in acks(run) if (a.command, a.outcome) == ("cancel", "applied")), None)


def acknowledge(
    run: RunDirectory,
    request: Request,
    outcome: Outcome,
    *,
    step: int | None,
    old: Any = None,
    new: Any = None,
    reason: str | None = None,
) -> Ack:
    """Answer a request, after its effect. Answering again replaces the answer.

    Not fsynced: the effect itself lives in memory until the next checkpoint, so an answer need
    not outlive it, and the training loop need not wait for the disk.

    Raises:
        OSError: the answer could not be written.
    """
    now = time.time()
    answer = Ack(
        id=request.id,
        command=request.command,
        outcome=outcome,
        step=step,
        old=old,
        new=new,
        reason=reason,
        requested_at=request.requested_at,
        acked_at=now,
        latency_s=max(0.0, now - request.requested_at),
    )
    _write_ack(run, answer)
    return answer


def ack(run: RunDirectory, request_id: str) -> Ack | None:
    """The answer to a request, or None while there is none."""
    return _read_ack(run.acks / f"{request_id}.json")


def acks(run: RunDirectory) -> list[Ack]:
    """All answers, by time."""
    try:
        paths = [path for path in run.acks.iterdir() if path.suffix == ".json"]
    except OSError:
        return []
    found = (_read_ack(path) for path in paths)
    return sorted((a for a in found if a is not None), key=lambda a: a.acked_at)


def wait_ack(run: RunDirectory, request_id: str, timeout_s: float) -> Ack | None:
    """Wait for the answer to a request; None when it does not come in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = ack(run, request_id)
        left = deadline - time.monotonic()
        if found is not None or left <= 0:
            return found
        time.sleep(min(_POLL_S, left))


def ledger(run: RunDirectory) -> list[dict[str, Any]]:
    """Every request with its answer, by seq; `outcome` is pending while there is none."""
    answers = {a.id: a for a in acks(run)}
    entries = []
    for seq, request_id, path in _listing(run):
        parsed = _parse(path, seq, request_id)
        if parsed is None:
            continue
        asked = parsed.model_dump(mode="json") if isinstance(parsed, Request) else {}
        answer = answers.get(request_id) or (None if asked else parsed)
        entry = dict.fromkeys((*Request.model_fields, *Ack.model_fields))
        entry |= asked | {"outcome": "pending"}
        if isinstance(answer, Ack):
            known = {k: v for k, v in answer.model_dump(mode="json").items() if v is not None}
            entry |= known
        entries.append(entry | {"id": request_id, "seq": seq})
    return entries


def _listing(run: RunDirectory) -> list[tuple[int, str, Path]]:
    """(seq, id, file) of everything in the requests folder, in order."""
    try:
        paths = [path for path in run.requests.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []
    found = []
    for path in paths:
        if match := _NAME.fullmatch(path.name):
            found.append((int(match[1]), match[2], path))
        else:  # not our name: it gets an id of its own, to be rejected by
            name = os.fsencode(path.name)
            found.append((0, hashlib.sha256(name).hexdigest()[:32], path))
    return sorted(found, key=lambda item: item[:2])


def _parse(path: Path, seq: int, request_id: str) -> Request | Ack | None:
    """The request in a file, or its rejection, or None when the file is gone."""
    try:
        return _check(_read_capped(path), path.name, seq, request_id)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"'{'.'.join(map(str, first['loc']))}': {first['msg']}"
    except orjson.JSONDecodeError:
        reason = "the request is not JSON"
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        reason = "the request is a link, not a file" if is_link else f"{error.strerror or error}"
    except ValueError as error:
        reason = str(error)
    return Ack(id=request_id, command="", outcome="rejected", reason=reason, acked_at=time.time())


def _check(data: bytes, name: str, seq: int, request_id: str) -> Request:
    """The request in a file's bytes.

    Raises:
        ValueError: what is wrong with it (also as pydantic's and orjson's subclasses).
    """
    value = orjson.loads(data)
    if not isinstance(value, dict) or value.get("id") != request_id or not _NAME.fullmatch(name):
        raise ValueError("the request's id is not that of its file name")
    command = str(value.get("command"))
    if command not in set(Command):
        raise ValueError(
            f"there is no command '{command[:40]}'. {did_you_mean(command[:40], Command)}"
        )
    parsed = Request.model_validate(value | {"seq": seq})
    if not math.isfinite(parsed.requested_at):
        raise ValueError("the request's time is not a number")
    return parsed


def _read_capped(path: Path) -> bytes:
    """A regular file's bytes; a fifo or device planted here must not block the training loop."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("the request is not a file")
        data = os.read(descriptor, MAX_REQUEST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_REQUEST_BYTES:
        raise ValueError(f"the request is larger than {MAX_REQUEST_BYTES} bytes")
    return data


def _write_ack(run: RunDirectory, answer: Ack) -> None:
    run.make(run.acks)
    path = run.acks / f"{answer.id}.json"
    write_json(path, answer.model_dump(mode="json"), durable=False, reserve=run.reserve)


def _read_ack(path: Path) -> Ack | None:
    try:
        return Ack.model_validate(read_json(path))
    except ValidationError:
        return None


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """One client at a time takes a number. Waits a second at most: ids differ in any case."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    deadline = time.monotonic() + _LOCK_WAIT_S
    try:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_POLL_S)
            except OSError:
                break  # a file system without locks
        yield
    finally:
        os.close(descriptor)
