"""Every command in a real run: valid, invalid, and twice at once from two clients."""

import statistics
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import wait_until
from training.forked import Zygote
from training.harness import Trainer, config_of, events, merged, rows, start

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.config.yaml_io import dump_yaml, read_yaml
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.states import Command, JobStatus, Stage
from gladius_widgets.store.run.checkpoints import verify
from gladius_widgets.store.run.requests import Ack, ledger, request, wait_ack

# The tests share one trainer and run in their order, so in one worker.
pytestmark = pytest.mark.xdist_group("trainer-commands")
ENDLESS = {
    "training.max_steps": 100_000,
    "training.validation_max_batches": 2,
    "checkpointing.interval_steps": None,
    "optimization.schedule": "constant",
}


@pytest.fixture(scope="module")
def trainer(new_run: Callable[..., RunDirectory]) -> Iterator[Trainer]:
    """A run that goes on until it is stopped; the tests here use it in their order."""
    trainer = start(new_run("commands", ENDLESS))
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > 2)
    yield trainer
    trainer.process.kill()
    trainer.process.wait()


def twice(trainer: Trainer, command: Command, **args: Any) -> tuple[Ack, Ack]:
    """The same request from two clients at the same moment; (applied, rejected)."""
    first, second = sorted(at_once(trainer, command, **args), key=lambda ack: ack.outcome)
    assert (first.outcome, second.outcome) == ("applied", "rejected"), (first, second)
    assert second.reason
    return first, second


def at_once(trainer: Trainer, command: Command, **args: Any) -> list[Ack]:
    """The answers to the same request from two clients at the same moment."""
    asked = []

    def ask(by: str) -> None:
        asked.append(request(trainer.run, command, args, by))

    clients = [threading.Thread(target=ask, args=(name,)) for name in ("ann", "ben")]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    acks = [wait_ack(trainer.run, one.id, 30) for one in asked]
    assert None not in acks
    return [ack for ack in acks if ack]


def last_row(trainer: Trainer) -> dict[str, Any]:
    return rows(trainer.run).to_pylist()[-1]


def test_set_learning_rate_absolute_and_by_factor(trainer: Trainer) -> None:
    ack = trainer.ask(Command.SET, learning_rate=0.004)
    assert ack.outcome == "applied"
    assert ack.old == {"learning_rate": 0.01}
    assert ack.new["learning_rate"] == pytest.approx(0.004)
    trainer.until_step(ack.step + 2)
    assert last_row(trainer)["learning_rate"] == pytest.approx(0.004)
    half = trainer.ask(Command.SET, learning_rate_factor=0.5)
    trainer.until_step(half.step + 2)
    assert last_row(trainer)["learning_rate"] == pytest.approx(0.002)
    trainer.until(lambda s: s.live.get("learning_rate") == pytest.approx(0.002))
    told = [event.message for event in events(trainer.run) if event.type == "command"]
    assert any("(learning_rate 0.004 → 0.002)" in message for message in told), told


def test_set_takes_effect_at_the_acknowledged_step(trainer: Trainer) -> None:
    ack = trainer.ask(Command.SET, weight_decay=0.3, max_grad_norm=0.5)
    trainer.until_step(ack.step + 2)
    by_step = {row["step"]: row for row in rows(trainer.run).to_pylist()}
    assert by_step[ack.step]["weight_decay"] == 0.01
    assert by_step[ack.step + 1]["weight_decay"] == 0.3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"learning_rate": 5.0}, "learning_rate must be between 1e-08 and 1, but is 5"),
        ({"learning_rate_factor": 1e5}, "learning_rate must be between"),
        ({"weight_decay": -1}, "weight_decay must be between 0 and 1"),
        ({"micro_batch_size": 2.5}, "whole number"),
        ({"micro_batch_size": 0}, "between 1 and 4096"),
        ({"learning_rate": "fast"}, "must be a number"),
        ({"learning_rate": True}, "must be a number"),
        ({"learnin_rate": 0.1}, "Did you mean 'learning_rate'?"),
        ({"data.max_length": 16}, "so it cannot change"),
        ({"max_length": 16}, "so it cannot change"),
        ({}, "nothing to change"),
    ],
)
def test_set_refuses(trainer: Trainer, change: dict[str, Any], reason: str) -> None:
    before = last_row(trainer)["learning_rate"]
    asked = request(trainer.run, Command.SET, change, "eve")
    ack = wait_ack(trainer.run, asked.id, 30)
    assert ack is not None
    assert ack.outcome == "rejected"
    assert reason in str(ack.reason)
    trainer.until_step(ack.step + 1)
    assert last_row(trainer)["learning_rate"] == before


