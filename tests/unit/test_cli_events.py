"""`gladius events`."""

import json

import pytest

from gladius_widgets.cli.events import EventType
from gladius_widgets.client import Client
from gladius_widgets.core.states import JobStatus
from gladius_widgets.store.registry.registry import Registry
from gladius_widgets.store.run.events import TYPES, append_event


@pytest.fixture
def job(home):
    Registry(home).insert(id="job-1", name="first", created_by="ada")
    run = Client(home).run("job-1")
    run.create()
    append_event(run, "status", "Training from step 0", {"step": 0}, source="trainer", attempt=1)
    append_event(run, "warning", "GPU is \x1b[31mhot\x1b[0m", {"temp_c": 91}, source="runner")
    append_event(run, "error", "Out of memory", {"step": 7}, source="trainer", attempt=1)
    return run


def test_lists_oldest_first_as_text_that_moves_no_cursor(job, in_process):
    code, out, _ = in_process("events", "first")
    lines = out.splitlines()
    assert code == 0
    assert [line.split()[2] for line in lines] == ["status", "warning", "error"]
    assert lines[0].endswith("Training from step 0")
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("options", "types"),
    [
        (["--type", "error"], ["error"]),
        (["--type", "error", "--type", "status"], ["status", "error"]),
        (["--search", "TEMP_C hot"], ["warning"]),
        (["--search", "memory", "--type", "status"], []),
        (["-n", "1"], ["error"]),
        (["-n", "0"], []),
    ],
)
def test_types_words_and_number(job, in_process, options, types):
    code, out, _ = in_process("events", "first", "--json", *options)
    assert code == 0
    assert [event["type"] for event in json.loads(out)] == types


def test_json_is_what_stands_in_the_file(job, in_process):
    _, out, _ = in_process("events", "first", "--json")
    written = [json.loads(line) for line in job.events.read_text().splitlines()]
    assert json.loads(out) == written


def test_times_of_any_value(job, in_process):
    with job.events.open("a") as file:
        for moment in (-1, 1e30, 0):
            line = {"time": moment, "type": "status", "message": f"at {moment}"}
            file.write(json.dumps(line) + "\n")
    code, out, _ = in_process("events", "first", "--search", "at")
    assert code == 0
    assert len(out.splitlines()) == 3


def test_follow_goes_on_until_the_job_ends(job, in_process, home):
    append_event(job, "status", "Run completed", source="runner", attempt=1)
    Registry(home).update("job-1", status=JobStatus.COMPLETED)
    code, out, _ = in_process("events", "first", "-f", "--json", "--type", "status")
    assert code == 0
    assert [json.loads(line)["message"] for line in out.splitlines()] == [
        "Training from step 0",
        "Run completed",
    ]


def test_the_types_are_those_of_the_store():
    assert tuple(EventType) == TYPES


def test_unknown_job_and_type_are_refused(job, in_process):
    code, _, err = in_process("events", "nobody")
    assert code == 1
    assert "nobody" in err
    code, _, err = in_process("events", "first", "--type", "party")
    assert code == 2
