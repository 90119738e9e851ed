"""Going on after too little memory, after losses that are not finite, and after SIGTERM."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training.forked import Zygote
from training.harness import (
    TINY_MOE,
    Trainer,
    cap_memory,
    chat_with_poison,
    config_of,
    events,
    merged,
    poisoned_changes,
    rows,
)

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import OUT_OF_MEMORY
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.store.run.checkpoints import verify
from gladius_widgets.store.run.requests import request, wait_ack
from gladius_widgets.training.data.batches import Batches, TokenData
from gladius_widgets.training.model.optimizer import allocate, build_optimizer

NewRun = Callable[..., RunDirectory]
ENDLESS: dict[str, Any] = {
    "training.max_steps": 100_000,
    "checkpointing.interval_steps": None,
    "optimization.schedule": "constant",
}
SPARE_BYTES = 120 * 2**20


def running(trainer: Trainer) -> Trainer:
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > 2)
    return trainer


def saved_state(run: RunDirectory) -> dict[str, Any]:
    step = run.checkpoint_steps()[-1]
    return (read_json(run.checkpoint(step) / "state.json") or {})["state"]


# Too little memory


@pytest.mark.parametrize("mode", ["recover", "fail"])
def test_what_worked_before_is_what_is_left(new_run: NewRun, zygote: Zygote, mode: str) -> None:
    """One bad `set` does not end a healthy run, and a resume never starts with it."""
    changes = {"training.on_oom": mode, "training.max_oom_recoveries": 1}
    run = new_run(f"oom-back-{mode}", ENDLESS | changes)
    trainer = running(zygote.train(run))
    cap_memory(trainer, SPARE_BYTES)
    ack = trainer.ask(Command.SET, micro_batch_size=2048)
    if mode == "fail":
        assert trainer.wait() == 1
    else:
        trainer.until_step((ack.step or 0) + 2)
        samples = {row["step"]: row["samples"] for row in rows(run).to_pylist()}
        assert samples[(ack.step or 0) + 1] == 2 * 2
        messages = [event.message for event in events(run)]
        assert (
            "Going on with micro-batches of 1024 (was 2048) and accumulation 4 (was 2) "
            "(the same samples a step)"
        ) in messages
        assert "Going on with micro-batches of 2 (was 1024) and accumulation 2 (was 4)" in messages
        trainer.process.kill()
    state = saved_state(run)
    assert state["step"] == ack.step
    assert state["live"]["micro_batch_size"] == 2
    assert state["live"]["gradient_accumulation"] == 2
    if mode == "recover":
        assert state["oom_recoveries"] == 2
        assert state["oom_in_row"] == 0


def test_a_pause_for_memory_says_why_until_it_ends(new_run: NewRun, zygote: Zygote) -> None:
    run = new_run("oom-pause-why", ENDLESS | {"training.on_oom": "pause"})
    trainer = running(zygote.train(run))
    cap_memory(trainer, SPARE_BYTES)
    ack = trainer.ask(Command.SET, micro_batch_size=2048)
    status = trainer.until(lambda s: s.state == JobStatus.PAUSED)
    assert status.error is not None
    assert status.error.type == OUT_OF_MEMORY
    step = (ack.step or 0) + 1
    assert status.error.message == f"Out of memory at step {step} with micro-batches of 2048."
    trainer.ask(Command.SET, micro_batch_size=2)
    trainer.ask(Command.RESUME)
    assert trainer.until(lambda s: s.state == JobStatus.TRAINING).error is None
    trainer.process.kill()


def test_a_validation_takes_smaller_batches_by_itself(new_run: NewRun, zygote: Zygote) -> None:
    """Its batches are as large as training's, and were never tried."""
    changes = {"data.validation_share": 0.45, "data.max_length": 256}
    run = new_run("oom-validation", ENDLESS | changes)
    trainer = running(zygote.train(run))
    trainer.ask(Command.PAUSE)
    trainer.ask(Command.SET, micro_batch_size=4096)
    whole = trainer.ask(Command.VALIDATE, split="validation")
    trainer.ask(Command.SET, micro_batch_size=2)
    trainer.ask(Command.RESUME)
    trainer.until_step((whole.step or 0) + 1)
    trainer.ask(Command.PAUSE)
    trainer.ask(Command.SET, micro_batch_size=4096)
    cap_memory(trainer, 12 * 2**20)
    ack = trainer.ask(Command.VALIDATE, split="validation")
    assert ack.outcome == "applied", ack.reason
    assert any("Out of memory in a validation" in event.message for event in events(run))
    table = rows(run, "validation").to_pylist()
    assert table[0]["tokens"] == table[1]["tokens"], "not one sample is left out"
    trainer.process.kill()


