"""The live feed on a real run directory, written by our own writers."""

import asyncio
import shutil
import time
from dataclasses import replace

import pytest
from recorded_runs import install

from gladius_widgets.client import Client
from gladius_widgets.components import events as page_events
from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.errors import JobNotFoundError
from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus
from gladius_widgets.panels.live import feed as feed_module
from gladius_widgets.panels.live import topics as reading
from gladius_widgets.panels.live.feed import JobFeed
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.reader import RunReader
from gladius_widgets.panels.live.topics import STATE
from gladius_widgets.store.metrics import MetricWriter, schemas
from gladius_widgets.store.registry.registry import Job
from gladius_widgets.store.run.events import append_event
from gladius_widgets.store.run.log import LogTail

JOB = Job(
    id="run-1", name="moe", status=JobStatus.TRAINING, created_by="ann", created_at=1.0,
    started_at=2.0, ended_at=None, position=1.0, attempt=1, claimed_at=2.0, holds_slot=True,
    step=0, total_steps=100, cost=None, currency="USD", hourly_rate=None, gpus=0, config_line="",
    engine="local", error=None, updated_at=2.0,
)  # fmt: skip


class Source:
    """Stands for the registry, whose process checks are no part of the feed."""

    def __init__(self):
        self.answer = JOB
        self.error = None

    def trouble(self):
        return None

    def job(self, _ref, /):
        if self.error:
            raise self.error
        return self.answer


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path / "run-1")
    run.create()
    run.log.touch()
    write_json(run.job, {"id": "run-1", "created_at": 1.0})
    RunStatus(state=JobStatus.TRAINING, step=0, heartbeat=time.time()).write(run)
    return run


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def reported():
    errors = []
    off = page_events.on_error(errors.append)
    yield errors
    off()


