"""Whatever dies or cannot be used: within 10 s states are true again and slots are free."""

import json
import os
import shutil
import signal
import sqlite3
import tempfile
import time
from pathlib import Path

import pytest
from support import wait_until

from gladius_widgets.client import Client
from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.supervisor.lock import supervisor_is_running, supervisor_pid

FAST_S = 10.0


def kill_supervisor(lab):
    os.kill(wait_until(lambda: supervisor_pid(lab.home), what="a supervisor"), signal.SIGKILL)
    wait_until(lambda: not supervisor_is_running(lab.home), what="its death")


@pytest.mark.parametrize(
    ("moment", "ending"),
    [("pausing", JobStatus.PAUSED), ("resuming", JobStatus.TRAINING),
     ("stopping", JobStatus.STOPPED), ("cancelling", JobStatus.CANCELLED),
     ("dying", JobStatus.FAILED), ("completing", JobStatus.COMPLETED)],
)  # fmt: skip
def test_a_supervisor_killed_in_a_transition(lab, moment, ending):
    lab.home.settings.write_text("slots: 1\n")
    job_id = lab.started()
    run, waiting = lab.run(job_id), lab.submit("complete")
    (run.root / "obeys-pause").touch()
    if moment == "resuming":
        lab.client.pause(job_id, wait_s=20)
    act = {
        "pausing": lambda: lab.client.pause(job_id),
        "resuming": lambda: lab.client.resume(job_id),
        "stopping": lambda: lab.client.stop(job_id),
        "cancelling": lambda: lab.client.cancel(job_id, "enough"),
        "dying": lambda: os.kill(lab.client.state(job_id)["pids"]["ranks"][0], signal.SIGKILL),
        "completing": (run.root / "is-done").touch,
    }[moment]
    act()
    kill_supervisor(lab)
    lab.wait(job_id, ending, timeout_s=FAST_S)
    if ending.is_final:
        wait_until(lambda: lab.status(waiting) != JobStatus.QUEUED, FAST_S, "its slot is free")
        wait_until(lambda: lab.living(job_id) == [], FAST_S, "no process of it")
        lab.wait(waiting, JobStatus.COMPLETED)
    else:
        assert lab.status(waiting) == JobStatus.QUEUED
        assert lab.client.job(job_id).holds_slot


def test_a_lock_that_a_dead_supervisor_left_is_taken(lab):
    lab.home.root.mkdir(exist_ok=True)
    mine = {"pid": os.getpid(), "create_time": 1.0, "boot_id": "another boot"}
    lab.home.supervisor_lock.write_text(json.dumps(mine))
    assert supervisor_pid(lab.home) is None
    job_id = lab.submit("complete")
    lab.wait(job_id, JobStatus.COMPLETED)
    assert read_json(lab.home.supervisor_lock)["pid"] != os.getpid()


def test_a_registry_locked_for_a_while_costs_no_job_anything(lab):
    lab.home.settings.write_text("slots: 1\n")
    job_id, waiting = lab.started(), lab.submit("complete")
    blocker = sqlite3.connect(lab.home.registry, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    os.kill(lab.client.state(job_id)["pids"]["ranks"][0], signal.SIGKILL)
    wait_until(lab.run(job_id).attempt(1).exit.exists, FAST_S, "its exit record")
    blocker.execute("ROLLBACK")
    blocker.close()
    lab.wait(job_id, JobStatus.FAILED, timeout_s=FAST_S)
    wait_until(lambda: lab.status(waiting) != JobStatus.QUEUED, FAST_S, "its slot is free")


@pytest.mark.parametrize("damage", ["overwritten", "cut", "gone"])
def test_a_registry_damaged_under_way_is_rebuilt_and_the_queue_goes_on(lab, damage):
    lab.home.settings.write_text("slots: 1\n")
    job_id = lab.started()
    held, waiting = lab.submit("complete", held=True), lab.submit("complete")
    path = lab.home.registry
    for companion in ("-wal", "-shm"):
        Path(f"{path}{companion}").unlink(missing_ok=True)
    if damage == "overwritten":
        path.write_bytes(b"\x5a" * 20_000)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        path.unlink()
    lab.run(job_id).root.joinpath("is-done").touch()

    def true_again():
        try:
            jobs = {job.id: job for job in Client(lab.home).jobs()}
        except GladiusError:  # a sentence for whoever comes in the middle of it
            return False
        return jobs.get(job_id) and jobs[job_id].status == JobStatus.COMPLETED and jobs

    jobs = wait_until(true_again, FAST_S, "true states")
    assert set(jobs) == {job_id, held, waiting}
    assert jobs[held].held
    lab.wait(waiting, JobStatus.COMPLETED)
    assert lab.status(held) == JobStatus.QUEUED
    moved_aside = bool(list(lab.home.root.glob("registry.damaged-*.sqlite")))
    assert moved_aside == (damage != "gone")


@pytest.fixture
def somebody():
    """A home of nobody's, and a way to be a user that may not write there."""
    folder = Path(tempfile.mkdtemp(prefix="gladius-read-only-"))
    folder.chmod(0o755)
    yield Home(folder / "home")
    os.seteuid(os.getuid())
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(folder)


def test_a_registry_that_may_only_be_read_is_a_sentence(somebody):
    Registry(somebody).insert(id="a", name="a", created_by="ada")
    for path in (*somebody.root.rglob("*"), somebody.root):
        path.chmod(0o555 if path.is_dir() else 0o444)
    if os.getuid() == 0:
        os.seteuid(65534)
    with pytest.raises(GladiusError, match="cannot be written") as caught:
        Registry(somebody).insert(id="b", name="b", created_by="ada")
    assert "permission" in caught.value.hint


def test_the_supervisor_empties_the_trash_of_what_is_old(lab):
    lab.home.settings.write_text("trash_days: 7\n")
    old, new = lab.submit("complete"), lab.submit("complete")
    for job_id in (old, new):
        lab.wait(job_id, JobStatus.COMPLETED)
        lab.client.delete(job_id)
    mark = lab.home.trashed(old).deleted
    write_json(mark, {"deleted_by": "ada", "deleted_at": time.time() - 8 * 86_400})
    kill_supervisor(lab)
    lab.submit("train", held=True)  # wakes another
    wait_until(lambda: not lab.home.trashed(old).root.exists(), 20, "an emptier trash")
    assert [one.id for one in lab.client.trash()] == [new]


def test_deleting_a_job_that_had_completed_strands_nobody(lab):
    first = lab.submit("complete")
    lab.wait(first, JobStatus.COMPLETED)
    second = lab.submit("complete", after=[first])
    lab.wait(second, JobStatus.COMPLETED)
    assert lab.exit_record(second)["started_at"] > lab.exit_record(first)["ended_at"]
    third = lab.submit("complete", after=[second], held=True)
    lab.client.delete(second)
    lab.client.unhold(third)
    lab.wait(third, JobStatus.COMPLETED)
    lab.client.restore(second)
    assert lab.status(second) == JobStatus.COMPLETED
