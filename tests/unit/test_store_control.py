import json
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Command
from gladius_widgets.store.run import requests


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path / "job")
    run.create()
    return run


def plant(run, name, value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    (run.requests / name).write_bytes(data)


ID = "0123456789abcdef" * 2
GOOD = {
    "id": ID,
    "seq": 1,
    "command": "pause",
    "args": {},
    "requested_by": "ann",
    "requested_at": 1.0,
}


def test_request_travels_to_the_other_side(run):
    made = requests.request(run, Command.SET, {"learning_rate": 1e-4}, "ann")
    assert requests.pending(run, set()) == [made]
    assert made.seq == 1
    assert made.command is Command.SET
    assert made.requested_by == "ann"
    assert abs(time.time() - made.requested_at) < 5
    assert requests.pending(run, {made.id}) == []


def test_requests_come_by_seq(run):
    made = [requests.request(run, Command.CHECKPOINT, {"n": n}) for n in range(12)]
    assert [r.seq for r in made] == list(range(1, 13))
    assert [r.args["n"] for r in requests.pending(run, set())] == list(range(12))


def test_clients_at_once_get_different_numbers(run):
    script = f"""
        from gladius_widgets.core.paths import RunDirectory
        from gladius_widgets.store.run import requests as control
        for _ in range(15):
            control.request(RunDirectory({str(run.root)!r}), "pause", None, "child")
    """
    children = [subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)]) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    assert [r.seq for r in requests.pending(run, set())] == list(range(1, 46))


def test_lock_held_by_a_stopped_client_only_delays(run, monkeypatch):
    monkeypatch.setattr(requests, "_LOCK_WAIT_S", 0.05)
    with requests._turn(run.requests):
        made = requests.request(run, Command.PAUSE)
    assert requests.pending(run, set()) == [made]


def test_refusals_say_why(run):
    with pytest.raises(GladiusError, match=r"no command 'puase'\. Did you mean 'pause'"):
        requests.request(run, "puase")  # type: ignore[arg-type]
    with pytest.raises(GladiusError, match="bytes"):
        requests.request(run, Command.SET, {"x": "y" * 100_000})
    with pytest.raises(GladiusError, match="not plain"):
        requests.request(run, Command.SET, {"x": object()})
    assert requests.ledger(run) == []


def test_run_that_cannot_be_written_to(tmp_path):
    (tmp_path / "job").write_text("a file")
    with pytest.raises(GladiusError, match="could not be written"):
        requests.request(RunDirectory(tmp_path / "job"), Command.PAUSE)


def test_no_control_folder_means_no_requests(tmp_path):
    run = RunDirectory(tmp_path / "none")
    assert requests.pending(run, set()) == []
    assert requests.acks(run) == []
    assert requests.ledger(run) == []


# Answers


def test_ack_tells_step_values_and_latency(run):
    made = requests.request(run, Command.SET, {"learning_rate": 1e-4}, "ann")
    given = requests.acknowledge(run, made, "applied", step=17, old=1e-3, new=1e-4)
    assert requests.ack(run, made.id) == given
    assert (given.step, given.old, given.new, given.reason) == (17, 1e-3, 1e-4, None)
    assert given.latency_s is not None
    assert 0 <= given.latency_s < 5
    assert given.acked_at >= made.requested_at
    assert requests.acks(run) == [given]


def test_wait_ack_returns_soon_after_the_answer(run):
    made = requests.request(run, Command.PAUSE)
    answer = threading.Timer(
        0.1, requests.acknowledge, (run, made, "rejected"), {"step": 3, "reason": "already paused"}
    )
    answer.start()
    found = requests.wait_ack(run, made.id, 10)
    returned_at = time.time()
    answer.join()
    assert found is not None
    assert found.reason == "already paused"
    assert returned_at - found.acked_at < 0.5


def test_wait_ack_gives_up(run):
    started = time.monotonic()
    assert requests.wait_ack(run, "nobody", 0.05) is None
    assert time.monotonic() - started < 2


def test_answer_that_is_not_readable_is_none(run):
    (run.acks / f"{ID}.json").write_text('{"id": "half')
    assert requests.ack(run, ID) is None
    assert requests.acks(run) == []
    (run.acks / f"{ID}.json").write_text("[]")
    assert requests.acks(run) == []


def test_ledger_has_asked_and_answered(run):
    first = requests.request(run, Command.PAUSE, {"release": True}, "ann")
    second = requests.request(run, Command.RESUME, None, "bob")
    requests.acknowledge(run, first, "rejected", step=5, reason="already paused")
    rejected, waiting = requests.ledger(run)
    assert rejected == {
        "id": first.id,
        "seq": 1,
        "command": "pause",
        "args": {"release": True},
        "requested_by": "ann",
        "requested_at": first.requested_at,
        "outcome": "rejected",
        "step": 5,
        "old": None,
        "new": None,
        "reason": "already paused",
        "acked_at": rejected["acked_at"],
        "latency_s": rejected["latency_s"],
    }
    assert (waiting["id"], waiting["outcome"], waiting["acked_at"]) == (second.id, "pending", None)
    json.dumps([rejected, waiting])


