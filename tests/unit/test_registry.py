import multiprocessing
import shutil
import sqlite3
import time
from dataclasses import replace

import pytest

from gladius_widgets.core.errors import GladiusError, JobNotFoundError
from gladius_widgets.core.paths import Home
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.registry import file as registry_file
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.registry.schema import SCHEMA_VERSION


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def registry(home):
    return Registry(home)


def add(registry, *ids):
    return [registry.insert(id=i, name=i.upper(), created_by="ada") for i in ids]


def test_jobs_are_claimed_first_come_first_served_up_to_the_slots(registry):
    add(registry, "a", "b", "c")
    assert [registry.claim(2).id, registry.claim(2).id] == ["a", "b"]
    assert registry.claim(2) is None
    assert registry.move("a", [JobStatus.PROVISIONING], JobStatus.COMPLETED)
    claimed = registry.claim(2)
    assert claimed.id == "c"
    assert claimed.status == JobStatus.PROVISIONING
    assert claimed.started_at is not None


def _claim_all(root, slots, out):
    registry = Registry(Home(root))
    claimed, most = [], 0
    while True:
        job = registry.claim(slots)
        if job is None:
            if registry.count(statuses=[JobStatus.QUEUED]) == 0:
                break
            time.sleep(0.0005)
            continue
        claimed.append(job.id)
        most = max(most, registry.count(statuses=[JobStatus.PROVISIONING]))
        assert registry.move(job.id, [JobStatus.PROVISIONING], JobStatus.COMPLETED)
    out.put((claimed, most))


def test_six_processes_racing_for_400_jobs_make_400_claims(home, registry):
    names = [f"job-{i:03d}" for i in range(400)]
    with registry._write() as connection:
        from gladius_widgets.store.registry.schema import jobs

        connection.execute(
            jobs.insert(),
            [
                {"id": n, "name": n, "status": "queued", "created_at": i, "position": i,
                 "updated_at": 0.0}
                for i, n in enumerate(names)
            ],
        )  # fmt: skip
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    racers = [
        context.Process(target=_claim_all, args=(home.root, 3, results), daemon=True)
        for _ in range(6)
    ]
    for racer in racers:
        racer.start()
    outcome = [results.get(timeout=120) for _ in racers]
    for racer in racers:
        racer.join(timeout=30)
    claimed = [job for jobs_of_one, _ in outcome for job in jobs_of_one]
    assert sorted(claimed) == names
    assert max(most for _, most in outcome) <= 3
    assert sum(1 for jobs_of_one, _ in outcome if jobs_of_one) > 1, "no race happened"


def test_move_is_compare_and_set(registry):
    add(registry, "a")
    assert registry.move("a", [JobStatus.QUEUED], JobStatus.CANCELLED, ended_at=5.0)
    assert not registry.move("a", [JobStatus.QUEUED], JobStatus.CANCELLED)
    assert registry.get("a").ended_at == 5.0


def test_a_move_whose_last_step_fails_has_not_happened(registry):
    add(registry, "a")

    def refuse(_row):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        registry.move("a", [JobStatus.QUEUED], JobStatus.CANCELLED, before_commit=refuse)
    assert registry.get("a").status == JobStatus.QUEUED


def test_a_paused_job_that_released_its_machine_holds_no_slot(registry):
    add(registry, "a", "b")
    registry.claim(1)
    registry.move("a", [JobStatus.PROVISIONING], JobStatus.PAUSED, holds_slot=False)
    assert registry.claim(1).id == "b"


def test_names_prefixes_and_ids_resolve_to_one_job(registry):
    add(registry, "moe-1a2b3c", "moe-9f8e7d", "lora-000000")
    assert registry.resolve("lora").id == "lora-000000"
    assert registry.resolve("MOE-1A2B3C").id == "moe-1a2b3c"
    with pytest.raises(JobNotFoundError, match=r"means 2 jobs: moe-1a2b3c, moe-9f8e7d"):
        registry.resolve("moe")
    with pytest.raises(JobNotFoundError, match="There is no job 'nope'"):
        registry.resolve("nope")
    with pytest.raises(JobNotFoundError):
        registry.resolve("")
    with pytest.raises(JobNotFoundError):
        registry.resolve("%")