def test_set_batch_size_and_accumulation(trainer: Trainer) -> None:
    ack = trainer.ask(Command.SET, **{"training.micro_batch_size": 4, "gradient_accumulation": 3})
    assert ack.new == {"micro_batch_size": 4, "gradient_accumulation": 3}
    trainer.until_step(ack.step + 1)
    assert last_row(trainer)["samples"] == 12


def test_revert_undoes_the_last_set_and_then_the_one_before(trainer: Trainer) -> None:
    ack = trainer.ask(Command.REVERT)
    assert ack.old == {"micro_batch_size": 4, "gradient_accumulation": 3}
    assert ack.new == {"micro_batch_size": 2, "gradient_accumulation": 2}
    ack = trainer.ask(Command.REVERT)
    assert ack.new == {"weight_decay": 0.01, "max_grad_norm": 1.0}


def test_set_twice_at_once_has_one_effect(trainer: Trainer) -> None:
    answers = at_once(trainer, Command.SET, validation_interval_steps=1000)
    assert [ack.outcome for ack in answers] == ["applied", "applied"]
    changed = [ack.new for ack in answers if ack.new]
    assert changed == [{"validation_interval_steps": 1000}], "the other changed nothing"


def test_checkpoint_now_and_twice_at_once(trainer: Trainer) -> None:
    ack = trainer.ask(Command.CHECKPOINT)
    assert ack.outcome == "applied"
    _, problem = verify(trainer.run.checkpoint(ack.new["step"]))
    assert problem is None
    trainer.ask(Command.SET, micro_batch_size=256)  # so that both requests come at one step
    answers = at_once(trainer, Command.CHECKPOINT)
    assert {(ack.outcome, ack.new["step"]) for ack in answers} == {("applied", answers[0].step)}
    trainer.ask(Command.REVERT)


def test_validate_both_splits(trainer: Trainer) -> None:
    for split in ("validation", "test"):
        ack = trainer.ask(Command.VALIDATE, split=split)
        assert ack.outcome == "applied", ack
        assert 0 <= ack.new["accuracy"] <= 1
        row = rows(trainer.run, "validation").to_pylist()[-1]
        assert (row["split"], row["step"]) == (split, ack.step)
        assert row["loss"] == ack.new["loss"]
    bad = trainer.ask(Command.VALIDATE, split="holdout")
    assert (bad.outcome, bad.reason) == (
        "rejected",
        "There is no split 'holdout'. Use validation or test.",
    )


def test_pause_holds_and_resume_goes_on(trainer: Trainer) -> None:
    applied, rejected = twice(trainer, Command.PAUSE)
    assert "paused already" in str(rejected.reason)
    status = trainer.until(lambda s: s.state == JobStatus.PAUSED)
    step, active_s, beat = status.step, status.active_s, status.heartbeat
    _, problem = verify(trainer.run.checkpoint(applied.step))
    assert problem is None, "the pause saves a checkpoint"
    # The heart beats on and elapsed time runs; steps and active time do not.
    later = trainer.until(lambda s: s.heartbeat > beat + 1.5)
    assert later.step == step
    assert later.elapsed_s > status.elapsed_s + 1
    assert later.active_s == pytest.approx(active_s, abs=0.3)
    assert later.remaining_s == status.remaining_s
    changed = trainer.ask(Command.SET, learning_rate=0.003)  # also while paused
    assert changed.step == applied.step
    saved = trainer.ask(Command.CHECKPOINT)  # the pause has saved this step
    assert (saved.outcome, saved.new) == ("applied", {"step": applied.step})
    one, other = at_once(trainer, Command.VALIDATE, split="test")
    assert (one.outcome, one.new) == (other.outcome, other.new) == ("applied", one.new)
    validated = [r["step"] for r in rows(trainer.run, "validation").to_pylist()]
    assert validated.count(applied.step) == 1, "a validation of one step is made once"
    twice(trainer, Command.RESUME)
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > step)
    slowest = max(rows(trainer.run)["step_time_s"].to_pylist()[-3:])
    assert slowest < 1.5, "the pause is no part of a step's time"
    payloads = [event.payload or {} for event in events(trainer.run) if event.type == "status"]
    told = [payload["status"] for payload in payloads if "status" in payload]
    assert told[-2:] == ["paused", "training"], "the cost tells pauses by these"


