import pytest

from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.money.cost import AttemptHistory, BillableSpan, breakdown
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.store.run import events
from gladius_widgets.store.run.cost_history import CostHistoryReader


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path / "r")
    run.create()
    return run


def attempt(run, number, started_at, ended_at=None, status="completed"):
    folder = run.attempt(number)
    folder.ranks.mkdir(parents=True)
    runner = ProcessIdentity.of().to_dict()
    write_json(folder.proc, {"runner": runner, "launcher": None, "started_at": started_at})
    if ended_at is not None:
        write_json(folder.exit, {"status": status, "ended_at": ended_at})


@pytest.fixture
def say(run, monkeypatch):
    def say(moment, number, status, kind="status"):
        monkeypatch.setattr(events.time, "time", lambda: moment)
        events.append_event(run, kind, "x", {"status": status}, source="test", attempt=number)

    return say


def test_attempts_pauses_and_what_came_before_training(run, say):
    attempt(run, 1, 100, 1000, status="paused")
    attempt(run, 2, 2000)
    for moment, number, status in [
        (100, 1, "provisioning"), (200, 1, "training"), (500, 1, "paused"), (600, 1, "training"),
        (900, 1, "paused"), (1000, 1, "paused"), (2000, 2, "provisioning"), (2100, 2, "training"),
        (2500, 2, "paused"),
    ]:  # fmt: skip
        say(moment, number, status)
    reader = CostHistoryReader(run)
    history = reader.read()
    assert history == [
        AttemptHistory(
            1, BillableSpan(100, 1000), 200, (BillableSpan(500, 600), BillableSpan(900))
        ),
        AttemptHistory(2, BillableSpan(2000), 2100, (BillableSpan(2500),)),
    ]
    told = breakdown(history, 3600.0, 1, now=3000)
    assert (told.provisioning.cost, told.training.cost, told.paused.cost) == (200, 1000, 700)
    say(2600, 2, "stopping")  # only what is new is read
    assert reader.read()[1].pauses == (BillableSpan(2500, 2600),)


def test_other_events_that_name_a_status_do_not_count(run, say):
    attempt(run, 1, 100, 1000)
    say(200, 1, "training")
    say(300, 1, "paused", kind="command")
    say(400, None, "paused")
    say(500, 1, 7)
    assert CostHistoryReader(run).read()[0].pauses == ()


def test_without_events_the_snapshot_tells_when_training_began(run):
    attempt(run, 1, 100, 1000)
    status = RunStatus(state=JobStatus.COMPLETED, attempt=1)
    status.stages[Stage.TRAINING].started_at = 250.0
    status.write(run)
    assert CostHistoryReader(run).read()[0].training_from == 250
    attempt(run, 2, 2000)  # of which the snapshot says nothing
    assert [one.training_from for one in CostHistoryReader(run).read()] == [250, None]


def test_a_run_that_never_got_a_machine_cost_nothing(run):
    told = breakdown(CostHistoryReader(run).read(), 2.0, 1, now=1000)
    assert told.attempts == ()
    assert told.total.cost == 0
