"""The queue in the registry: what may start, in which order, and what outlives the registry."""

import random
import sqlite3
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.machine.identity import boot_id
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.registry.claiming import Place
from gladius_widgets.store.registry.job import Job
from gladius_widgets.store.registry.job_record import write_record
from gladius_widgets.store.registry.positions import new_positions
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.registry.schema import SCHEMA_VERSION

# As version 1 made it, word for word.
VERSION_1 = """
CREATE TABLE jobs (
	id TEXT NOT NULL,
	name TEXT NOT NULL,
	status TEXT NOT NULL,
	created_by TEXT DEFAULT '' NOT NULL,
	created_at FLOAT NOT NULL,
	started_at FLOAT,
	ended_at FLOAT,
	position FLOAT NOT NULL,
	attempt INTEGER DEFAULT '1' NOT NULL,
	claimed_at FLOAT,
	holds_slot BOOLEAN DEFAULT 0 NOT NULL,
	step INTEGER DEFAULT '0' NOT NULL,
	total_steps INTEGER,
	cost FLOAT,
	currency TEXT DEFAULT 'USD' NOT NULL,
	hourly_rate FLOAT,
	gpus INTEGER DEFAULT '0' NOT NULL,
	config_line TEXT DEFAULT '' NOT NULL,
	engine TEXT DEFAULT 'local' NOT NULL,
	error JSON,
	updated_at FLOAT NOT NULL,
	PRIMARY KEY (id)
);
CREATE INDEX jobs_by_status ON jobs (status, position);
CREATE INDEX jobs_by_created_at ON jobs (created_at);
CREATE INDEX jobs_by_name ON jobs (name);
PRAGMA user_version = 1;
PRAGMA journal_mode = WAL;
INSERT INTO jobs VALUES
 ('done-000001','Done','completed','ada',10.0,20.0,90.0,1.0,2,60.0,0,50,50,12.5,'USD',100.0,1,
  'MoE · H100','local',NULL,95.0),
 ('gone-000002','Gone','failed','bob',11.0,21.0,31.0,2.0,1,21.0,0,7,50,NULL,'EUR',NULL,0,'Full',
  'local','{"type": "exit", "message": "no"}',32.0),
 ('wait-000003','Wait','queued','ada',12.0,NULL,NULL,3.0,1,NULL,0,0,NULL,NULL,'USD',NULL,0,'','local',
  NULL,12.0);
"""


@pytest.fixture
def registry(home):
    return Registry(home)


def add(registry, *ids, **values):
    return [registry.insert(id=i, name=i.upper(), created_by="ada", **values) for i in ids]


def order(registry):
    return [job.id for job in registry.queue()]


def place(registry, job_id, before, **seen):
    return registry.place_before(job_id, before, before_commit=lambda _job: None, **seen)


# Version 1


def test_a_home_of_version_1_opens_with_all_its_data(home):
    home.runs.mkdir(parents=True)
    with sqlite3.connect(home.registry) as connection:
        connection.executescript(VERSION_1)
    connection.close()
    two_attempts(home)
    registry = Registry(home)
    done, gone, wait = (registry.get(i) for i in ("done-000001", "gone-000002", "wait-000003"))
    assert (done.name, done.cost, done.attempt, done.step) == ("Done", 12.5, 2, 50)
    assert (gone.error, gone.currency) == ({"type": "exit", "message": "no"}, "EUR")
    assert done.duration_s(1e9) == 15.0 + 30.0  # without the time between the attempts
    assert gone.duration_s(1e9) == 10.0  # its folder is gone: from start to end
    assert (wait.held, wait.not_before, wait.depends_on, wait.max_attempts) == (False, None, (), 1)
    assert add(registry, "new-000004")[0].position > wait.position
    assert registry.claim(1).id == wait.id
    with sqlite3.connect(home.registry) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    connection.close()


