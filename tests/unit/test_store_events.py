import json
import resource
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.store.run.events import MAX_LINE_BYTES, EventReader, append_event


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path / "job")
    run.create()
    return run


def tell(run, message="something", payload=None, kind="status"):
    assert append_event(run, kind, message, payload, source="trainer", attempt=1)


def messages(events):
    return [event.message for event in events]


def test_events_come_once_and_in_order(run):
    reader = EventReader(run)
    assert reader.poll() == []
    tell(run, "one", {"step": 1})
    tell(run, "two", kind="warning")
    first, second = reader.poll()
    assert first.to_dict() | {"time": 0} == {
        "time": 0,
        "type": "status",
        "message": "one",
        "payload": {"step": 1},
        "source": "trainer",
        "attempt": 1,
    }
    assert (second.type, second.payload) == ("warning", None)
    tell(run, "three")
    assert messages(reader.poll()) == ["three"]
    assert messages(EventReader(run).poll()) == ["one", "two", "three"]


def test_unknown_type_is_named(run):
    with pytest.raises(ValueError, match="Did you mean 'warning'"):
        append_event(run, "warnin", "x", source="trainer")


@pytest.mark.parametrize(
    "message",
    [
        "\x1b[31mred\x1b[0m",
        "<script>alert(1)</script>",
        "line\nbreak\r\n and \x00 and \u2028",
        "half a pair \ud800",
        "日本語 🚀",
    ],
)
def test_message_stays_one_line_of_text(run, message):
    reader = EventReader(run)
    tell(run, message, {"text": message})
    (event,) = reader.poll()
    assert event.message == message.encode("utf-8", "replace").decode()
    assert run.events.read_bytes().count(b"\n") == 1


def test_numbers_that_json_has_not_and_foreign_objects(run):
    tell(
        run,
        "odd",
        {"nan": float("nan"), "inf": float("inf"), "array": np.arange(3), 7: run.root, "set": {1}},
    )
    (event,) = EventReader(run).poll()
    assert event.payload == {
        "nan": None,
        "inf": None,
        "array": [0, 1, 2],
        "7": str(run.root),
        "set": "{1}",
    }


def test_five_megabytes_are_cut_with_a_mark(run):
    tell(run, "x" * 5_000_000, {"dump": "y" * 5_000_000})
    (event,) = EventReader(run).poll()
    assert len(event.message) < 5000
    assert event.message.endswith("… (cut)")
    assert event.payload is not None
    assert event.payload["cut"] is True
    assert event.payload["size_bytes"] > 5_000_000
    assert event.payload["beginning"].startswith('{"dump":"yyy')
    assert run.events.stat().st_size < MAX_LINE_BYTES


def test_payload_that_cannot_be_json(run):
    endless: dict = {}
    endless["self"] = endless
    tell(run, "x", endless)
    tell(run, "y", {"huge": 10**40})
    first, second = EventReader(run).poll()
    assert first.payload is not None
    assert first.payload["cut"] is True
    assert second.payload is not None
    assert "10000" in second.payload["beginning"]


def test_line_that_is_not_whole_yet_waits(run):
    tell(run, "one")
    tell(run, "two")
    data = run.events.read_bytes()
    run.events.write_bytes(b"")
    reader, seen = EventReader(run), []
    with run.events.open("ab", buffering=0) as file:
        for i in range(len(data)):
            file.write(data[i : i + 1])
            seen += messages(reader.poll())
    assert seen == ["one", "two"]
    assert reader.bad_lines == 0


def test_torn_line_of_a_dead_writer_costs_only_itself(run):
    tell(run, "one")
    with run.events.open("ab") as file:
        file.write(b'{"time": 1, "type": "sta')
    reader = EventReader(run)
    assert messages(reader.poll()) == ["one"]
    tell(run, "two")
    assert messages(reader.poll()) == ["two"]
    assert reader.bad_lines == 1


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[]",
        b"null",
        b"{}",
        b'{"time": "soon", "type": "status", "message": "x"}',
        b'{"type": "status", "message": "x"}',
        b"\xff\xfe\x00",
        b"x" * (MAX_LINE_BYTES + 10),
        b"x" * (9 * 1024 * 1024),
    ],
)
def test_rubbish_between_events_is_counted_and_passed_over(run, line):
    tell(run, "one")
    with run.events.open("ab") as file:
        file.write(line + b"\n")
    tell(run, "two")
    reader = EventReader(run)
    assert messages(reader.poll()) == ["one", "two"]
    assert reader.bad_lines == 1


def test_event_of_a_newer_version_is_shown_as_far_as_it_is_known(run):
    value = {"time": 1, "type": "party", "message": "x", "payload": [1], "attempt": "a", "new": 2}
    run.events.write_text(json.dumps(value) + "\n")
    (event,) = EventReader(run).poll()
    assert (event.type, event.payload, event.source, event.attempt) == ("warning", None, "", None)


def test_file_that_was_replaced_or_cut_is_read_anew(run):
    reader = EventReader(run)
    tell(run, "one")
    tell(run, "two")
    assert len(reader.poll()) == 2
    run.events.write_bytes(b"")
    tell(run, "three")
    assert messages(reader.poll()) == ["three"]
    run.events.unlink()
    assert reader.poll() == []
    tell(run, "four")
    assert messages(reader.poll()) == ["four"]


def test_lines_of_many_processes_never_mix(run):
    script = f"""
        from gladius_widgets.core.paths import RunDirectory
        from gladius_widgets.store.run.events import append_event
        import os
        run = RunDirectory({str(run.root)!r})
        for i in range(200):
            name, fill = f"{{os.getpid()}} {{i}}", {{"fill": "z" * (i * 50)}}
            append_event(run, "metrics", name, fill, source="t")
    """
    children = [subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)]) for _ in range(3)]
    reader, seen = EventReader(run), []
    while any(child.poll() is None for child in children):
        seen += reader.poll()
    seen += reader.poll()
    assert [child.returncode for child in children] == [0, 0, 0]
    assert reader.bad_lines == 0
    assert len(set(messages(seen))) == len(seen) == 600


def test_full_disk_is_told_by_the_result_and_costs_no_event(run):
    tell(run, "one")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        limit = run.events.stat().st_size + 10
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        assert not append_event(run, "status", "late", source="trainer")
        assert not append_event(run, "status", "late too", source="trainer")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    tell(run, "two")
    assert messages(EventReader(run).poll()) == ["one", "late", "late too", "two"]


def test_missing_run_folder_is_no_exception(tmp_path):
    run = RunDirectory(tmp_path / "none")
    assert not append_event(run, "status", "x", source="trainer")
    assert EventReader(run).poll() == []


@settings(max_examples=100)
@given(st.lists(st.text(max_size=50), max_size=20), st.randoms())
def test_any_text_comes_back_in_order(tmp_path_factory, texts, chance):
    run = RunDirectory(tmp_path_factory.mktemp("job"))
    reader, seen = EventReader(run), []
    for text in texts:
        tell(run, text)
        if chance.random() < 0.3:
            seen += messages(reader.poll())
    seen += messages(reader.poll())
    assert seen == texts
    assert reader.bad_lines == 0