def test_a_name_shared_by_several_means_the_one_that_is_not_over(registry):
    registry.insert(id="x-1", name="demo", created_by="ada", status=JobStatus.FAILED)
    registry.insert(id="x-2", name="demo", created_by="ada")
    assert registry.resolve("demo").id == "x-2"


def test_a_name_shared_by_jobs_that_are_over_means_the_newest(registry):
    over = {"name": "demo", "created_by": "ada", "status": JobStatus.COMPLETED}
    registry.insert(id="x-1", created_at=1.0, **over)
    registry.insert(id="x-2", created_at=3.0, **over)
    registry.insert(id="x-3", created_at=2.0, **over)
    assert registry.resolve("demo").id == "x-2"


def test_a_name_shared_by_jobs_that_are_not_over_is_ambiguous(registry):
    registry.insert(id="x-1", name="demo", created_by="ada")
    registry.insert(id="x-2", name="demo", created_by="ada")
    with pytest.raises(JobNotFoundError, match="means 2 jobs"):
        registry.resolve("demo")


def test_listing_filters_sorts_and_pages(registry):
    for i in range(5):
        registry.insert(
            id=f"j{i}", name=f"Run {i} 100%", created_by="ada" if i % 2 else "bob",
            created_at=float(i),
        )  # fmt: skip
    assert [j.id for j in registry.find()] == ["j4", "j3", "j2", "j1", "j0"]
    assert [j.id for j in registry.find(created_by="ada", sort="name", descending=False)] == [
        "j1",
        "j3",
    ]
    assert [j.id for j in registry.find(search="rUN 3")] == ["j3"]
    assert registry.count(search="0%") == 5
    assert registry.count(search="%4") == 0
    assert [j.id for j in registry.find(since=2, until=4, limit=1, offset=1)] == ["j2"]
    with pytest.raises(ValueError, match="sort"):
        registry.find(sort="id; drop table jobs")


def test_a_home_of_a_newer_version_is_left_alone(home, registry):
    with sqlite3.connect(home.registry) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(GladiusError, match="made by a newer version"):
        Registry(home)


@pytest.mark.parametrize("damage", ["header", "pages", "empty-table"])
def test_a_damaged_registry_is_moved_aside_and_rebuilt(home, registry, damage, make_run):
    make_run("kept-000001", exit_status="completed")
    registry.reindex()
    if damage == "empty-table":
        with sqlite3.connect(home.registry) as connection:
            connection.execute("DROP TABLE jobs")
    else:
        with sqlite3.connect(home.registry) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        start = 0 if damage == "header" else 4096
        with home.registry.open("r+b") as file:
            file.seek(start)
            file.write(b"\x5a" * 8192)
    try:
        Registry(home).find()
    except GladiusError as error:  # damage deep in the file shows only at a query
        said = str(error)
    else:
        said = "rebuilt"
    assert "rebuilt" in said
    found = Registry(home).find()
    assert [(job.id, job.status) for job in found] == [("kept-000001", JobStatus.COMPLETED)]
    assert list(home.root.glob("registry.damaged-*.sqlite"))


def test_what_was_moved_aside_before_stays_there(home, registry, make_run):
    make_run("kept-000001", exit_status="completed")
    for number in range(3):  # within a second
        home.registry.write_bytes(b"%d no database at all" % number * 500)
        Registry(home)
    aside = sorted(home.root.glob("registry.damaged-*.sqlite"))
    assert [path.read_bytes()[:1] for path in aside] == [b"0", b"1", b"2"]  # the last one last
    assert Registry(home).count() == 1