def test_an_upgraded_table_is_like_a_new_one(home, tmp_path):
    def schema(path):
        with sqlite3.connect(path) as connection:
            columns = {row[1]: row[2:] for row in connection.execute("PRAGMA table_info(jobs)")}
            indices = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
            return columns, set(indices)

    home.runs.mkdir(parents=True)
    with sqlite3.connect(home.registry) as connection:
        connection.executescript(VERSION_1)
    connection.close()
    Registry(home)
    upgraded = schema(home.registry)
    fresh = type(home)(tmp_path / "fresh")
    Registry(fresh)
    columns, indices = schema(fresh.registry)
    assert upgraded[1] == indices
    assert set(upgraded[0]) == set(columns)
    plain = {name: (kind, required) for name, (kind, required, *_) in columns.items()}
    assert {n: (k, r) for n, (k, r, *_) in upgraded[0].items()} == plain


def two_attempts(home):
    run = home.run("done-000001")
    run.create()
    write_json(run.job, {"name": "Done", "home_version": 1})
    RunStatus(state=JobStatus.COMPLETED, attempt=2, step=50, total_steps=50).write(run)
    for number, (start, end) in enumerate([(20.0, 35.0), (60.0, 90.0)], start=1):
        attempt = run.attempt(number)
        attempt.root.mkdir(parents=True)
        identity = {"pid": 2**22 + 5, "create_time": 1.0, "boot_id": boot_id()}
        write_json(attempt.proc, {"runner": identity, "started_at": start})
        write_json(attempt.exit, {"status": "completed", "ended_at": end, "error": None})


# Who may start


def test_a_held_job_is_passed_over_and_keeps_its_place(registry):
    add(registry, "a", "b", "c")
    registry.move("a", [JobStatus.QUEUED], JobStatus.QUEUED, held=True)
    assert registry.claim(1).id == "b"
    registry.move("a", [JobStatus.QUEUED], JobStatus.QUEUED, held=False)
    assert registry.claim(2).id == "a"


def test_a_scheduled_job_starts_when_its_time_has_come(registry):
    add(registry, "later", not_before=time.time() + 60)
    add(registry, "past", not_before=time.time() - 60)
    assert [registry.claim(9).id, registry.claim(9)] == ["past", None]
    registry.update("later", not_before=time.time() - 0.01)
    assert registry.claim(9).id == "later"


@pytest.mark.parametrize("status", [s for s in JobStatus if s != JobStatus.COMPLETED])
def test_a_job_waits_for_all_that_it_depends_on(registry, status):
    add(registry, "first", status=JobStatus.COMPLETED)
    add(registry, "second", status=status, held=True)
    add(registry, "third", depends_on=["first", "second"])
    assert registry.claim(9) is None
    registry.update("second", status=JobStatus.COMPLETED)
    assert registry.claim(9).id == "third"


def test_a_job_whose_dependency_was_deleted_stays(registry):
    add(registry, "orphan", depends_on=["nobody"])
    add(registry, "free")
    assert [registry.claim(9).id, registry.claim(9)] == ["free", None]


def test_a_later_attempt_does_not_wait_again_for_what_is_deleted_since(registry):
    add(registry, "again", depends_on=["deleted"], attempt=2)
    assert registry.claim(9).id == "again"


# Order


def test_reordering_puts_a_job_just_before_another_or_last(registry):
    add(registry, "a", "b", "c", "d")
    assert place(registry, "d", "b").id == "d"
    assert order(registry) == ["a", "d", "b", "c"]
    place(registry, "a", None)
    assert order(registry) == ["d", "b", "c", "a"]
    place(registry, "c", "d")
    assert order(registry) == ["c", "d", "b", "a"]
    place(registry, "d", "d")
    place(registry, "d", "b")  # where it is
    assert order(registry) == ["c", "d", "b", "a"]
    add(registry, "e")
    assert order(registry)[-1] == "e"
    assert registry.claim(1).id == "c"


def test_who_has_left_the_queue_is_neither_moved_nor_a_neighbour(registry):
    add(registry, "a", "b", "c")
    registry.claim(1)
    assert place(registry, "a", "c") is None
    assert place(registry, "c", "a") is None
    assert place(registry, "c", "nobody") is None
    assert order(registry) == ["b", "c"]


def test_a_job_that_somebody_else_has_moved_stays_there(registry):
    _, _, c = add(registry, "a", "b", "c")
    assert place(registry, "c", "a", seen_at=c.position)
    assert place(registry, "c", "b", seen_at=c.position) is None
    assert order(registry) == ["c", "a", "b"]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 7)), max_size=60), st.booleans())
