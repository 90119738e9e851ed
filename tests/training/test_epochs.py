"""Runs of whole epochs: every sample as often as asked for, a short last step, true totals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import wait_until
from training.forked import Zygote
from training.harness import TINY_MOE, events, rows, weights

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Command
from gladius_widgets.store.run.requests import request, wait_ack
from gladius_widgets.training.data import sample_order

# 13 rows to train on; nothing that two ways of dealing them out would draw differently.
ROWS = 13
EPOCHS: dict[str, Any] = {
    "data.max_samples": ROWS,
    "data.validation_share": 0.0,
    "data.test_share": 0.0,
    "training.max_steps": None,
    "model.from_scratch": TINY_MOE["model"]["from_scratch"] | {"attention_dropout": 0.0},
    "moe.aux_loss_coef": 0.02,
}


def batches(micro_batch_size: int, accumulation: int, epochs: int = 1) -> dict[str, Any]:
    return EPOCHS | {
        "training.micro_batch_size": micro_batch_size,
        "training.gradient_accumulation": accumulation,
        "training.epochs": epochs,
    }


@pytest.mark.parametrize(
    ("micro_batch_size", "accumulation", "epochs"), [(4, 1, 1), (2, 4, 3), (32, 1, 1), (1, 1, 2)]
)
def test_a_run_ends_with_its_last_sample(
    new_run: Callable[..., RunDirectory],
    zygote: Zygote,
    micro_batch_size: int,
    accumulation: int,
    epochs: int,
) -> None:
    changes = batches(micro_batch_size, accumulation, epochs)
    trainer = zygote.train(new_run(f"epochs-{micro_batch_size}-{accumulation}", changes))
    trainer.finish()
    status, samples = trainer.status, rows(trainer.run)["samples"].to_pylist()
    assert sum(samples) == status.samples == status.total_samples == epochs * ROWS
    full = micro_batch_size * accumulation
    assert samples[:-1] == [full] * (len(samples) - 1)
    assert status.step == status.total_steps == -(-epochs * ROWS // full)
    assert (status.epoch, status.total_epochs) == (epochs, epochs)
    assert status.batch == status.batches_per_epoch == -(-ROWS // micro_batch_size)
    told = [e.payload for e in events(trainer.run) if (e.payload or {}).get("kind") == "epoch"]
    last = told[-1]
    assert last is not None
    assert (last["epoch"], last["total_epochs"]) == (epochs, epochs)


def test_epochs_are_counted_out_where_max_steps_rules(
    new_run: Callable[..., RunDirectory], zygote: Zygote
) -> None:
    changes = batches(4, 1) | {"training.max_steps": 7}  # 28 samples of 13 rows
    changes["optimization.warmup_steps"] = 9
    trainer = zygote.train(new_run("epochs-by-steps", changes))
    trainer.finish()
    status = trainer.status
    assert (status.samples, status.total_samples) == (28, 28)
    assert (status.epoch, status.total_epochs) == (3, 3)
    told = [e.payload for e in events(trainer.run) if (e.payload or {}).get("kind") == "epoch"]
    assert [(p["epoch"], p["total_epochs"]) for p in told if p] == [(1, 3), (2, 3)]
    warned = [e for e in events(trainer.run) if (e.payload or {}).get("kind") == "warmup"]
    assert [e.message.split(",")[0] for e in warned] == [
        "The warm-up takes 9 steps and the run has 7"
    ]


@pytest.mark.parametrize("max_steps", [None, 60])
def test_totals_follow_a_batch_size_that_changes(
    new_run: Callable[..., RunDirectory], zygote: Zygote, max_steps: int | None
) -> None:
    changes = batches(1, 1, epochs=6) | {"training.max_steps": max_steps}
    run = new_run(f"epochs-live-{max_steps or 0}", changes)
    paused = request(run, Command.PAUSE)  # before it starts, so that it cannot come too late
    trainer = zygote.train(run)
    assert wait_ack(run, paused.id, 60)
    at = trainer.status.samples
    ack = trainer.ask(Command.SET, micro_batch_size=5)
    expected = 6 * ROWS if max_steps is None else at + (max_steps - ack.step) * 5
    wait_until(lambda: trainer.status.total_samples == expected, what="the new total")
    trainer.ask(Command.RESUME)
    trainer.finish()
    status = trainer.status
    assert sum(rows(trainer.run)["samples"].to_pylist()) == status.samples == expected
    assert status.total_samples == expected
    assert status.epoch == status.total_epochs == -(-expected // ROWS)


def test_two_ranks_make_the_short_step_that_one_makes(
    new_run: Callable[..., RunDirectory], zygote: Zygote
) -> None:
    """The rest is one row, so the other rank has none: no token and no auxiliary loss of its."""
    one = new_run("epochs-one", batches(2, 2))
    zygote.train(one).finish()
    two = new_run("epochs-two", batches(2, 1) | {"resources.processes": 2})
    assert zygote.start(two, 1, 2).wait() == 0, two.log.read_text()
    assert rows(two)["samples"].to_pylist() == [4, 4, 4, 1]
    for column in ("loss", "aux_loss", "grad_norm", "tokens"):
        alone, shared = (rows(run)[column].to_pylist() for run in (one, two))
        np.testing.assert_allclose(shared, alone, rtol=1e-5, err_msg=column)
    saved = weights(two, 4)
    for name, tensor in weights(one, 4).items():
        np.testing.assert_allclose(saved[name], tensor, atol=1e-4, err_msg=name)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.data())
def test_ranks_share_a_short_step_evenly(
    size: int, accumulation: int, world: int, data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, size * accumulation * world))
    indices = np.arange(count)
    shares = [sample_order.micro_batches(indices, size, rank, world) for rank in range(world)]
    assert {len(share) for share in shares} == {-(-count // (size * world))}
    parts = [part for share in shares for part in share]
    assert sorted(np.concatenate(parts)) == list(indices)
    assert max(map(len, parts)) <= size
    sums = [sum(map(len, share)) for share in shares]
    assert max(sums) - min(sums) <= 1
