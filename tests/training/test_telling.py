"""What a run says of itself: log lines, snapshots, times."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import wait_until
from training.harness import events, rows, start

from gladius_widgets.core.paths import Home, RunDirectory
from gladius_widgets.core.run_state import read_status
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.training.output import log_lines
from gladius_widgets.training.output.status import RunTimer, StatusReporter
from gladius_widgets.training.session.clock import TrainingClock


def test_lines_are_those_of_the_console_spec() -> None:
    assert (
        log_lines.step_line(47, 8450, 0.0234, [0.021, 0.025, None])
        == "Epoch 47 | Batch 8450 | Loss: 0.0234 | Expert-0: 0.021 | Expert-1: 0.025"
    )
    memory = (int(142.3 * 2**30), 160 * 2**30)
    assert (
        log_lines.machine_line(2847.2, memory, [67, 73])
        == "Throughput: 2,847 tokens/sec | Memory: 142.3/160.0GiB | Temp: 67°C/73°C"
    )
    assert log_lines.machine_line(1, None, []).endswith("Memory: – | Temp: –")
    assert log_lines.progress_line(704, 1000) == "▓" * 39 + "░" * 17 + " 70.4% complete"
    assert log_lines.routing_line([0.14, 0.86]) == "Expert routing distribution: E0:14% E1:86%"
    assert (
        log_lines.learning_rate_line(1.2e-5, "cosine") == "Learning rate: 1.2e-5 (cosine schedule)"
    )


def test_the_first_stage_shows_before_torch_is_imported(
    new_run: Callable[..., RunDirectory],
) -> None:
    run = new_run("first-stage")
    begun = time.time()
    trainer = start(run)
    status = wait_until(lambda: read_status(run), 20)
    libraries = Path(f"/proc/{trainer.process.pid}/maps").read_text()  # type: ignore[attr-defined]  # a Popen
    assert status.stage == Stage.PREPROCESSING
    assert status.state == JobStatus.PROVISIONING
    assert status.stages[Stage.PREPROCESSING].started_at - begun < 5
    assert "libtorch_cpu" not in libraries
    trainer.process.kill()
    trainer.process.wait()


def test_the_log_has_the_lines_and_no_flood(moe_run: RunDirectory) -> None:
    log = moe_run.log.read_text()
    for text in (
        "Initializing GLADIUS Training Pipeline",
        "✓ Config loaded: original.yaml",
        "✓ Model: tiny-moe (",
        "4 experts)",
        "Starting training: Epoch 1/",
        "Epoch 1 | Batch 2 | Loss: ",
        "| Expert-0: ",
        "Throughput: ",
        "100.0% complete",
        "[INFO] Expert routing distribution: E0:",
        "[INFO] Learning rate: ",
        "[INFO] Gradient accumulation: 2 steps",
        "[SUCCESS] Checkpoint saved: checkpoints/step-00000005",
        "[INFO] Validation at step 5: loss ",
        "[SUCCESS] Training completed at step 20",
    ):
        assert text in log, text
    assert "Traceback" not in log
    assert "Warning" not in log


def test_the_heart_beats_by_itself_and_stages_close(tmp_path: Path) -> None:
    run = Home(tmp_path).run("beat")
    run.create()
    reporter = StatusReporter(run, attempt=3, beat_s=0.05).start()
    reporter.stage(Stage.PREPROCESSING, "reading")
    reporter.stage(Stage.MODEL_LOADING)
    first = read_status(run)
    assert first is not None
    assert first.stages[Stage.PREPROCESSING].state == "done"
    assert first.stages[Stage.MODEL_LOADING].state == "active"
    wait_until(lambda: (read_status(run) or first).heartbeat > first.heartbeat, 5)
    reporter.timer.start(elapsed_s=100.0, active_s=80.0)
    reporter.timer.pause()
    wait_until(lambda: reporter.timer.elapsed_s() > 100.05, 5)
    assert reporter.timer.active_s() == pytest.approx(80.0, abs=0.02)
    reporter.timer.resume()
    reporter.change(state=JobStatus.COMPLETED, loss=float("nan"))
    assert json.loads(run.status.read_text())["loss"] is None
    with pytest.raises(AttributeError, match="lost"):
        reporter.update(lost=1)
    reporter.close()
    last = read_status(run)
    assert last is not None
    assert last.state == JobStatus.COMPLETED


class Hands:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_step_time_leaves_out_what_is_no_part_of_a_step() -> None:
    hands = Hands()
    clock = TrainingClock(hands)
    hands.now = 7.0  # loading
    clock.forget_step()
    hands.now = 10.0
    assert clock.step_done() == 3.0
    hands.now = 11.0
    with clock.aside("validation"):
        hands.now = 31.0
    hands.now = 32.0
    assert clock.step_done() == pytest.approx(2.0)
    assert clock.typical_step_s == 2.0, "the first step warms up"
    assert clock.remaining_s(steps=10, validations=2, checkpoints=3) == pytest.approx(60.0)


def losses_of(run: RunDirectory) -> dict[int, float]:
    """Every step's loss."""
    table = rows(run)
    return dict(zip(table["step"].to_pylist(), table["loss"].to_pylist(), strict=True))


def metrics_events(run: RunDirectory, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Message and payload of the metrics events of this kind."""
    told = [(e.message, e.payload or {}) for e in events(run) if e.type == "metrics"]
    return [(message, payload) for message, payload in told if payload.get("kind") == kind]


def test_metrics_events_come_at_a_calm_rate(moe_run: RunDirectory) -> None:
    losses, told = losses_of(moe_run), metrics_events(moe_run, "step")
    assert told[-1][1]["step"] == 20
    assert len(told) <= 3  # the run takes seconds
    for message, payload in told:
        assert payload["loss"] == losses[payload["step"]]
        assert payload["gpu_utilization_percent"] is None
        assert message.startswith(f"Step {payload['step']}: loss={payload['loss']:.4f}, lr=")
        assert message.endswith(" tokens/s")


def test_an_epochs_event_tells_its_mean(new_run: Callable[..., RunDirectory]) -> None:
    changes = {"max_steps": None, "epochs": 2, "validation_interval_steps": 3}
    run = new_run("epochs", {f"training.{name}": value for name, value in changes.items()})
    start(run).finish()
    losses, told = losses_of(run), metrics_events(run, "epoch")
    assert [payload["epoch"] for _, payload in told] == [1, 2]
    for message, payload in told:
        mine = [losses[step] for step in range(payload["first_step"], payload["step"] + 1)]
        assert len(mine) == payload["steps"]
        assert payload["train_loss"] == pytest.approx(sum(mine) / len(mine))
        assert f"train_loss={payload['train_loss']:.4f}, val_loss=" in message
    assert sum(payload["steps"] for _, payload in told) == len(losses)


def test_time_that_lost_steps_took_is_not_taken_back():
    timer = RunTimer(elapsed_s=123.0, active_s=100.0)  # the last snapshot's
    timer.start(103.0, 90.0)  # the checkpoint's, from before the steps that were lost
    assert timer.elapsed_s() >= 123.0
    assert timer.active_s() >= 100.0