def test_any_moves_give_the_order_of_a_list(moves, squeezed):
    """Also when the same gap is halved until no number lies in it any more."""
    start, gap = time.time(), 1e-6 if squeezed else 1.0
    places = {f"j{i}": start + i * gap for i in range(7)}
    expected = list(places)
    for which, before in moves:
        moved, target = f"j{which}", f"j{before}" if before < 7 else None
        queue = [queued(name, places[name]) for name in sorted(places, key=places.__getitem__)]
        changes = new_positions(queue, queued(moved, places[moved]), target)
        places |= {job.id: position for job, position in changes}
        if target != moved:
            expected.remove(moved)
            expected.insert(expected.index(target) if target else len(expected), moved)
        assert sorted(places, key=places.__getitem__) == expected
        assert len(set(places.values())) == 7


def queued(job_id, position):
    values = dict.fromkeys(Job.__dataclass_fields__)
    return Job(**values | {"id": job_id, "position": position, "created_at": 0.0})


def test_hundreds_of_moves_into_one_gap_touch_few_others(registry):
    ids = [f"j{i}" for i in range(40)]
    add(registry, *ids)
    written = []
    for _ in range(300):
        last = order(registry)[-1]
        target = order(registry)[1]
        registry.place_before(last, target, before_commit=lambda job: written.append(job.id))
    assert len(written) < 300 * 4
    assert sorted(order(registry)) == sorted(ids)