def test_a_registry_that_is_gone_is_rebuilt_and_not_called_damaged(home, registry, make_run):
    make_run("kept-000001", exit_status="completed")
    for path in home.root.glob("registry.sqlite*"):
        path.unlink()
    with pytest.raises(GladiusError, match="was gone and has been rebuilt") as told:
        registry.find()
    assert "old file" not in str(told.value)
    assert not list(home.root.glob("registry.damaged-*"))
    assert [job.id for job in registry.find()] == ["kept-000001"]


def test_who_notices_a_rebuilt_registry_late_leaves_it_alone(home, registry, make_run):
    make_run("kept-000001", exit_status="completed")
    registry.reindex()
    saw = sqlite3.OperationalError("no such table: jobs")  # of the empty file before
    assert registry_file.rebuild(registry._engine, home, saw) is None
    assert not list(home.root.glob("registry.damaged-*"))


@pytest.mark.parametrize("kind", ["file", "nowhere", "folder-for-registry"])
def test_an_unusable_home_is_one_sentence(tmp_path, kind):
    root = tmp_path / "home"
    if kind == "file":
        root.write_text("not a folder")
    elif kind == "nowhere":
        root = "/proc/gladius-home"
    else:
        (root / "registry.sqlite").mkdir(parents=True)
    said = {"file": "is not a folder", "folder-for-registry": "registry.sqlite is a folder"}
    with pytest.raises(GladiusError, match=said.get(kind, "cannot be written")) as caught:
        Registry(Home(root))
    assert "--home" in caught.value.hint


