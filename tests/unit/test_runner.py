import os
import signal
import time

import pytest

from gladius_widgets.core.atomic import write_json
from gladius_widgets.core.config.load import parse_config
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import RunError, RunStatus
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.runner.ending import Evidence, judge
from gladius_widgets.runner.environment import training_environment
from gladius_widgets.runner.launch import launch_command
from gladius_widgets.runner.shutdown import Reason
from gladius_widgets.runner.snapshot import caught_up, first_snapshot, last_snapshot
from gladius_widgets.runner.watchdog import Watchdog

ONE_RANK = "subprocess.CalledProcessError: Command '[…]' died with <Signals.SIGKILL: 9>.\n"
# What torch's launcher prints: the first part is about a rank that was ended because of another.
TWO_RANKS = """\
Failures:
[1]:
  rank      : 0 (local_rank: 0)
  exitcode  : -15 (pid: 12642)
------------------------------------------------------
Root Cause (first observed failure):
[0]:
  rank      : 1 (local_rank: 1)
  exitcode  : -9 (pid: 12643)
  traceback : Signal 9 (SIGKILL) received by PID 12643
"""


@pytest.fixture
def run(tmp_path):
    run = RunDirectory(tmp_path / "run-000001")
    run.create()
    run.attempt(1).ranks.mkdir(parents=True)
    return run


def end(run, returncode, state="training", *, log="", reason=Reason.NONE, error=None, kills=0):
    run.log.write_text("an earlier attempt died with <Signals.SIGSEGV: 11>.\n")
    start = run.log.stat().st_size
    with run.log.open("a") as file:
        file.write(log)
    snapshot = RunStatus(state=state, error=error) if state else None
    return judge(Evidence(run.attempt(1), returncode, snapshot, reason, run.log, start, kills))


def failure(run, rank, kind, message="why", age_s=0):
    path = run.attempt(1).fail(rank)
    write_json(path, {"type": kind, "message": message})
    os.utime(path, (time.time() - age_s,) * 2)


@pytest.mark.parametrize("state", ["completed", "stopped", "paused"])
def test_a_trainer_that_ended_in_good_order_is_believed(run, state):
    ending = end(run, 0, state)
    assert (ending.status, ending.error, ending.returncode) == (state, None, 0)


def test_a_good_word_before_a_bad_exit_is_not_believed(run):
    assert end(run, 1, "completed").status == JobStatus.FAILED


def test_an_exit_without_a_word_is_a_failure(run):
    ending = end(run, 0, "training")
    assert ending.status == JobStatus.FAILED
    assert "without saying" in ending.error.message


@pytest.mark.parametrize(
    ("returncode", "state"), [(1, "training"), (143, "failed"), (0, "stopped")]
)
def test_a_cancel_holds_whatever_the_trainer_said(run, returncode, state):
    assert end(run, returncode, state, reason=Reason.CANCEL).status == JobStatus.CANCELLED


def test_a_cancel_that_came_after_the_end_changes_nothing(run):
    assert end(run, 0, "completed", reason=Reason.CANCEL).status == JobStatus.COMPLETED


@pytest.mark.parametrize("log", [ONE_RANK, TWO_RANKS])
def test_the_signal_is_read_from_the_launchers_last_lines(run, log):
    ending = end(run, 1, log=log)
    assert (ending.signal, ending.error.type) == ("SIGKILL", "SIGKILL")
    assert "by hand" in ending.error.message


def test_the_kernels_memory_killer_is_named_when_it_was_it(run):
    assert "ran out of memory" in end(run, 1, log=ONE_RANK, kills=1).error.message


def test_a_killed_launcher_is_named(run):
    failure(run, 0, "SIGTERM")  # what the rank said when its launcher died
    for reason in (Reason.NONE, Reason.LEFT_BEHIND):
        ending = end(run, -9, reason=reason)
        assert ending.signal == "SIGKILL"
        assert ending.error.message == "The launcher was killed from outside by SIGKILL."


def test_the_first_failure_of_its_own_is_the_cause(run):
    failure(run, 0, "PeerLost", "gloo says no", age_s=9)
    failure(run, 1, "ValueError", "upside down", age_s=5)
    failure(run, 2, "KeyError", "later", age_s=1)
    assert end(run, 1, log=TWO_RANKS).error == RunError(type="ValueError", message="upside down")


def test_a_lost_peer_is_not_the_cause_when_a_rank_was_killed(run):
    failure(run, 0, "PeerLost", "gloo says no")
    assert end(run, 1, log=TWO_RANKS).error.type == "SIGKILL"
    assert end(run, 1).error.type == "PeerLost"


def test_a_rank_killed_from_outside_is_not_mistaken_for_its_launcher(run):
    failure(run, 0, "PeerLost", "gloo says no")
    ending = end(run, -9, reason=Reason.RANK_DIED)  # we ended the launcher ourselves
    assert ending.error.type == ending.signal == "SIGKILL"
    assert ending.error.message.startswith("A training process was killed by SIGKILL")


def test_without_any_trace_the_last_line_of_the_log_is_shown(run):
    error = end(run, 2, None, log="usage: accelerate\nno such flag\n").error
    assert error.message == "The launcher ended with code 2; the log's last line: no such flag"


def test_an_ended_hang_is_called_so(run):
    assert end(run, 1, log=ONE_RANK, reason=Reason.HANG).error.type == "hang"


# Launch


def config(**resources):
    text = "model: {name: m}\ndata: {path: d}\n"
    return parse_config(f"{text}resources: {resources}\n" if resources else text)


