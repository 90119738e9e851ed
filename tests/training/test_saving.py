"""What is saved, what is kept, and what a disk that is full does to it, in real runs."""

import os
import resource
from collections.abc import Callable
from typing import Any

import pytest
from training.forked import Zygote
from training.harness import Trainer, events, rows

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.store.run.checkpoints import verify
from gladius_widgets.training.checkpoint.folders import CheckpointStore

NewRun = Callable[..., RunDirectory]
ENDLESS: dict[str, Any] = {
    "training.max_steps": 100_000,
    "checkpointing.interval_steps": None,
    "optimization.schedule": "constant",
}


def running(trainer: Trainer) -> Trainer:
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > 2)
    return trainer


def manifest(run: RunDirectory, step: int) -> dict[str, Any]:
    return read_json(run.checkpoint(step) / "manifest.json") or {}


def saved_state(run: RunDirectory, step: int) -> dict[str, Any]:
    return (read_json(run.checkpoint(step) / "state.json") or {})["state"]


@pytest.mark.parametrize("refused", ["model.safetensors", "optimizer.pt"])
def test_a_disk_that_takes_no_more_fails_the_checkpoint_and_not_the_run(
    new_run: NewRun, zygote: Zygote, moe_run: RunDirectory, refused: str
) -> None:
    """safetensors and torch each have an error of their own for that."""
    run = new_run(f"refused-{refused.removesuffix('.pt').removesuffix('.safetensors')}", ENDLESS)
    trainer = running(zygote.train(run))
    pid = trainer.process.pids[0]  # type: ignore[attr-defined]  # a Forked
    limit = (moe_run.checkpoint(20) / refused).stat().st_size - 4096
    assert limit > 64 * 1024, "the log and the tables are to fit"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    ack = trainer.ask(Command.CHECKPOINT)
    assert ack.outcome == "rejected"
    assert "The checkpoint could not be saved" in str(ack.reason)
    trainer.until_step((ack.step or 0) + 2)
    told = next(e for e in events(run) if e.message.startswith("Checkpoint failed: "))
    assert told.type == "error"
    assert not list(run.checkpoints.iterdir()), "the half is gone, as it took space"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert trainer.ask(Command.CHECKPOINT).outcome == "applied", "there is room again"
    trainer.process.kill()


def test_what_comes_after_a_checkpoint_at_its_step_is_saved_too(
    new_run: NewRun, zygote: Zygote
) -> None:
    run = new_run("saved-anew", ENDLESS | {"checkpointing.keep_best": 0})
    trainer = running(zygote.train(run))
    step = trainer.ask(Command.PAUSE).step
    assert step is not None
    assert saved_state(run, step)["validation"] == {}
    assert trainer.ask(Command.VALIDATE).outcome == "applied"
    assert trainer.ask(Command.SET, weight_decay=0.25).outcome == "applied"
    assert trainer.ask(Command.STOP).outcome == "applied"
    trainer.finish()
    state = saved_state(run, step)
    assert state["validation"]["validation"]["step"] == step
    assert state["live"]["weight_decay"] == 0.25
    assert manifest(run, step)["validation_loss"] == state["validation"]["validation"]["loss"]
    assert verify(run.checkpoint(step))[1] is None
    assert run.checkpoint_steps() == [step]


def test_the_best_by_hand_is_kept_and_no_other_has_its_loss(
    new_run: NewRun, zygote: Zygote
) -> None:
    changes = {"checkpointing.keep_last": 1, "checkpointing.keep_best": 1}
    run = new_run("best-by-hand", ENDLESS | changes)
    trainer = running(zygote.train(run))
    best = trainer.ask(Command.VALIDATE)
    assert best.step in run.checkpoint_steps()
    for _ in range(2):
        trainer.until_step((trainer.ask(Command.CHECKPOINT).step or 0) + 1)
    assert len(run.checkpoint_steps()) == 2
    assert run.checkpoint_steps()[0] == best.step
    assert manifest(run, best.step)["validation_loss"] == best.new["loss"]
    assert manifest(run, run.checkpoint_steps()[1])["validation_loss"] is None
    trainer.process.kill()


def test_a_kill_between_two_renames_loses_no_checkpoint(new_run: NewRun) -> None:
    run = new_run("between-renames")
    store = CheckpointStore(run)
    (store.begin(7) / "state.json").write_text("{}")
    store.commit(7, {})
    run.checkpoint(7).rename(run.checkpoints / f".replaced-00000007-{os.getpid()}")
    found = store.newest_whole(pytest.fail)
    assert found is not None
    assert found.step == 7


def test_no_roll_back_goes_to_a_checkpoint_amid_a_streak(new_run: NewRun) -> None:
    """They are kept for a resume, as the newest, and crowd out no sound one."""
    run = new_run("streak-store")
    store = CheckpointStore(run)
    for step, in_row in enumerate([0, 0, 1, 2, 3], 1):
        (store.begin(step) / "state.json").write_text("{}")
        store.commit(step, {"nonfinite_in_row": in_row})
        store.prune(keep_last=2, keep_best=0)
    assert run.checkpoint_steps() == [1, 2, 5]


def test_a_summary_is_of_the_run_as_it_ended(new_run: NewRun, zygote: Zygote) -> None:
    """An attempt that is not over, or ended otherwise, leaves none of an earlier end."""
    run = new_run("summary", ENDLESS)
    trainer = running(zygote.train(run))
    trainer.ask(Command.STOP)
    trainer.finish()
    assert (read_json(run.summary_json) or {})["status"] == JobStatus.STOPPED
    second = zygote.train(run, attempt=2)
    second.until(lambda s: s.state == JobStatus.TRAINING)
    assert not run.summary_json.exists()
    assert not run.summary_md.exists()
    second.process.kill()
    assert rows(run).num_rows
