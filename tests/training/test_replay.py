"""A change that was acknowledged survives a SIGKILL before the next checkpoint."""

from collections.abc import Callable

from training.forked import Zygote
from training.harness import events, rows

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.store.metrics import MetricReader
from gladius_widgets.store.metrics.schemas import TRAIN
from gladius_widgets.store.run.requests import ledger, request, wait_ack


def test_acknowledged_changes_take_effect_again_at_their_steps(
    new_run: Callable[..., RunDirectory], zygote: Zygote
) -> None:
    changes = {"training.max_steps": 100_000, "checkpointing.interval_steps": None}
    run = new_run("replay", changes)
    trainer = zygote.train(run)
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > 2)
    trainer.ask(Command.SET, max_grad_norm=0.7)
    saved = trainer.ask(Command.CHECKPOINT)
    rate = trainer.ask(Command.SET, learning_rate=0.002)
    size = trainer.ask(Command.SET, micro_batch_size=3)
    back = trainer.ask(Command.REVERT)
    last = trainer.ask(Command.SET, weight_decay=0.5, learning_rate_factor=0.5)
    trainer.until_step(last.step + 4)
    trainer.process.kill()
    # Asked for while nobody was there: a change still holds, a pause was for the one that died.
    stale = request(run, Command.PAUSE, {}, "late")
    later = request(run, Command.SET, {"max_grad_norm": 0.9}, "late")
    before = len(ledger(run))

    second = zygote.train(run, attempt=2)
    second.until_step(last.step + 4)
    assert second.ask(Command.STOP).outcome == "applied"
    second.finish()

    table = MetricReader(run.table("train"), TRAIN).read().to_pylist()
    by_attempt = {
        attempt: {row["step"]: row for row in table if row["attempt"] == attempt}
        for attempt in (1, 2)
    }
    first_step = saved.new["step"] + 1
    assert min(by_attempt[2]) == first_step
    answer = wait_ack(run, later.id, 0)
    assert answer is not None
    assert answer.outcome == "applied"
    assert answer.step == saved.new["step"], "at once, as it had no step of its own"
    for step in range(first_step, last.step + 4):
        one, two = by_attempt[1][step], by_attempt[2][step]
        for name in ("learning_rate", "weight_decay", "samples"):
            assert one[name] == two[name], (step, name)
    assert {rate.step, size.step, back.step, last.step} <= {
        event.payload["step"]
        for event in events(run)
        if event.payload and "again, after the resume" in event.message
    }
    refused = wait_ack(run, stale.id, 0)
    assert refused is not None
    assert refused.reason == "The attempt it was meant for had ended."
    assert len(ledger(run)) == before + 1, "a replay is no new entry"


def test_losses_are_the_same_through_a_replay(
    new_run: Callable[..., RunDirectory], zygote: Zygote
) -> None:
    run = new_run("replay-losses", {"training.max_steps": 100_000})
    trainer = zygote.train(run)
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > 6)
    changed = trainer.ask(Command.SET, learning_rate=0.001, micro_batch_size=3)
    trainer.until_step(changed.step + 2)
    trainer.process.kill()
    made = {row["step"]: row["loss"].hex() for row in rows(run).to_pylist()}
    second = zygote.train(run, attempt=2)
    second.until_step(max(made))
    second.ask(Command.STOP)
    second.finish()
    again = {row["step"]: row["loss"].hex() for row in rows(run).to_pylist()}
    assert {step: again[step] for step in made} == made
