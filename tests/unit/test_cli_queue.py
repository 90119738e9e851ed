"""The queue's commands from a shell, in words and in JSON, and the times that people type."""

import json
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gladius_widgets.cli.moments import parse_moment
from gladius_widgets.client import Client
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.states import JobStatus

NOW = datetime(2026, 11, 22, 10, 30, 20).astimezone()


@pytest.fixture
def run(in_process, tmp_path):
    """As `in_process`, with CONFIG for a small config."""
    config = tmp_path / "tiny.yaml"
    config.write_text("model:\n  name: org/model\ndata:\n  path: org/data\n")
    return lambda *arguments: in_process(*(config if a == "CONFIG" else a for a in arguments))


def ids(run):
    return {job["name"]: job["id"] for job in json.loads(run("jobs", "--json")[1])}


def test_submit_says_what_a_job_waits_for(run):
    run("submit", "CONFIG", "--name", "first")
    code, out, _ = run("submit", "CONFIG", "--name", "second", "--after", "first", "--start-at",
                       "+2h", "--hold", "--json")  # fmt: skip
    assert (code, json.loads(out)["status"]) == (0, "queued")
    second = next(j for j in json.loads(run("jobs", "--json")[1]) if j["name"] == "second")
    assert second["held"]
    assert second["depends_on"] == [ids(run)["first"]]
    assert second["not_before"] == pytest.approx(time.time() + 7200, abs=60)
    assert run("submit", "CONFIG", "--after", "nobody")[0] == 1
    code, _, err = run("submit", "CONFIG", "--start-at", "soon")
    assert (code, "'soon' is no time to start at" in err) == (1, True)
    assert len(ids(run)) == 2


def test_submit_after_a_job_that_has_failed_says_what_it_takes(run, home):
    run("submit", "CONFIG", "--name", "first")
    Client(home)._registry.update(ids(run)["first"], status=JobStatus.FAILED)
    told = "'first' is failed: this job waits until it is resumed and completes."
    code, out, err = run("submit", "CONFIG", "--name", "second", "--after", "first")
    assert (code, told in err, told in out) == (0, True, False)
    code, out, err = run("submit", "CONFIG", "--name", "second", "--after", "first", "--json")
    assert (code, json.loads(out)["status"], told in err) == (0, "queued", True)
    assert run("submit", "CONFIG", "--name", "third", "--after", ids(run)["second"])[2] == ""


def test_the_queue_as_a_table_and_as_json(run):
    assert "The queue is empty." in run("queue")[1]
    for name in ("a", "b", "<b>c"):
        run("submit", "CONFIG", "--name", name)
    assert run("hold", "a")[:2] == (0, "a is held\n")
    assert run("reorder", "<b>c", "--before", "b")[:2] == (0, "<b>c starts before b now\n")
    _, out, _ = run("queue")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["0", "of", "3", "slots", "in", "use"]
    assert [(line[0], line[2], line[-1]) for line in lines[2:5]] == [
        ("1", "a", "Held"), ("2", "<b>c", "now"), ("3", "b", "now"),
    ]  # fmt: skip
    view = json.loads(run("queue", "--json")[1])
    assert [one["job"]["name"] for one in view["waiting"]] == ["a", "<b>c", "b"]
    assert [one["place"] for one in view["waiting"]] == [1, 2, 3]
    assert run("unhold", "a")[0] == 0
    assert run("reorder", "a", "--json")[0] == 0
    assert [one["job"]["name"] for one in json.loads(run("queue", "--json")[1])["waiting"]] == [
        "<b>c", "b", "a",
    ]  # fmt: skip


