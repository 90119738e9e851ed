"""Events of type metrics: how the run goes, for people who read the event log.

Every step is in the tables; here is one a minute at most, the last one, and each epoch's mean.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from gladius_widgets.training.output import log_lines, machine
from gladius_widgets.training.session.session import Session

EVERY_S = 60.0


class MetricEvents:
    """Decides when there is something to tell; rank 0's business only."""

    def __init__(self, session: Session, every_s: float = EVERY_S) -> None:
        self._s = session
        self._every_s = every_s
        self._told_at = -math.inf
        self._last_step = 0
        self._epochs = 0
        self._losses = Losses()

    def begin(self) -> None:
        """Before the first step of this attempt."""
        self._last_step, self._epochs = self._s.state.step, self._epochs_done()

    def step(self, loss: float, learning_rate: float, tokens_per_s: float) -> None:
        """After a step that was made, the state being advanced."""
        state = self._s.state
        if state.step <= self._last_step:  # made again: the run went back to a checkpoint
            self._losses = Losses()
        self._losses.add(state.step, loss)
        done, before = self._epochs_done(), self._epochs
        self._last_step, self._epochs = state.step, done
        if done > before:
            self._tell_epoch(done)
            self._losses = Losses()
        is_last = state.step == state.total_steps
        is_due = state.step % self._s.config.training.log_interval_steps == 0
        now = time.monotonic()
        if is_last or (is_due and now - self._told_at >= self._every_s):
            self._told_at = now
            self._tell_step(loss, learning_rate, tokens_per_s)

    def _epochs_done(self) -> int:
        return self._s.state.samples // self._s.dataset_size

    def _tell_step(self, loss: float, learning_rate: float, tokens_per_s: float) -> None:
        s = self._s
        usage = machine.utilization_percent(s.accelerator.device)
        figures = {
            "kind": "step",
            "step": s.state.step,
            "total_steps": s.state.total_steps,
            "epoch": s.state.samples / s.dataset_size,
            "loss": loss,
            "learning_rate": learning_rate,
            "tokens_per_s": tokens_per_s,
            "gpu_utilization_percent": usage or None,
        }
        text = step_words(s.state.step, loss, learning_rate, tokens_per_s, usage)
        s.recorder.event("metrics", text, figures)

    def _tell_epoch(self, number: int) -> None:
        """Its steps are those of this attempt, which may have begun amid it."""
        s, losses = self._s, self._losses
        validation = s.state.validation.get("validation") or {}
        figures = {
            "kind": "epoch",
            "step": s.state.step,
            "epoch": number,
            "total_epochs": s.reporter.status.total_epochs,
            "train_loss": losses.mean,
            "first_step": losses.first_step,
            "steps": losses.count,
            "val_loss": validation.get("loss"),
            "val_step": validation.get("step"),
        }
        text = f"Epoch {number} finished: train_loss={_loss(losses.mean)}"
        if validation:
            text += f", val_loss={_loss(validation['loss'])} (step {validation['step']})"
        s.recorder.event("metrics", text, figures)


@dataclass
class Losses:
    """The finite losses of some steps."""

    first_step: int | None = None
    count: int = 0
    total: float = 0.0

    @property
    def mean(self) -> float | None:
        """None where there is none."""
        return self.total / self.count if self.count else None

    def add(self, step: int, loss: float) -> None:
        """Count a step in."""
        self.first_step = step if self.first_step is None else self.first_step
        if math.isfinite(loss):
            self.count += 1
            self.total += loss


def step_words(
    step: int,
    loss: float,
    learning_rate: float,
    tokens_per_s: float,
    gpu_usage_percent: Sequence[float],
) -> str:
    """As the design has it: `Step 100: loss=0.5210, lr=0.0002, gpu_util=89%`.

    Without a GPU that tells, the throughput stands in its place.
    """
    text = f"Step {step}: loss={_loss(loss)}, lr={log_lines.short_float(learning_rate)}"
    if gpu_usage_percent:
        mean = sum(gpu_usage_percent) / len(gpu_usage_percent)
        return f"{text}, gpu_util={mean:.0f}%"
    return f"{text}, {tokens_per_s:,.0f} tokens/s"


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