@pytest.fixture
def tokens(tmp_path: Path) -> TokenData:
    lengths = np.array([5, 9, 3, 8, 1, 7])
    chance = np.random.default_rng(0)
    np.save(tmp_path / "tokens.npy", chance.integers(0, 99, lengths.sum()).astype(np.int32))
    np.save(tmp_path / "supervised.npy", chance.random(lengths.sum()) < 0.6)
    np.save(tmp_path / "offsets.npy", np.concatenate([[0], np.cumsum(lengths)]))
    return TokenData(tmp_path, np.arange(len(lengths)), pad_id=0)


@pytest.mark.parametrize("packed", [False, True])
def test_what_batches_hold_is_known_before_they_are_built(
    tokens: TokenData, tmp_path: Path, packed: bool
) -> None:
    data = TokenData(tmp_path, np.arange(6), 0, pack_length=12) if packed else tokens
    parts = [np.array([0, 1]), np.array([2, 1])]
    batches = Batches(data, parts)
    built = list(batches)
    assert batches.shapes() == [tuple(batch.input_ids.shape) for batch in built]
    assert batches.counts() == (
        sum(batch.tokens for batch in built),
        sum(batch.supervised for batch in built),
    )


def test_moments_made_beforehand_are_those_that_adamw_makes() -> None:
    optimization = config_of(merged(TINY_MOE, {"data.path": "x"})).optimization
    states = []
    for beforehand in (True, False):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(4, 3)))
        optimizer = build_optimizer(model, optimization)
        if beforehand:
            allocate(optimizer)
        for _ in range(2):
            model(torch.ones(2, 4)).sum().backward()
            optimizer.step()
        states.append((optimizer.state_dict(), model.state_dict()))
    (one, one_weights), (two, two_weights) = states
    assert one["param_groups"] == two["param_groups"]
    assert one["state"].keys() == two["state"].keys()
    for index, moments in one["state"].items():
        assert all(torch.equal(value, two["state"][index][name]) for name, value in moments.items())
        assert moments.keys() == two["state"][index].keys()
    assert all(torch.equal(one_weights[name], two_weights[name]) for name in one_weights)


# Losses that are not finite


def test_a_roll_back_goes_to_before_the_streak(
    new_run: NewRun, zygote: Zygote, poisoned: Path, tmp_path: Path
) -> None:
    """Nothing is saved amid it by itself, or the roll-back would find what it is to undo."""
    data = chat_with_poison(tmp_path / "chat.jsonl", clean=30, bad=30)
    more = {
        "training.max_steps": 400,
        "training.max_nonfinite_in_row": 4,
        "checkpointing.interval_steps": 1,
        "checkpointing.keep_last": 2,
    }
    run = new_run("nan-rolled", poisoned_changes(poisoned, data) | more)
    zygote.train(run).wait()
    is_bad = {row["step"]: row["grad_norm"] is None for row in rows(run).to_pylist()}
    saved = [e.payload["step"] for e in events(run) if e.type == "checkpoint" and e.payload]
    reasons = {e.payload["step"]: e.payload["reason"] for e in events(run)
               if e.type == "checkpoint" and e.payload}  # fmt: skip
    assert any(is_bad.values())
    assert not [step for step in saved if is_bad[step] and reasons[step] == "interval"]
    rolled = [e for e in events(run) if "rolled back to the checkpoint of step" in e.message]
    assert rolled
    for event in rolled:
        assert not is_bad[int(event.message.split()[-1])]