def test_what_cannot_be_is_told_with_exit_code_1(run):
    run("submit", "CONFIG", "--name", "a")
    run("hold", "a")
    code, out, err = run("hold", "a", "--json")
    assert (code, json.loads(out)["error"]) == (1, "'a' is held already.")
    assert "'a' is held already." in err
    assert run("delete", "a")[0] == 1
    assert run("restore", "../a")[0] == 1
    assert run("reorder", "a", "--before", "b")[0] == 1
    assert run("clone", "a", "--set", "training.max_step=1")[0] == 1
    assert run("clone", "a", "--set", "max_steps")[0] == 1
    assert run("reorder")[0] == 2
    assert list(ids(run)) == ["a"]


def test_clone_delete_restore_and_the_trash(run):
    run("submit", "CONFIG", "--name", "a")
    code, out, _ = run("clone", "a", "--set", "training.max_steps=7", "--name", "b")
    assert code == 0
    assert Client().config(out.split()[1]).training.max_steps == 7
    run("cancel", "b", "--reason", "no")
    job_id = ids(run)["b"]
    assert f"gladius restore {job_id}" in run("delete", "b")[1]
    assert "trash is empty" not in run("trash")[1]
    assert [one["id"] for one in json.loads(run("trash", "--json")[1])] == [job_id]
    assert run("delete", job_id)[0] == 1
    assert json.loads(run("restore", job_id, "--json")[1]) == {"id": job_id, "status": "cancelled"}
    assert run("trash")[1] == "The trash is empty.\n"
    run("delete", "b")
    assert json.loads(run("trash", "--empty", "--json")[1]) == {"deleted": 1}
    assert run("restore", job_id)[0] == 1


def test_a_clone_can_wait_as_a_submitted_job_can(run):
    run("submit", "CONFIG", "--name", "a")
    later = ["--hold", "--after", "a", "--start-at", "+2h"]
    job = Client().job(run("clone", "a", *later)[1].split()[1])
    assert (job.held, job.depends_on) == (True, (Client().job("a").id,))
    assert job.not_before > job.created_at + 7000
    assert run("clone", "a", "--after", "nobody")[0] == 1
    assert run("clone", "a", "--start-at", "yesterday")[0] == 1
    assert len(ids(run)) == 2