async def until(condition, timeout_s=5.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, condition
        await asyncio.sleep(0.002)


def on_feed(run, source, scenario):
    """Run a scenario on a started feed."""

    async def main():
        feed = JobFeed(run, source)
        feed.start()
        try:
            await feed.ready()
            await scenario(feed)
        finally:
            feed.close()
            await asyncio.sleep(0)

    asyncio.run(main())


def train_writer(run):
    return MetricWriter(run.table("train"), schemas.TRAIN, attempt=1)


def row(step, loss=1.0):
    return {"step": step, "time": time.time(), "epoch": step / 10, "loss": loss,
            "tokens": 10, "tokens_per_s": 10.0, "samples": 1, "step_time_s": 1.0}  # fmt: skip


def test_first_reading_needs_no_loop(run, source):
    with train_writer(run) as writer:
        writer.append(row(1))
        writer.append(row(2, loss=0.5))
    append_event(run, "status", "begun", source="trainer")
    feed = JobFeed(run, source)
    feed.start()
    assert not feed.is_running
    assert feed.history.train["loss"].tolist() == [1.0, 0.5]
    assert feed.job.name == "moe"
    assert [event.message for event in feed.events] == ["begun"]


def test_log_lines_come_at_once(run, source):
    heard, delays = [], []

    async def scenario(feed):
        feed.follow_log(lambda data: heard.append((time.perf_counter(), data)))
        with run.log.open("ab", buffering=0) as log:
            log.write(b"first\n")
            await until(lambda: heard)
            for i in range(30):
                before = time.perf_counter()
                log.write(f"line {i}\n".encode())
                await until(lambda i=i: any(f"line {i}\n".encode() in data for _, data in heard))
                delays.append(heard[-1][0] - before)

    on_feed(run, source, scenario)
    assert sorted(delays)[15] < 0.010, sorted(delays)


def test_all_of_the_log_comes_in_order_and_once(run, source):
    run.log.write_bytes(b"old\n")
    heard = bytearray()

    async def scenario(feed):
        start, _ = feed.follow_log(heard.extend)
        assert start == 4
        with run.log.open("ab", buffering=0) as log:
            for i in range(2000):
                log.write(f"line {i}\n".encode())
                if i % 500 == 0:
                    await asyncio.sleep(0.01)
        await until(lambda: heard.endswith(b"line 1999\n"))

    on_feed(run, source, scenario)
    assert bytes(heard) == run.log.read_bytes()[4:]


def test_new_rows_reach_their_parts(run, source):
    painted = []

    async def scenario(feed):
        def paint():
            painted.append(len(feed.history.train))
            return Sent(1, 100)

        feed.show([Part(paint, frozenset({reading.TRAIN}), 0.05)])
        with train_writer(run) as writer:
            for step in range(1, 41):
                writer.append(row(step))
                await asyncio.sleep(0.01)
            await until(lambda: painted and painted[-1] == 40)

    on_feed(run, source, scenario)
    assert painted == sorted(painted)
    assert len(painted) < 40


def test_state_follows_status_and_registry(run, source):
    async def scenario(feed):
        seen = []
        part = Part(
            lambda: seen.append(feed.job.status) or Sent(), frozenset({reading.STATE}), 0.05
        )
        feed.show([part])
        RunStatus(state=JobStatus.TRAINING, step=7, heartbeat=time.time()).write(run)
        await until(lambda: feed.job.run.step == 7)
        source.answer = replace(JOB, status=JobStatus.PAUSED)  # no file of the run changes
        await until(lambda: feed.job.status == JobStatus.PAUSED, 4)

    on_feed(run, source, scenario)


def test_new_events_are_told_once(run, source):
    heard = []

    async def scenario(feed):
        feed.on_events(lambda events: heard.extend(event.message for event in events))
        for i in range(3):
            append_event(run, "checkpoint", f"saved {i}", source="trainer")
            await until(lambda i=i: len(heard) == i + 1)

    append_event(run, "status", "old news", source="trainer")
    on_feed(run, source, scenario)
    assert heard == ["saved 0", "saved 1", "saved 2"]


def test_a_job_that_is_over_is_watched_less_closely_until_it_begins_again(run, source, monkeypatch):
    steps_ms, heard, watch = [], [], feed_module.awatch

    def noting(*given, step, **named):
        steps_ms.append(step)
        return watch(*given, step=step, **named)

    monkeypatch.setattr(feed_module, "awatch", noting)
    monkeypatch.setattr(feed_module, "_LOOK_UP_MS", 100)
    source.answer = replace(JOB, status=JobStatus.FAILED)

    async def scenario(feed):
        feed.follow_log(heard.append)
        await until(lambda: len(steps_ms) == 1)
        source.answer = replace(JOB, status=JobStatus.TRAINING)
        await until(lambda: len(steps_ms) == 2)
        with run.log.open("ab") as log:
            log.write(b"hello\n")
        await until(lambda: heard == [b"hello\n"])

    on_feed(run, source, scenario)
    assert steps_ms == [feed_module._OVER_STEP_MS, feed_module._STEP_MS]


def test_polling_where_there_is_no_inotify(run, source, monkeypatch):
    async def broken(*_args, **_kwargs):
        raise OSError(28, "inotify watch limit reached")
        yield

    monkeypatch.setattr(feed_module, "awatch", broken)
    heard = []

    async def scenario(feed):
        feed.follow_log(heard.append)
        with run.log.open("ab") as log:
            log.write(b"hello\n")
        await until(lambda: heard == [b"hello\n"])

    on_feed(run, source, scenario)


def test_every_exception_is_shown_and_the_feed_goes_on(run, source, reported):
    async def scenario(feed):
        def broken():
            raise ZeroDivisionError("in a panel")

        feed.show([Part(broken, frozenset({reading.STATE}), 0.05)])
        await until(lambda: any("in a panel" in str(error) for error in reported))
        source.error = RuntimeError("registry gone")
        feed.refresh()
        await until(lambda: any("registry gone" in str(error) for error in reported))
        source.error = None
        feed.refresh()
        RunStatus(state=JobStatus.TRAINING, step=9, heartbeat=time.time()).write(run)
        await until(lambda: feed.job.run.step == 9)

    on_feed(run, source, scenario)
    assert len([e for e in reported if "in a panel" in str(e)]) == 1  # not at every tick


def test_damaged_metrics_are_told_and_the_rest_shows(run, source, reported):
    with train_writer(run) as writer:
        writer.append(row(1))
    segment = next(run.table("train").glob("seg-*.parquet"))
    segment.write_bytes(b"PAR1 rubbish PAR1")
    JobFeed(run, source).close()
    assert any("damaged" in str(error) for error in reported)


def test_it_stops_and_goes_on_where_it_was(run, source):
    async def scenario(feed):
        heard = bytearray()
        feed.follow_log(heard.extend)
        feed.stop()
        assert not feed.is_running
        with run.log.open("ab") as log:
            log.write(b"meanwhile\n")
        await asyncio.sleep(0.1)
        assert not heard
        feed.start()
        await until(lambda: bytes(heard) == b"meanwhile\n")

    on_feed(run, source, scenario)


def test_it_ends_with_its_last_panel(run, source):
    async def scenario(feed):
        end = feed.show([Part(Sent, frozenset({reading.STATE}), 1.0)])
        assert feed.is_running
        end()
        assert not feed.is_running

    on_feed(run, source, scenario)


@pytest.mark.parametrize(
    ("path", "topics"),
    [
        ("status.json", {"state"}),
        ("attempts/1/exit.json", {"state"}),
        ("control/ack/x.json", {"state"}),
        ("events.jsonl", {"events"}),
        ("metrics/train/live-1-0.arrows", {"train"}),
        ("metrics/system/seg-1-0.parquet", {"system"}),
        ("metrics/experts/live-1-0.arrows", set()),
        ("train.log", set()),
        ("checkpoints/step-00000010/adapter.bin", set()),
        (".status.json.12.tmp", set()),
        ("/elsewhere/status.json", set()),
    ],
)
def test_what_a_file_is_news_of(run, path, topics):
    assert reading.topics_of(run, str(run.root / path)) == topics


def test_a_second_listener_continues_from_the_first(run, source):
    run.log.write_bytes(b"0123456789\n")
    feed = JobFeed(run, source)
    first, _ = feed.follow_log(lambda _data: None)
    with run.log.open("ab") as log:
        log.write(b"more\n")
    second, _ = feed.follow_log(lambda _data: None)
    assert first == second == 11
    assert LogTail(run.log).lines_before(first, 5)[1] == b"0123456789\n"


def test_a_snapshot_that_cannot_be_read_claims_nothing(tmp_path):
    home = Home(tmp_path)
    job = install(home, "failed")
    run, client = home.run(job.id), Client(home)
    reader = RunReader(run, client)
    before = reader.read({STATE}).snapshot.run
    for damage in ("", "[]", '{"step": "abc"}'):
        run.status.write_text(damage)
        assert reader.read({STATE}).snapshot.run == before
        fresh = RunReader(run, client).read({STATE}).snapshot.run
        assert (fresh.step, fresh.total_steps) == (job.step, job.total_steps)
        assert fresh.checkpoints.last_step == run.checkpoint_steps()[-1]


def test_a_folder_that_is_gone_is_no_lost_job(tmp_path):
    home = Home(tmp_path / "home")
    job = install(home, "failed", "moved")
    reader = RunReader(home.run(job.id), Client(home))
    shutil.move(home.run(job.id).root, tmp_path / "elsewhere")
    with pytest.raises(JobNotFoundError, match="The folder of 'moved' is gone"):
        reader.read({STATE})