def test_reload_makes_of_the_file_what_can_be_made_of_it(trainer: Trainer) -> None:
    unchanged = trainer.ask(Command.RELOAD)
    assert (unchanged.outcome, unchanged.new["diff"]) == ("applied", {})
    path = trainer.run.root / "original.yaml"
    values = read_yaml(path).values
    changed = {
        "training.validation_interval_steps": 500,
        "optimization.learning_rate": 0.008,
        "training.on_hang": "fail",
        "data.max_length": 64,
    }
    path.write_text(dump_yaml(merged(values, changed)))
    ack = trainer.ask(Command.RELOAD)
    assert ack.outcome == "applied"
    assert ack.new["applied"] == {"validation_interval_steps": 500, "learning_rate": 0.008}
    assert ack.new["changes"] == {"validation_interval_steps": 500, "peak_learning_rate": 0.008}
    assert ack.new["needs_restart"] == ["training.on_hang"]
    assert ack.new["needs_new_run"] == ["data.max_length"]
    assert ack.new["diff"]["data.max_length"] == [48, 64]
    frozen = config_of(read_yaml(trainer.run.config).values)
    assert (frozen.training.on_hang, frozen.data.max_length) == ("fail", 48)
    assert trainer.ask(Command.REVERT).new["validation_interval_steps"] == 1000
    again = trainer.ask(Command.RELOAD)
    assert again.new["applied"]["validation_interval_steps"] == 500
    assert again.new["needs_new_run"] == ["data.max_length"], "it is still not in force"
    path.write_text("model: [")
    broken = trainer.ask(Command.RELOAD)
    assert broken.outcome == "rejected"
    assert "line 1" in str(broken.reason)


def test_a_reload_leaves_alone_what_the_file_does_not_change(trainer: Trainer) -> None:
    path = trainer.run.root / "original.yaml"
    trainer.ask(Command.SET, learning_rate=0.001)
    values = merged(config_of(read_yaml(trainer.run.config).values).to_plain(), {
        "optimization.learning_rate": 0.008,
        "training.validation_interval_steps": 501,
    })  # fmt: skip
    path.write_text(dump_yaml(values))
    ack = trainer.ask(Command.RELOAD)
    assert ack.new["applied"] == {"validation_interval_steps": 501}
    assert ack.new["needs_new_run"] == []


@pytest.mark.parametrize(
    ("command", "args"), [(Command.REVERT, {}), (Command.SET, {"learning_rate_factor": 0.5})]
)
def test_a_relative_change_twice_at_once_has_one_effect(
    trainer: Trainer, command: Command, args: dict[str, Any]
) -> None:
    """The second one was meant for settings that its author has not seen change."""
    trainer.ask(Command.SET, learning_rate=0.002, weight_decay=0.4)
    trainer.ask(Command.SET, weight_decay=0.3)
    before = last_row(trainer)["learning_rate"]
    applied, rejected = twice(trainer, command, **args)
    assert "changed while this was asked for" in str(rejected.reason)
    trainer.until_step(applied.step + 2)
    if command == Command.SET:
        assert last_row(trainer)["learning_rate"] == pytest.approx(before / 2)
    else:
        assert applied.new == {"weight_decay": 0.4}


def test_acks_come_within_a_step(trainer: Trainer) -> None:
    latencies = [
        trainer.ask(Command.SET, weight_decay=0.02 + i / 1000).latency_s for i in range(15)
    ]
    step_s = statistics.median(rows(trainer.run)["step_time_s"].to_pylist()[-30:])
    assert statistics.median(latencies) < step_s + 0.05


def test_stop_saves_validates_and_summarises(trainer: Trainer) -> None:
    applied, rejected = twice(trainer, Command.STOP)
    assert "stopping already" in str(rejected.reason)
    assert trainer.wait() == 0, trainer.log()
    status = trainer.status
    assert status.state == JobStatus.STOPPED
    assert all(status.stages[stage].state == "done" for stage in Stage)
    assert applied.new == JobStatus.STOPPED
    _, problem = verify(trainer.run.checkpoint(status.step))
    assert problem is None
    validated = rows(trainer.run, "validation").to_pylist()[-1]
    assert (validated["step"], validated["split"]) == (status.step, "validation")
    summary = read_json(trainer.run.summary_json)
    assert summary["status"] == "stopped"
    assert summary["steps"] == status.step
    assert f"{status.step:,}" in trainer.run.summary_md.read_text()
    entries = ledger(trainer.run)
    assert all(entry["outcome"] in ("applied", "rejected") for entry in entries)
    assert {"ann", "ben"} <= {entry["requested_by"] for entry in entries}
    told = [event for event in events(trainer.run) if event.type == "command"]
    assert len(told) == len(entries)