@pytest.mark.parametrize(
    "command", ["queue", "hold", "unhold", "reorder", "clone", "delete", "restore", "trash"]
)
def test_every_command_explains_itself(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "--json" in out
    assert "--home" in out


def test_durations_in_the_list_leave_out_the_gaps(run):
    run("submit", "CONFIG", "--name", "a")
    Client()._registry.update(
        ids(run)["a"], status=JobStatus.STOPPED, started_at=1000.0, ended_at=90_000.0, ran_s=372.0
    )
    assert "6m 12s" in run("jobs")[1]


# Times


@pytest.mark.parametrize(
    ("text", "expected"),
    [("+2h30m", NOW + timedelta(hours=2.5)), ("+45m", NOW + timedelta(minutes=45)),
     ("+1d", NOW + timedelta(days=1)), ("18:05", NOW.replace(hour=18, minute=5, second=0)),
     ("10:30", NOW.replace(second=0) + timedelta(days=1)),
     ("2026-12-01T18:30", datetime(2026, 12, 1, 18, 30).astimezone()),
     ("2026-12-01", datetime(2026, 12, 1).astimezone()),
     ("2026-12-01T18:30+00:00", datetime.fromisoformat("2026-12-01T18:30+00:00"))],
)  # fmt: skip
def test_times_as_people_type_them(text, expected):
    assert parse_moment(text, NOW.timestamp()) == pytest.approx(expected.timestamp(), abs=1e-3)


@pytest.mark.parametrize("text", ["", "+", "25:00", "soon", "2026-13-01", "+99999d", "9999999"])
def test_what_is_no_time_is_a_sentence(text):
    with pytest.raises(GladiusError, match="is no time to start at"):
        parse_moment(text, NOW.timestamp())


def test_a_time_that_has_passed_is_a_sentence():
    with pytest.raises(GladiusError, match="has passed"):
        parse_moment("2020-01-01", NOW.timestamp())


def unix_s(zone, *time, fold=0):
    return datetime(*time, fold=fold, tzinfo=ZoneInfo(zone)).timestamp()


@pytest.fixture
def live_in(monkeypatch):
    """Sets the zone of this process."""

    def move(zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("zone", "eve", "typed", "means"),
    [
        ("America/New_York", (2026, 3, 7, 22, 0), "02:30", (2026, 3, 8, 3, 30)),
        ("America/New_York", (2026, 3, 8, 0, 30), "02:30", (2026, 3, 8, 3, 30)),
        ("America/New_York", (2026, 3, 7, 22, 0), "2026-03-08T02:30", (2026, 3, 8, 3, 30)),
        ("Europe/Berlin", (2026, 3, 28, 22, 0), "02:30", (2026, 3, 29, 3, 30)),
        ("Europe/London", (2026, 3, 28, 22, 0), "01:05", (2026, 3, 29, 2, 5)),
        ("Australia/Lord_Howe", (2026, 10, 3, 22, 0), "02:15", (2026, 10, 4, 2, 45)),
        ("America/Havana", (2026, 3, 7, 22, 0), "00:30", (2026, 3, 8, 1, 30)),
        ("UTC", (2026, 3, 7, 22, 0), "02:30", (2026, 3, 8, 2, 30)),
    ],
)
def test_a_time_that_the_clock_skips_is_as_long_after_the_change(live_in, zone, eve, typed, means):
    live_in(zone)
    assert parse_moment(typed, unix_s(zone, *eve)) == unix_s(zone, *means)


@pytest.mark.parametrize(
    ("zone", "before", "typed", "twice"),
    [
        ("America/New_York", (2026, 10, 31, 22, 0), "01:30", (2026, 11, 1, 1, 30)),
        ("Europe/Berlin", (2026, 10, 24, 22, 0), "02:30", (2026, 10, 25, 2, 30)),
        ("Australia/Lord_Howe", (2026, 4, 4, 22, 0), "01:45", (2026, 4, 5, 1, 45)),
    ],
)
def test_a_time_that_the_clock_shows_twice_is_the_next_of_the_two(
    live_in, zone, before, typed, twice
):
    live_in(zone)
    first, second = unix_s(zone, *twice), unix_s(zone, *twice, fold=1)
    assert second > first
    assert parse_moment(typed, unix_s(zone, *before)) == first
    assert parse_moment(typed, first + 120) == second
    iso = "{}-{:02}-{:02}T{:02}:{:02}".format(*twice)
    assert parse_moment(iso, unix_s(zone, *before)) == first
    assert parse_moment(iso, first + 120) == second
    year, month, day, *clock = twice
    assert parse_moment(typed, second + 120) == unix_s(zone, year, month, day + 1, *clock)


# Pauses, and jobs that wait for others


def test_the_queue_is_paused_and_resumed(run):
    run("submit", "CONFIG", "--name", "a", "--hold")
    assert run("queue", "--pause", "new disk")[0] == 0
    assert "The queue is paused: new disk" in run("queue")[1]
    assert json.loads(run("queue", "--json")[1])["pauses"][0]["reason"] == "new disk"
    assert "The queue goes on." in run("queue", "--resume")[1]
    assert "was not paused" in run("queue", "--resume")[1]


def test_show_and_jobs_say_why_a_job_waits_for_one_that_failed(run):
    for name in ("first", "second"):
        run("submit", "CONFIG", "--name", name, "--hold")
    assert run("after", "second", "first")[0] == 0
    assert run("unhold", "second")[0] == 0
    Client()._registry.update(ids(run)["first"], status=JobStatus.FAILED)
    second = ids(run)["second"]
    for command in (("show", "second"), ("jobs",)):
        shown = run(*command)[1]
        assert "Waits for" in shown, command
        assert "first" in shown
        assert f"gladius after {second} --none" in shown
    assert run("after", "second", "--none")[0] == 0
    assert "Waits for" not in run("show", "second")[1]
    assert run("after", "second")[0] == 2