def test_people_moving_jobs_at_once_leave_every_job_in_one_place(home, registry):
    ids = [f"j{i}" for i in range(12)]
    add(registry, *ids)
    errors = []

    def shuffle(seed):
        chance, mine = random.Random(seed), Registry(home)
        try:
            for _ in range(25):
                one, other = chance.sample(ids, 2)
                place(mine, one, chance.choice([other, None]))
        except Exception as error:  # an assertion below shows it
            errors.append(error)

    threads = [threading.Thread(target=shuffle, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(order(registry)) == sorted(ids)
    assert len({job.position for job in registry.queue()}) == len(ids)


# Compare and set


def test_only_one_of_many_removes_a_row(home, registry):
    add(registry, "a", status=JobStatus.FAILED)
    removed = []
    threads = [
        threading.Thread(
            target=lambda: removed.append(
                Registry(home).remove("a", [JobStatus.FAILED], lambda: None)
            )
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(removed) == [False] * 5 + [True]
    assert registry.get("a") is None


def test_a_row_whose_folder_cannot_be_moved_stays(registry):
    add(registry, "a", status=JobStatus.FAILED)

    def refuse():
        raise OSError(28, "no")

    with pytest.raises(Exception, match="no space left"):
        registry.remove("a", [JobStatus.FAILED], refuse)
    assert registry.get("a") is not None


def test_who_expects_another_value_changes_nothing(registry):
    add(registry, "a")
    hold = {"held": True, "expected": {"held": False}}
    assert registry.move("a", [JobStatus.QUEUED], JobStatus.QUEUED, **hold)
    assert not registry.move("a", [JobStatus.QUEUED], JobStatus.QUEUED, **hold)


def test_creators_are_named_once(registry):
    for i, who in enumerate(["bob", "ada", "bob"]):
        registry.insert(id=f"j{i}", name="x", created_by=who)
    assert registry.creators() == ["ada", "bob"]


# What outlives the registry


def test_the_whole_queue_is_rebuilt_from_the_folders(home, registry):
    values = {
        "a": {},
        "b": {"held": True, "max_attempts": 4, "retries": 1, "retry_backoff_s": 5.0},
        "c": {"not_before": 5e9, "depends_on": ["a"], "estimate_low_s": 60.0},
    }
    for job_id, more in values.items():
        run = home.run(job_id)
        run.create()
        RunStatus(state=JobStatus.QUEUED).write(run)
        registry.insert(
            lambda job, run=run: write_record(run, job, config_file="/x.yaml"),
            id=job_id, name=job_id, created_by="ada", hourly_rate=2.5, **more,
        )  # fmt: skip
    registry.place_before("c", "b", before_commit=lambda job: write_record(home.run(job.id), job))
    before = registry.queue()
    assert [job.id for job in before] == ["a", "c", "b"]
    found = registry.reindex()
    assert found.problems == []
    after = registry.queue()
    now = {"updated_at": 0.0}
    assert [vars(job) | now for job in after] == [vars(job) | now for job in before]
    assert read_json(home.run("c").job)["config_file"] == "/x.yaml"


def test_every_folder_that_is_left_out_is_named(home, registry, caplog):
    good, bad = home.run("good-000001"), home.run("bad-000002")
    for run in (good, bad):
        run.create()
    write_json(good.job, {"name": "good"})
    bad.job.write_text('{"name": ')
    (home.runs / "empty-000003").mkdir()
    (home.runs / "good (copy)").mkdir()
    found = registry.reindex()
    assert [row["id"] for row in found.rows] == ["good-000001"]
    assert sorted(found.problems) == [
        f"{bad.job} cannot be read, so this job is left out.",
        f"{home.runs / 'empty-000003'} is no run directory.",
        f"{home.runs / 'good (copy)'} is no run directory.",
    ]
    assert caplog.messages == []
    home.registry.write_bytes(b"no database at all " * 500)  # rebuilt without being asked
    Registry(home)
    assert sorted(caplog.messages) == sorted(found.problems)


def test_a_record_that_cannot_be_read_is_written_anew_from_the_row(home, registry):
    run = home.run("a")
    run.create()
    run.job.write_text("{")
    (job,) = add(registry, "a", held=True)
    write_record(run, job)
    assert registry.reindex().problems == []
    assert registry.get("a").held


def test_durations_leave_out_the_time_between_attempts(registry):
    add(registry, "a", started_at=100.0, ran_s=30.0, running_since=200.0)
    job = registry.get("a")
    assert (job.duration_s(now=215.0), job.counts_from) == (45.0, 170.0)
    add(registry, "b", started_at=100.0, ended_at=200.0, ran_s=30.0)
    assert registry.get("b").duration_s(now=999.0) == 30.0
    add(registry, "c")
    assert registry.get("c").duration_s(now=999.0) is None


# GPUs


def on(free):
    """Places jobs on these GPUs; more than four are never there."""

    def place(job, running):
        taken = {uuid for other in running for uuid in other.gpu_uuids}
        left = [uuid for uuid in free if uuid not in taken]
        if job.gpus > 4:
            return Place(None, holds_up=False)
        return Place(tuple(left[: job.gpus])) if len(left) >= job.gpus else Place(None)

    return place


def test_a_claim_keeps_its_gpus_while_it_has_its_slot(registry):
    add(registry, "a", gpus=1)
    add(registry, "b", gpus=2)
    add(registry, "c", gpus=1)
    placer = on(["g0", "g1", "g2"])
    assert registry.claim(9, placer).gpu_uuids == ("g0",)
    assert registry.claim(9, placer).gpu_uuids == ("g1", "g2")
    assert registry.claim(9, placer) is None
    registry.move("a", [JobStatus.PROVISIONING], JobStatus.COMPLETED)
    assert registry.claim(9, placer).gpu_uuids == ("g0",)
    assert registry.waits_for_gpus() is False


def test_no_job_that_needs_gpus_passes_one_that_waits_for_more(registry):
    for name, gpus in [("running", 1), ("large", 4), ("small", 1), ("cpu", 0)]:
        add(registry, name, gpus=gpus)
    placer = on(["g0", "g1", "g2", "g3"])
    assert registry.claim(3, placer).id == "running"
    assert registry.claim(3, placer).id == "cpu"  # takes nothing that the large one waits for
    add(registry, "another on the cpu")
    assert registry.claim(3, placer) is None  # the last slot is kept for the large one
    registry.move("running", [JobStatus.PROVISIONING], JobStatus.COMPLETED)
    assert registry.claim(3, placer).id == "large"


def test_a_job_that_this_machine_can_never_place_holds_up_nobody(registry):
    add(registry, "too large", gpus=8)
    add(registry, "small", gpus=1)
    assert registry.claim(3, on(["g0"])).id == "small"


def test_jobs_of_a_paused_engine_do_not_start(registry):
    add(registry, "a")
    assert registry.claim(3, paused=["local"]) is None
    assert registry.claim(3, paused=["slurm"]).id == "a"
