"""What is written on a disk that is really full: a file system in memory without a free byte."""

import re
from collections.abc import Iterator

import pyarrow as pa
import pytest
from support import Disk, small_disk, suppress_full

from gladius_widgets.core import reserve
from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.errors import HomeError
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import RunStatus, read_status
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.runner.room import Room
from gladius_widgets.store.metrics import MetricReader, MetricWriter
from gladius_widgets.store.run import requests
from gladius_widgets.store.run.events import MAX_WAITING, EventReader, append_event, append_waiting
from gladius_widgets.store.run.log import LogWriter

LOSS = pa.schema([("step", pa.int64()), ("attempt", pa.int32()), ("loss", pa.float64())])


@pytest.fixture
def disk() -> Iterator[Disk]:
    with small_disk(8) as disk:
        yield disk


@pytest.fixture
def run(disk) -> RunDirectory:
    """A run that has laid in its reserve."""
    run = Home(disk.path / "home").run("full-000001")
    run.create()
    RunStatus(state=JobStatus.TRAINING, step=1).write(run)
    reserve.lay_in(run.reserve, ballast=True)
    return run


def test_a_snapshot_is_replaced_as_often_as_one_likes(run, disk):
    disk.fill()
    for step in range(200):
        RunStatus(state=JobStatus.PAUSED, step=step).write(run)
        assert read_status(run).step == step
    assert not list(run.root.glob(".*.tmp"))


def test_commands_and_answers_get_through_until_the_reserve_is_used_up(run, disk):
    disk.fill()
    asked = requests.request(run, Command.PAUSE, {"release": False}, "ada")
    assert [request.id for request in requests.pending(run, set())] == [asked.id]
    requests.acknowledge(run, asked, "applied", step=7)
    assert requests.ledger(run)[0]["outcome"] == "applied"
    for _ in range(reserve.SLIPS - 2):
        requests.request(run, Command.CHECKPOINT)
    with pytest.raises(HomeError, match="No space left"):
        requests.request(run, Command.CHECKPOINT)
    assert len(requests.pending(run, {asked.id})) == reserve.SLIPS - 2
    disk.free()
    reserve.lay_in(run.reserve)
    disk.fill()
    requests.request(run, Command.STOP)


def test_a_run_without_a_reserve_says_that_there_is_no_space(run, disk):
    reserve.give_up(run.reserve)
    assert not run.reserve.exists()
    disk.fill()
    with pytest.raises(HomeError, match="No space left"):
        requests.request(run, Command.PAUSE)
    with pytest.raises(OSError, match="No space left"):
        write_json(run.summary_json, {"a": 1}, reserve=run.reserve)
    assert not list(run.root.rglob(".*.tmp"))


def test_what_is_larger_than_a_slip_is_refused_and_uses_none(run, disk):
    disk.fill()
    with pytest.raises(OSError, match="No space left"):
        write_json(run.summary_json, "x" * reserve.SLIP_BYTES, reserve=run.reserve)
    assert len(list(run.reserve.glob("slip-*"))) == reserve.SLIPS
    write_json(run.summary_json, "x" * 10_000, reserve=run.reserve)
    assert read_json(run.summary_json) == "x" * 10_000


def test_events_wait_for_room_in_their_order(run, disk):
    assert append_event(run, "status", "before", source="test")
    disk.fill()
    with run.events.open("ab", buffering=0) as file, suppress_full():  # the rest of its page
        while True:
            file.write(b" ")
    for number in range(MAX_WAITING + 5):
        append_event(run, "status", f"during {number}", source="test")
    assert not append_waiting(run)
    disk.free()
    assert append_event(run, "status", "after", source="test")
    assert append_waiting(run)
    reader = EventReader(run)
    told = [event.message for event in reader.poll()]
    assert (told[0], told[-1]) == ("before", "after")
    assert told[1:-1] == [f"during {number}" for number in range(6, MAX_WAITING + 5)]


def test_the_log_says_where_it_has_a_hole(run, disk):
    with run.log.open("ab", buffering=0) as file:
        log = LogWriter(file.fileno())
        log.line("before")
        disk.fill()
        for number in range(3120):
            log.line(f"during {number} {'x' * 50}")
        disk.free()
        log.line("after")
        log.line("and on")
    lines = run.log.read_text().splitlines()
    assert (lines[0], lines[-2:]) == ("before", ["after", "and on"])
    whole = [line for line in lines[1:-3] if line.endswith("x" * 50)]
    clock = r"\d\d:\d\d:\d\d"
    mark = re.fullmatch(
        rf"\[WARN\] … ([\d,]+) lines could not be written: the disk was full from {clock} to "
        rf"{clock} …",
        lines[-3],
    )
    assert mark
    assert int(mark[1].replace(",", "")) == 3120 - len(whole)


def test_the_last_rows_find_room_in_the_ballast(run, disk):
    writer = MetricWriter(
        run.table("train"), LOSS, 1, make_room=lambda: reserve.throw_ballast(run.reserve)
    )
    disk.fill()
    for step in range(2000):
        writer.append({"step": step, "loss": 1.0})
    writer.close()
    assert writer.dropped_rows == 0
    assert MetricReader(run.table("train")).read()["step"].to_pylist() == list(range(2000))


def test_the_runner_tells_of_a_full_disk_once_and_of_its_end(run, disk):
    said: list[str] = []
    room = Room(run, lambda _kind, message, _payload: said.append(message))
    room.check()
    disk.fill()
    for path in run.reserve.glob("slip-*"):
        path.unlink()
    disk.fill()
    room.check()
    room.check()
    run.log.touch()
    assert [message.partition(":")[0] for message in said] == ["The disk is full"]
    disk.free()
    room.mark_log()
    assert "lines may be missing here: the disk was full from" in run.log.read_text()
    room.check()
    room.check()
    assert len(said) == 2
    assert said[1].startswith("The disk was full from ")
    assert len(list(run.reserve.glob("slip-*"))) == reserve.SLIPS


def test_a_supervisor_takes_its_lock_on_a_full_disk(disk):
    from gladius_widgets.supervisor.lock import SupervisorLock, supervisor_is_running

    home = Home(disk.path)
    home.supervisor_lock.touch()
    disk.fill()
    with SupervisorLock(home) as lock:
        assert lock.acquire()
        assert supervisor_is_running(home)
    assert not supervisor_is_running(home)
