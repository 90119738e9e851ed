"""What goes wrong in training, made to go wrong for real."""

import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import wait_until
from training.forked import Zygote
from training.harness import (
    Trainer,
    cap_memory,
    chat_with_poison,
    events,
    poisoned_changes,
    rows,
    start,
)

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.store.run.checkpoints import verify

NewRun = Callable[..., RunDirectory]
ENDLESS: dict[str, Any] = {
    "training.max_steps": 100_000,
    "checkpointing.interval_steps": None,
    "optimization.schedule": "constant",
}


def running(trainer: Trainer) -> Trainer:
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > 2)
    return trainer


def test_out_of_memory_is_recovered_from_with_the_same_samples(
    new_run: NewRun, zygote: Zygote
) -> None:
    trainer = running(zygote.train(new_run("oom", ENDLESS | {"training.max_oom_recoveries": 16})))
    cap_memory(trainer, spare_bytes=120 * 2**20)
    ack = trainer.ask(Command.SET, micro_batch_size=512, gradient_accumulation=1)
    trainer.until_step(ack.step + 2)
    status = trainer.until(lambda s: "gradient_accumulation" in s.live and s.step > ack.step)
    live = status.live
    assert live["micro_batch_size"] * live["gradient_accumulation"] == 512
    assert live["micro_batch_size"] < 512
    by_step = {row["step"]: row for row in rows(trainer.run).to_pylist()}
    assert by_step[ack.step + 1]["samples"] == 512
    assert by_step[ack.step + 1]["grad_norm"] > 0
    kind = "out_of_memory"
    autopsy = next(e for e in events(trainer.run) if (e.payload or {}).get("kind") == kind)
    assert autopsy.type == "error"
    assert autopsy.payload is not None
    assert autopsy.payload["batch_shapes"][0][0] == 512
    assert autopsy.payload["memory_total_bytes"] > 0
    assert autopsy.payload["suggestions"][0] == "Reduce training.micro_batch_size (now 512)"
    saved = [e for e in events(trainer.run) if (e.payload or {}).get("reason") == "out of memory"]
    assert saved, "an emergency checkpoint"
    trainer.process.kill()


@pytest.mark.parametrize("mode", ["pause", "fail"])
def test_out_of_memory_as_the_config_says(new_run: NewRun, zygote: Zygote, mode: str) -> None:
    run = new_run(f"oom-{mode}", ENDLESS | {"training.on_oom": mode})
    trainer = running(zygote.train(run))
    cap_memory(trainer, spare_bytes=120 * 2**20)
    trainer.ask(Command.SET, micro_batch_size=512)
    if mode == "fail":
        assert trainer.wait() == 1
        assert read_json(run.attempt(1).fail(0))["type"] == "OutOfMemory"
        assert "Reduce training.micro_batch_size" in trainer.log()
        return
    trainer.until(lambda s: s.state == JobStatus.PAUSED)
    assert trainer.ask(Command.SET, micro_batch_size=2).outcome == "applied"
    assert trainer.ask(Command.RESUME).outcome == "applied"
    step = trainer.status.step
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > step)
    trainer.process.kill()


def test_a_step_that_is_not_finite_is_skipped(
    new_run: NewRun, zygote: Zygote, poisoned: Path, tmp_path: Path
) -> None:
    data = chat_with_poison(tmp_path / "chat.jsonl", clean=19, bad=1)
    run = new_run("nan-once", poisoned_changes(poisoned, data))
    zygote.train(run).finish()
    table = rows(run).to_pylist()
    bad = [row for row in table if math.isnan(row["loss"])]
    assert len(table) == 20
    assert len(bad) == 1
    assert bad[0]["grad_norm"] is None
    assert math.isfinite(table[-1]["loss"]), "the weights are still finite"
    warning = next(e for e in events(run) if e.type == "warning" and "skipped" in e.message)
    payload = {"kind": "not_finite", "step": bad[0]["step"], "in_row": 1, "what": "loss"}
    assert warning.payload == payload
    assert read_json(run.summary_json)["skipped_steps"] == 1


def test_several_in_a_row_roll_back_and_then_end_the_run(
    new_run: NewRun, zygote: Zygote, poisoned: Path, tmp_path: Path
) -> None:
    data = chat_with_poison(tmp_path / "chat.jsonl", clean=20, bad=20)
    more = {"training.max_steps": 200, "checkpointing.interval_steps": 1}
    run = new_run("nan-often", poisoned_changes(poisoned, data) | more)
    trainer = zygote.train(run)
    assert trainer.wait() == 1
    rolled = [e for e in events(run) if "rolled back" in e.message]
    assert len(rolled) == 2, "as max_rollbacks says"
    fail = read_json(run.attempt(1).fail(0))
    assert fail["type"] == "GladiusError"
    assert "not finite" in fail["message"]
    assert trainer.status.state == JobStatus.FAILED
    assert "Traceback" not in trainer.log()