def test_the_end_is_replanned_when_the_batch_grows(
    new_run: Callable[..., RunDirectory], zygote: Zygote
) -> None:
    """A run of whole epochs still sees each sample as often as the config says."""
    run = new_run("replan", {"training.max_steps": None, "training.epochs": 6})
    trainer = zygote.train(run)
    ack = trainer.ask(Command.SET, micro_batch_size=4, timeout_s=60)
    trainer.finish()
    samples = sum(rows(run)["samples"].to_pylist())
    status = trainer.status
    assert status.step == status.total_steps < ack.step + 6 * 48 // 4
    dataset = status.total_samples // 6
    assert 6 * dataset <= samples < 6 * dataset + 8
    assert config_of(read_yaml(run.config).values).training.micro_batch_size == 2


def test_commands_under_two_processes(new_run: Callable[..., RunDirectory]) -> None:
    """Under the real launcher: both ranks obey at the same step, or their sums would part."""
    trainer = start(new_run("two", ENDLESS | {"resources.processes": 2}), processes=2)
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > 2, timeout_s=120)
    ack = trainer.ask(Command.SET, micro_batch_size=3)
    trainer.until_step(ack.step + 2)
    assert last_row(trainer)["samples"] == 3 * 2 * 2
    latencies = [trainer.ask(Command.SET, weight_decay=i / 100).latency_s for i in range(2, 9)]
    step_s = statistics.median(rows(trainer.run)["step_time_s"].to_pylist()[-30:])
    assert statistics.median(latencies) < step_s + 0.05
    trainer.ask(Command.PAUSE)
    assert trainer.ask(Command.VALIDATE).outcome == "applied"
    assert trainer.ask(Command.RESUME).outcome == "applied"
    assert trainer.ask(Command.STOP).outcome == "applied"
    trainer.finish()
    assert trainer.status.world_size == 2
    wait_until(lambda: not trainer.run.checkpoints.joinpath(".saving").exists(), 5)


def test_pause_with_release_frees_the_machine(
    new_run: Callable[..., RunDirectory], zygote: Zygote
) -> None:
    run = new_run("release", ENDLESS | {"training.max_steps": 400})
    trainer = zygote.train(run)
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > 2)
    asked = request(run, Command.PAUSE, {"release": True}, "ann")
    trainer.finish()
    assert trainer.status.state == JobStatus.PAUSED
    assert wait_ack(run, asked.id, 0) is None, "that is for the runner, when no process is left"
    released = trainer.status.step
    second = zygote.train(run, attempt=2)
    second.until(lambda s: s.state == JobStatus.TRAINING and s.step > released)
    answer = wait_ack(run, asked.id, 0)
    assert answer is not None
    assert answer.outcome == "applied", "there was no runner here"
    assert second.ask(Command.STOP).outcome == "applied"
    second.finish()
    steps = rows(run)["step"].to_pylist()
    assert steps == list(range(1, len(steps) + 1)), "no step is lost or made twice"


def test_a_rate_set_in_warm_up_ends_it(
    new_run: Callable[..., RunDirectory], zygote: Zygote
) -> None:
    """Else the warm-up would lead from there far above what was asked for, and out of bounds."""
    warm = {"optimization.warmup_steps": 50_000, "optimization.learning_rate": 0.002}
    run = new_run("warm-up", ENDLESS | warm)
    trainer = zygote.train(run)
    trainer.until(lambda s: s.state == JobStatus.TRAINING and s.step > 2)
    refused = trainer.ask(Command.SET, learning_rate_factor=1000)
    assert refused.reason == (
        "learning_rate must be between 1e-08 and 1, but is 2. Choose a value in that range."
    )
    ack = trainer.ask(Command.SET, learning_rate=0.002)
    assert ack.new == {"learning_rate": 0.002}
    trainer.until_step(ack.step + 3)
    assert {row["learning_rate"] for row in rows(run).to_pylist() if row["step"] > ack.step} == {
        0.002
    }
    trainer.process.kill()


def test_what_is_shown_with_a_step_is_what_the_step_used(
    new_run: Callable[..., RunDirectory], zygote: Zygote
) -> None:
    """The rate of the last step, whatever the next one will use; the decay that is in force."""
    trainer = zygote.train(new_run("shown", ENDLESS))
    trainer.until_step(3)
    trainer.ask(Command.PAUSE)
    used = last_row(trainer)
    trainer.ask(Command.SET, learning_rate=0.003, weight_decay=0.07)
    status = trainer.until(lambda s: s.weight_decay == 0.07)
    assert (status.step, status.learning_rate) == (used["step"], used["learning_rate"])
    assert status.live["learning_rate"] == pytest.approx(0.003)
    trainer.process.kill()
    trainer.process.wait()