def test_no_checkpoint_to_go_back_to_is_named_as_the_reason(
    new_run: NewRun, zygote: Zygote, poisoned: Path, tmp_path: Path
) -> None:
    data = chat_with_poison(tmp_path / "chat.jsonl", clean=0, bad=20)
    changes = poisoned_changes(poisoned, data) | {"checkpointing.interval_steps": None}
    trainer = zygote.train(new_run("nan-at-once", changes))
    assert trainer.wait() == 1
    fail = read_json(trainer.run.attempt(1).fail(0)) or {}
    assert "and there is no checkpoint from before (rolled back 0 of 2 times)" in fail["message"]


# In the middle of a validation


@pytest.fixture(scope="module")
def many_chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many that a validation takes a minute or so."""
    path = tmp_path_factory.mktemp("many") / "chat.jsonl"
    turns = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "how are you? " * 8},
    ]
    path.write_text("\n".join([json.dumps({"messages": turns})] * 30_000))
    return path


@pytest.fixture
def validating(
    new_run: NewRun, zygote: Zygote, many_chats: Path, request: pytest.FixtureRequest
) -> Iterator[Trainer]:
    """A run in the middle of its first validation."""
    processes = getattr(request, "param", 1)
    changes = {
        "data.path": str(many_chats),
        "data.validation_share": 0.9,
        "data.test_share": 0.01,
        "training.micro_batch_size": 1,
        "training.validation_interval_steps": 3,
        "resources.processes": processes,
        "training.sigterm_grace_s": 8.0,
    }
    run = new_run(f"validating-{time.monotonic_ns()}", ENDLESS | changes)
    trainer = zygote.train(run, processes=processes)
    trainer.until(lambda s: s.stages and "validation 1" in str(s.stages), timeout_s=120)
    yield trainer
    if trainer.process.poll() is None:
        trainer.process.kill()


@pytest.mark.parametrize("validating", [1, 2], indirect=True)
def test_sigterm_in_a_validation_saves_within_the_grace_time(validating: Trainer) -> None:
    for pid in validating.process.pids:  # type: ignore[attr-defined]  # a Forked
        os.kill(pid, signal.SIGTERM)
    assert validating.wait(30) == 143
    run = validating.run
    fail = read_json(run.attempt(1).fail(0)) or {}
    assert fail["message"] == "Interrupted at step 3; a checkpoint is saved."
    assert run.checkpoint_steps() == [3]
    assert verify(run.checkpoint(3))[1] is None
    assert rows(run, "validation").num_rows == 0


def test_commands_are_obeyed_in_a_validation(validating: Trainer) -> None:
    run = validating.run
    changed = validating.ask(Command.SET, weight_decay=0.2)
    assert (changed.outcome, changed.step) == ("applied", 3)
    assert (changed.latency_s or 9) < 1
    again = validating.ask(Command.VALIDATE, split="validation")
    assert again.reason == "The validation split is being validated already."
    assert validating.ask(Command.PAUSE).step == 3
    validating.until(lambda s: s.state == JobStatus.PAUSED)
    # The other split, while the one waits.
    other = validating.ask(Command.VALIDATE, split="test")
    assert other.outcome == "applied"
    assert validating.ask(Command.RESUME).outcome == "applied"
    validating.until(lambda s: s.state == JobStatus.TRAINING)
    assert rows(run, "validation")["split"].to_pylist() == ["test"], "the one is not over"
    validating.ask(Command.SET, validation_interval_steps=None)
    asked = request(run, Command.STOP, {}, "test")
    validating.finish()
    ack = wait_ack(run, asked.id, 0)
    assert ack is not None
    assert ack.outcome == "applied"
    assert validating.status.step == 3
    assert any("was given up" in event.message for event in events(run))
    assert max(rows(run)["step_time_s"].to_pylist()) < 20