def test_sigterm_saves_within_the_grace_time(new_run: NewRun, zygote: Zygote) -> None:
    run = new_run("sigterm", ENDLESS)
    trainer = running(zygote.train(run))
    os.kill(trainer.process.pids[0], signal.SIGTERM)  # type: ignore[attr-defined]  # a Forked
    assert trainer.wait(30) == 143
    fail = read_json(run.attempt(1).fail(0))
    assert fail["type"] == "SIGTERM"
    assert run.checkpoint_steps() == [fail["step"]]
    assert verify(run.checkpoint(fail["step"]))[1] is None
    assert fail["message"] == f"Interrupted at step {fail['step']}; a checkpoint is saved."


def test_sigusr1_prints_every_stack(new_run: NewRun, zygote: Zygote) -> None:
    """What the runner's watchdog asks a hanging rank for."""
    trainer = running(zygote.train(new_run("stacks", ENDLESS)))
    os.kill(trainer.process.pids[0], signal.SIGUSR1)  # type: ignore[attr-defined]  # a Forked
    wait_until(lambda: "trainer.py" in trainer.log() and "Current thread" in trainer.log(), 10)
    step = trainer.status.step
    trainer.until(lambda s: s.step > step)
    trainer.process.kill()


def test_sigterm_while_paused(new_run: NewRun, zygote: Zygote) -> None:
    run = new_run("sigterm-paused", ENDLESS)
    trainer = running(zygote.train(run))
    trainer.ask(Command.PAUSE)
    os.kill(trainer.process.pids[0], signal.SIGTERM)  # type: ignore[attr-defined]  # a Forked
    assert trainer.wait(30) == 143
    assert verify(run.checkpoint(run.checkpoint_steps()[-1]))[1] is None


def test_kill_9_of_the_launcher_leaves_no_orphans(new_run: NewRun) -> None:
    """And with its ranks told by the kernel, a checkpoint is saved on the way out."""
    run = new_run("orphans", ENDLESS | {"resources.processes": 2})
    trainer = start(run, processes=2)
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > 2, timeout_s=120)
    ranks = [psutil.Process(read_json(run.attempt(1).rank(i))["pid"]) for i in (0, 1)]
    trainer.process.kill()
    trainer.process.wait()
    gone, alive = psutil.wait_procs(ranks, timeout=20)
    assert not alive
    assert len(gone) == 2
    assert run.checkpoint_steps()


def test_kill_9_of_one_rank_ends_the_other_and_says_so(new_run: NewRun, zygote: Zygote) -> None:
    run = new_run("peer", ENDLESS | {"resources.processes": 2})
    trainer = running(zygote.train(run, processes=2))
    os.kill(trainer.process.pids[1], signal.SIGKILL)  # type: ignore[attr-defined]  # a Forked
    assert trainer.wait(60)
    assert read_json(run.attempt(1).fail(0))["type"] == "PeerLost"
    assert not run.attempt(1).fail(1).exists(), "killed from outside: no word of its own"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data.path": "/nonexistent/chat.jsonl"}, "There is no data file /nonexistent/chat.jsonl"),
        ({"data.path": "no-such-owner/no-such-set"}, "and no hub data set of that name to be had"),
        ({"data.path": "chitchat"}, "There is no data file or folder 'chitchat', and no hub"),
        (
            {
                "model.name": "/nonexistent/model",
                "model.from_scratch": None,
                "model.train_tokenizer_vocab": None,
            },
            "There is no model folder /nonexistent/model",
        ),
        ({"resources.processes": 2}, "The config asks for 2 processes, but 1 were started."),
        (
            {"model.from_scratch": {"model_type": "qwen9_moe"}},
            "model.from_scratch is not a qwen9_moe model",
        ),
    ],
)
def test_what_is_not_there_is_one_sentence(
    new_run: NewRun, zygote: Zygote, changes: dict[str, Any], message: str, request: Any
) -> None:
    run = new_run(f"missing-{abs(hash(request.node.name)) % 10**9}", changes)
    trainer = zygote.train(run)
    assert trainer.wait(60) == 1
    assert message in trainer.log()
    assert "Traceback" not in trainer.log()
    fail = wait_until(lambda: read_json(run.attempt(1).fail(0)), 5)
    assert message in fail["message"]
    stages = trainer.status.stages
    assert "failed" in {state.state for state in stages.values()}