@pytest.fixture
def accelerate(monkeypatch):
    monkeypatch.setenv("GLADIUS_ACCELERATE", "/bin/true")


def flags(run, gpus=0, **resources):
    command, environment = launch_command(config(**resources), run, 2, gpus)
    trainer = command.index("-m")
    assert command[trainer:] == [
        "-m", "gladius_widgets.training", "--run", str(run.root), "--attempt", "2",
    ]  # fmt: skip
    assert command[2:4] == ["--gpu_ids", "all"]
    return command[4:trainer], environment


def test_one_process_on_the_cpu(run, accelerate):
    given, environment = flags(run, device="cpu")
    assert "--cpu" in given
    assert "--multi_gpu" not in given
    assert environment == {"ACCELERATE_USE_CPU": "true"}


def test_two_processes_on_the_cpu_are_two(run, accelerate):
    given, environment = flags(run, device="auto", processes=2)
    assert "--cpu" not in given  # with it, accelerate starts one
    assert given[given.index("--num_processes") + 1] == "2"
    assert {"--multi_gpu", "--main_process_port"} <= set(given)
    assert environment == {"ACCELERATE_USE_CPU": "true"}


def test_gpus_are_used_where_there_are_some(run, accelerate):
    given, environment = flags(run, gpus=8, processes=2)
    assert "--multi_gpu" in given
    assert environment == {}


def test_more_gpus_than_there_are_is_a_sentence(run, accelerate):
    with pytest.raises(GladiusError, match="asks for 4 GPUs and this job was given 2"):
        flags(run, gpus=2, device="gpu", processes=4)


def test_an_accelerate_config_decides_itself(run, accelerate):
    given, _ = flags(run, accelerate_config="/fsdp.yaml", processes=8)
    assert given == ["--config_file", "/fsdp.yaml"]


def test_names_of_the_environment_are_allowed_not_forbidden():
    source = {
        "PATH": "/bin", "HF_HOME": "/hf", "HF_TOKEN": "x", "HUGGING_FACE_HUB_TOKEN": "x",
        "TOKENIZERS_PARALLELISM": "false", "AWS_PROFILE": "x", "PIP_INDEX_URL": "https://a:b@c/",
        "PIP_NO_INDEX": "1", "no_proxy": "localhost", "GLADIUS_TOKEN": "x", "HF_SECRET_KEY": "x",
    }  # fmt: skip
    kept = training_environment(source, threads=2, extra={"ACCELERATE_USE_CPU": "true"})
    assert kept == {
        "PATH": "/bin", "HF_HOME": "/hf", "TOKENIZERS_PARALLELISM": "false", "PIP_NO_INDEX": "1",
        "no_proxy": "localhost", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8",
        "OMP_NUM_THREADS": "2", "ACCELERATE_USE_CPU": "true",
    }  # fmt: skip


# Snapshots and hangs


def test_a_new_attempt_keeps_the_progress_in_view():
    before = RunStatus(state=JobStatus.FAILED, step=40, total_steps=60, error=RunError(message="x"))
    before.stages[Stage.TRAINING].state = "failed"
    now = first_snapshot(before, 2)
    assert (now.state, now.attempt, now.step, now.error) == (JobStatus.PROVISIONING, 2, 40, None)
    assert now.stages[Stage.TRAINING].state == "pending"


def test_a_killed_trainers_snapshot_catches_up_with_its_rows():
    before = RunStatus(state=JobStatus.TRAINING, step=145, loss=2.4, samples=580, grad_norm=1.0)
    row = {"batch": 8, "learning_rate": 1e-3, "grad_norm": None, "samples": 4}
    rows = [row | {"step": step, "loss": step / 100} for step in (144, 145, 146, 147)]
    now = caught_up(before, rows)
    assert (now.step, now.loss, now.samples, now.grad_norm) == (147, 1.47, 588, 1.0)
    assert caught_up(before, rows[:2]) is before
    assert caught_up(before, []) is before


def test_the_stage_that_was_active_ends_with_the_run():
    before = RunStatus(state=JobStatus.TRAINING)
    before.stages[Stage.TRAINING].state = "active"
    before.stages[Stage.TRAINING].started_at = time.time() - 5
    for ending, outcome in [(JobStatus.FAILED, "failed"), (JobStatus.STOPPED, "done")]:
        error = RunError(message="x") if ending == JobStatus.FAILED else None
        stage = last_snapshot(before, 1, ending, error).stages[Stage.TRAINING]
        assert (stage.state, stage.duration_s) == (outcome, pytest.approx(5, abs=1))


def test_a_hang_is_told_once_and_not_in_a_pause():
    watchdog = Watchdog(timeout_s=0.05)
    still = RunStatus(state=JobStatus.TRAINING, step=3, progressed_at=1.0)
    assert watchdog.check(None) is None
    assert watchdog.check(still) is None  # it has only just begun to train
    time.sleep(0.06)  # the time that a hang takes
    assert "at step 3" in watchdog.check(still)
    assert watchdog.check(still) is None
    paused = still.model_copy(update={"state": JobStatus.PAUSED})
    assert watchdog.check(paused) is None
    assert watchdog.check(still) is None  # after a pause the clock starts again
    moving = still.model_copy(update={"progressed_at": time.time()})
    assert watchdog.check(moving) is None


def test_signals_have_names(run):
    assert end(run, -signal.SIGTERM).signal == "SIGTERM"
