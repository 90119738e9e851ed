"""SIGKILL at any moment and resume: bit-identical to a run that nobody disturbed."""

import random
import signal
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from training.forked import Forked, Zygote
from training.harness import events, losses_hex, weights_hash

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.store.metrics import MetricReader
from gladius_widgets.store.metrics.schemas import TRAIN

# Two epochs and a bit, so that kills land mid-epoch; accumulation and dropout are on.
STEPS = 160
BASE = {
    "training.max_steps": STEPS,
    "training.validation_interval_steps": 30,
    "checkpointing.interval_steps": 4,
}
LORA = {
    "lora.enabled": True,
    "lora.targets": "attention",
    "lora.r": 4,
    "lora.dropout": 0.1,
    "model.from_scratch": None,
    "model.train_tokenizer_vocab": None,
}


def kill_again_and_again(
    run: RunDirectory, zygote: Zygote, kills: int, processes: int, seed: int
) -> int:
    """Start, kill at a random moment, and so on, then let it end; returns kills inside a save."""
    chance = random.Random(seed)
    in_save = 0
    for attempt in count(1):
        forked = zygote.start(run, attempt, processes)
        if attempt > kills:
            assert forked.wait() == 0, run.log.read_text()
            return in_save
        wait_for_steps(run, forked, attempt, chance.randint(3, 9))
        if attempt % 2:
            in_save += wait_for_save(run, forked)
        else:
            time.sleep(chance.uniform(0, 0.1))
        assert not forked.ended(), f"too short a run for so many kills:\n{run.log.read_text()}"
        forked.kill()
    raise AssertionError


def wait_for_steps(run: RunDirectory, forked: Forked, attempt: int, steps: int) -> None:
    """Until this attempt has made so many steps."""
    reader = MetricReader(run.table("train"), TRAIN)
    seen = 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        seen += reader.poll()["attempt"].to_pylist().count(attempt)
        if seen >= steps:
            return
        assert not forked.ended(), run.log.read_text()
        time.sleep(0.005)
    raise TimeoutError


def wait_for_save(run: RunDirectory, forked: Forked) -> bool:
    """Until a checkpoint is half written (or, rarely, seen too late)."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not forked.ended():
        if any(run.checkpoints.glob(".saving-*/*")):
            return True
    return False


@pytest.mark.parametrize(
    ("processes", "kills", "kind"), [(1, 20, "moe"), (1, 4, "lora"), (2, 5, "moe")]
)
@pytest.mark.timeout(600)
def test_killed_and_resumed_is_bit_identical(
    new_run: Callable[..., RunDirectory],
    zygote: Zygote,
    request: pytest.FixtureRequest,
    processes: int,
    kills: int,
    kind: str,
) -> None:
    changes: dict[str, Any] = BASE | {"resources.processes": processes}
    if kind == "lora":
        base = request.getfixturevalue("base_model")
        changes |= LORA | {"model.name": str(base)}
    if kills < 20:
        changes["training.max_steps"] = 20 + 10 * kills
    steps = changes["training.max_steps"]
    undisturbed = new_run(f"calm-{kind}-{processes}", changes)
    assert zygote.start(undisturbed, 1, processes).wait() == 0, undisturbed.log.read_text()
    killed = new_run(f"killed-{kind}-{processes}", changes)

    in_save = kill_again_and_again(killed, zygote, kills, processes, seed=kills)

    assert in_save >= kills // 4
    assert losses_hex(killed) == losses_hex(undisturbed)
    assert len(losses_hex(killed)) == steps
    assert weights_hash(killed, steps) == weights_hash(undisturbed, steps)
    resumed = {e.message for e in events(killed) if e.message.startswith("Resumed from")}
    assert len(resumed) >= kills // 2, "each attempt is to come further than the one before"


def test_a_checkpoint_never_knows_more_than_the_history(
    new_run: Callable[..., RunDirectory], zygote: Zygote
) -> None:
    """Else resuming from it would leave a hole: rows wait in memory for up to 50 ms."""
    run = new_run("killed-at-commit", BASE | {"training.max_steps": 8})
    assert zygote.start(run, 1, dies_on_commit=True).wait() == -signal.SIGKILL
    assert run.checkpoint_steps() == [4]
    assert zygote.start(run, 2).wait() == 0, run.log.read_text()
    assert [row.split()[0] for row in losses_hex(run)] == [str(step) for step in range(1, 9)]