# Rubbish in the folder

RUBBISH = {
    "not JSON": (f"00000001-{ID}.json", b'{"id": "012', "not JSON"),
    "empty": (f"00000001-{ID}.json", b"", "not JSON"),
    "bytes": (f"00000001-{ID}.json", b"\xff\x00\xfe", "not JSON"),
    "a list": (f"00000001-{ID}.json", [1], "not that of its file name"),
    "another's id": (f"00000001-{ID}.json", GOOD | {"id": "f" * 32}, "not that of its file name"),
    "unknown command": (f"00000001-{ID}.json", GOOD | {"command": "puase"}, "Did you mean 'pause'"),
    "odd command": (f"00000001-{ID}.json", GOOD | {"command": ["pause"]}, "no command"),
    "args no object": (f"00000001-{ID}.json", GOOD | {"args": [1]}, "'args'"),
    "no time": (f"00000001-{ID}.json", {**GOOD, "requested_at": None}, "'requested_at'"),
    "too large": (f"00000001-{ID}.json", GOOD | {"args": {"x": "y" * 70_000}}, "larger than"),
    "nested": (f"00000001-{ID}.json", b"[" * 50_000, "not JSON"),
    "name": ("hello.json", GOOD, "not that of its file name"),
    "name with id only": (f"{ID}.json", GOOD, "not that of its file name"),
    "huge number": (f"{'9' * 30}-{ID}.json", GOOD, "not that of its file name"),
}


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_is_rejected_once_and_the_rest_is_obeyed(run, kind):
    name, value, reason = RUBBISH[kind]
    plant(run, name, value)
    good = requests.request(run, Command.STOP)
    handled: set[str] = set()
    assert requests.pending(run, handled) == [good]
    assert len(handled) == 1
    (answer,) = requests.acks(run)
    assert answer.outcome == "rejected"
    assert answer.reason is not None
    assert reason in answer.reason
    assert {answer.id} == handled
    assert requests.pending(run, handled) == [good]
    assert [entry["outcome"] for entry in requests.ledger(run)] == ["rejected", "pending"]


def test_things_that_are_no_files_do_not_block(run):
    os.mkfifo(run.requests / f"00000001-{ID}.json")
    (run.requests / f"00000002-{'a' * 32}.json").mkdir()
    (run.requests / f"00000003-{'b' * 32}.json").symlink_to("/etc/hostname")
    (run.requests / f"00000004-{'c' * 32}.json").symlink_to("/nonexistent")
    handled: set[str] = set()
    assert requests.pending(run, handled) == []
    assert len(handled) == 4
    assert {answer.outcome for answer in requests.acks(run)} == {"rejected"}
    reasons = sorted(str(answer.reason) for answer in requests.acks(run))
    assert reasons == ["the request is a link, not a file"] * 2 + ["the request is not a file"] * 2


def test_looking_for_a_cancel_is_not_held_up_by_things_that_are_no_files(run):
    os.mkfifo(run.requests / "fifo.json")
    os.mkfifo(run.requests / f"00000001-{ID}.json")
    assert requests.open_cancel(run) is None
    asked = requests.request(run, Command.CANCEL, {"reason": "x"}, "ada")
    assert requests.open_cancel(run) == asked
    requests.acknowledge(run, asked, "applied", step=None)
    assert requests.open_cancel(run) is None


def test_temporary_files_are_not_requests(run):
    plant(run, f".00000001-{ID}.json.123.tmp", b"{")
    assert requests.pending(run, set()) == []
    assert requests.acks(run) == []


def test_request_that_vanishes_is_nothing(run):
    made = requests.request(run, Command.PAUSE)
    (path,) = run.requests.iterdir()
    path.unlink()
    assert requests._parse(path, 1, made.id) is None


@pytest.mark.parametrize("outcome", ["applied", "rejected"])
def test_what_is_answered_waits_for_nobody_any_more(run, outcome):
    """A second attempt comes with no memory of what the first one did."""
    first, second = (requests.request(run, Command.CHECKPOINT) for _ in range(2))
    requests.acknowledge(run, first, outcome, step=3)
    assert requests.pending(run, set()) == [second]
    assert requests.requests(run) == [first, second]
    requests.acknowledge(run, second, outcome, step=4)
    assert requests.pending(run, set()) == []


def test_answer_given_earlier_is_not_replaced_by_a_rejection(run):
    made = requests.request(run, Command.PAUSE)
    given = requests.acknowledge(run, made, "applied", step=1)
    (path,) = run.requests.iterdir()
    path.write_text("rubbish now")
    requests.pending(run, set())
    assert requests.ack(run, made.id) == given


def test_forged_number_in_the_content_does_not_jump_the_queue(run):
    first = requests.request(run, Command.PAUSE)
    plant(run, f"00000007-{ID}.json", GOOD | {"seq": -5})
    assert [r.seq for r in requests.pending(run, set())] == [first.seq, 7]