def test_a_locked_registry_is_one_sentence(home, registry, monkeypatch):
    monkeypatch.setattr(registry_file, "BUSY_TIMEOUT_MS", 50)
    blocker = sqlite3.connect(home.registry, isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(GladiusError, match="locked by another program"):
            add(registry, "a")
    finally:
        blocker.close()
    add(registry, "a")


@pytest.mark.parametrize(
    ("message", "sentence"),
    [("attempt to write a readonly database", "cannot be written"),
     ("database or disk is full", "no space left"), ("disk I/O error", "cannot be used: disk I/O")],
)  # fmt: skip
def test_what_sqlite_says_becomes_a_sentence(home, registry, message, sentence):
    from gladius_widgets.store.registry.file import as_sentence

    assert sentence in str(as_sentence(sqlite3.OperationalError(message), home))


def test_reindex_finds_what_the_folders_say(home, registry, make_run):
    make_run("done-000001", exit_status="stopped", step=7)
    make_run("gone-000002", runner_pid=2**22 + 1)
    make_run("wait-000003", state="queued", queued_at=50.0)
    make_run("next-000004", state="queued", queued_at=40.0)
    make_run("quit-000005", state="cancelled")
    (home.runs / "no-job").mkdir()
    assert len(registry.reindex().rows) == 5
    rows = {job.id: job for job in registry.find()}
    assert rows["done-000001"].status == JobStatus.STOPPED
    assert rows["done-000001"].step == 7
    assert rows["done-000001"].cost == pytest.approx(2.0 / 3600 * 100)
    assert rows["gone-000002"].status == JobStatus.LOST
    assert not rows["gone-000002"].holds_slot
    assert rows["quit-000005"].status == JobStatus.CANCELLED
    queue = registry.find(statuses=[JobStatus.QUEUED], sort="position", descending=False)
    assert [job.id for job in queue] == ["next-000004", "wait-000003"]


@pytest.mark.parametrize("damage", [b"", b"\x00{", None], ids=["empty", "rubbish", "gone"])
def test_reindex_keeps_a_job_whose_record_is_damaged_and_whose_row_is_whole(
    home, registry, make_run, damage
):
    run = make_run("kept-000001", exit_status="stopped", step=7)
    registry.reindex()
    before = registry.get("kept-000001")
    run.job.unlink() if damage is None else run.job.write_bytes(damage)
    found = registry.reindex()
    assert [row["id"] for row in found.rows] == ["kept-000001"]
    assert found.problems == [f"{run.job} cannot be read; the list knew what it said."]
    assert replace(registry.get("kept-000001"), updated_at=0) == replace(before, updated_at=0)
    assert registry.reindex().problems == []  # job.json is whole again


@pytest.mark.parametrize("damage", [b"", b"\x00{", b'{"state": "training"}', None])
@pytest.mark.parametrize("began", [True, False])
def test_a_cancelled_job_stays_cancelled_whatever_its_snapshot_says(
    home, registry, make_run, damage, began
):
    from gladius_widgets.core.states import Command
    from gladius_widgets.store.run import requests

    run = make_run("quit-000001", state="cancelled", runner_pid=2**22 + 1 if began else None)
    asked = requests.request(run, Command.CANCEL, {"reason": "x"}, "ada")
    told = requests.acknowledge(run, asked, "applied", step=3)
    run.status.unlink() if damage is None else run.status.write_bytes(damage)
    registry.reindex()
    job = registry.get("quit-000001")
    assert (job.status, job.holds_slot) == (JobStatus.CANCELLED, False)
    assert job.ended_at == told.acked_at


def test_reindex_takes_the_step_from_the_metrics_where_the_snapshot_is_damaged(
    home, registry, make_run
):
    from gladius_widgets.store.metrics import MetricWriter, schemas

    run = make_run("done-000001", exit_status="stopped", step=7)
    with MetricWriter(run.table("train"), schemas.TRAIN, 1) as writer:
        writer.extend({"step": step, "loss": 1.0} for step in range(1, 13))
    run.status.write_bytes(b"\x00")
    registry.reindex()
    assert registry.get("done-000001").step == 12


def test_a_copy_of_a_run_under_another_name_is_no_run(home, registry, make_run):
    shutil.copytree(make_run("a").root, home.runs / "a (copy)")
    assert len(registry.reindex().rows) == 1
    assert [job.id for job in registry.find()] == ["a"]


def test_a_run_of_a_newer_version_stops_the_reindex(registry, make_run):
    make_run("late-000001", state="queued", home_version=SCHEMA_VERSION + 1)
    with pytest.raises(GladiusError, match="newer version"):
        registry.reindex()
    assert registry.find() == []


@pytest.fixture
def make_run(home):
    from gladius_widgets.core.atomic import write_json
    from gladius_widgets.core.machine.identity import boot_id
    from gladius_widgets.core.run_state import RunStatus

    def make(job_id, *, state="training", exit_status=None, runner_pid=None, step=0,
             queued_at=0.0, home_version=SCHEMA_VERSION):  # fmt: skip
        run = home.run(job_id)
        run.create()
        write_json(
            run.job,
            {"name": job_id, "created_by": "ada", "created_at": 10.0, "hourly_rate": 100.0,
             "home_version": home_version},
        )  # fmt: skip
        RunStatus(state=state, attempt=1, step=step, heartbeat=queued_at).write(run)
        attempt = run.attempt(1)
        if exit_status or runner_pid:
            attempt.ranks.mkdir(parents=True)
            identity = {"pid": runner_pid or 2**22 + 2, "create_time": 1.0, "boot_id": boot_id()}
            write_json(attempt.proc, {"runner": identity, "started_at": 20.0})
        if exit_status:
            write_json(attempt.exit, {"status": exit_status, "ended_at": 22.0, "error": None})
        return run

    return make


def test_a_decision_is_held_to_the_legal_moves_and_a_fact_is_not(registry):
    add(registry, "a")
    registry.claim(1)
    assert registry.move("a", [JobStatus.PROVISIONING], JobStatus.COMPLETED)
    with pytest.raises(ValueError, match="completed cannot become queued"):
        registry.move("a", [JobStatus.COMPLETED], JobStatus.QUEUED)
    assert registry.move("a", [JobStatus.COMPLETED], JobStatus.LOST, observed=True)
