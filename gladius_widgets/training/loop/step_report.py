"""What a step did, told to the metric tables, status.json, TensorBoard and the log."""

import math
import time
from typing import Any

from gladius_widgets.training.loop.metric_events import MetricEvents
from gladius_widgets.training.loop.pace import PaceAlert
from gladius_widgets.training.loop.saver import Saver
from gladius_widgets.training.model.routers import ExpertFigures, coverage, imbalance
from gladius_widgets.training.output import log_lines, machine
from gladius_widgets.training.parallel.step import StepOutcome
from gladius_widgets.training.session.session import Session
from gladius_widgets.training.session.state import planned_totals

# Steps may come ten a second; the log is for people, the tables have every step.
_STEP_LINE_S = 0.5
_MACHINE_LINE_S = 5.0
_ROUTING_LINE_S = 30.0
_LAYER_ROWS_S = 1.0
_IMBALANCE_ALERT_S = 60.0
_IMBALANCE_STEPS = 20  # fewer are chance


class StepReport:
    """Writes down every step; rank 0's business only."""

    def __init__(self, session: Session, saver: Saver) -> None:
        self._s = session
        self._saver = saver
        self._events = MetricEvents(session)
        self._last: dict[str, float] = {}
        self._routing: ExpertFigures | None = None  # since the last layer rows
        self._window: ExpertFigures | None = None  # since the last routing line
        self._window_steps = 0
        self._pace = PaceAlert(session.config.alerts.slow_throughput_share, self._tell_of_pace)

    def begin(self) -> None:
        """Totals, before the first step."""
        s = self._s
        self._events.begin()
        per_epoch = self._batches_per_epoch()
        s.reporter.update(
            step=s.state.step,
            batches_per_epoch=per_epoch,
            samples=s.state.samples,
            **planned_totals(s.config, s.state, s.dataset_size),
            samples_per_epoch=s.dataset_size,
            training_started_at=s.state.started_at,
            weight_decay=s.state.live.weight_decay,
            loss=s.state.loss,
            **self._place(),
        )
        epoch, batch = self._place().values()
        s.recorder.line(
            f"\nStarting training: Epoch {epoch}/{s.reporter.status.total_epochs}, "
            f"Batch {batch}/{per_epoch}\n" + "─" * 60
        )
        live = s.state.live
        s.recorder.log("INFO", f"Gradient accumulation: {live.gradient_accumulation} steps")

    def step(self, outcome: StepOutcome, learning_rate: float, tokens: int, samples: int) -> None:
        """One step that was made (or skipped), after the state was advanced."""
        s = self._s
        step_time_s = s.clock.step_done()
        if not s.ranks.is_main:
            return
        tokens_per_s = tokens / step_time_s
        place = self._place()
        expert_loss = outcome.experts.loss if outcome.experts else []
        row = {
            "step": s.state.step,
            "time": time.time(),
            "epoch": s.state.samples / s.dataset_size,
            "batch": place["batch"],
            "loss": outcome.loss,
            "aux_loss": outcome.aux_loss,
            "learning_rate": learning_rate,
            "grad_norm": outcome.grad_norm,
            "weight_decay": s.state.live.weight_decay,
            "tokens": tokens,
            "tokens_per_s": tokens_per_s,
            "samples": samples,
            "step_time_s": step_time_s,
            "expert_load": outcome.experts.load if outcome.experts else None,
            "expert_loss": expert_loss or None,
        }
        s.recorder.row("train", row)
        shown = ("loss", "aux_loss", "learning_rate", "grad_norm", "tokens_per_s")
        s.recorder.scalars(s.state.step, {f"train/{name}": row[name] for name in shown})
        s.reporter.update(
            step=s.state.step,
            samples=s.state.samples,
            loss=outcome.loss,
            expert_loss=expert_loss or s.reporter.status.expert_loss,
            tokens_per_s=tokens_per_s,
            learning_rate=learning_rate,
            grad_norm=outcome.grad_norm,
            weight_decay=s.state.live.weight_decay,
            step_time_s=s.clock.typical_step_s or step_time_s,
            remaining_s=self._remaining_s(),
            progressed_at=row["time"],
            batches_per_epoch=self._batches_per_epoch(),
            **place,
        )
        if outcome.experts:
            self._experts(outcome.experts)
        live = s.state.live
        batch = (live.micro_batch_size, live.gradient_accumulation)
        self._pace.step(s.state.step, tokens, step_time_s, batch)
        self._lines(outcome, learning_rate, tokens_per_s)
        self._events.step(outcome.loss, learning_rate, tokens_per_s)

    def _place(self) -> dict[str, int]:
        """Epoch and batch in it, both counted from 1; batch 0 before the first."""
        s = self._s
        if s.state.samples == 0:
            return {"epoch": 1, "batch": 0}
        epoch, sample = divmod(s.state.samples - 1, s.dataset_size)
        per_batch = s.state.live.micro_batch_size * s.ranks.size
        return {"epoch": epoch + 1, "batch": sample // per_batch + 1}

    def _batches_per_epoch(self) -> int:
        s = self._s
        return -(-s.dataset_size // (s.state.live.micro_batch_size * s.ranks.size))

    def _remaining_s(self) -> float | None:
        """ETA: steps, and the validations and checkpoints between here and the end."""
        state = self._s.state
        left = state.total_steps - state.step
        live = state.live
        validations = _due(live.validation_interval_steps, state.step, state.total_steps)
        checkpoints = _due(live.checkpoint_interval_steps, state.step, state.total_steps)
        return self._s.clock.remaining_s(left, validations, checkpoints)

    def _experts(self, figures: ExpertFigures) -> None:
        s = self._s
        self._routing = figures if self._routing is None else self._routing + figures
        self._window = figures if self._window is None else self._window + figures
        self._window_steps += 1
        if not self._is_time("layers", _LAYER_ROWS_S):
            return
        for layer, load in enumerate(self._routing.layer_loads):
            s.recorder.row("experts", {"step": s.state.step, "layer": layer, "load": load})
        self._routing = None

    def _lines(self, outcome: StepOutcome, learning_rate: float, tokens_per_s: float) -> None:
        s = self._s
        last = s.state.step == s.state.total_steps
        every = s.config.training.log_interval_steps
        if not last and (s.state.step % every or not self._is_time("step", _STEP_LINE_S)):
            return
        epoch, batch = self._place().values()
        expert_loss = outcome.experts.loss if outcome.experts else []
        s.recorder.line(log_lines.step_line(epoch, batch, outcome.loss, expert_loss))
        if last or self._is_time("machine", _MACHINE_LINE_S):
            device = s.accelerator.device
            memory, heat = machine.memory_bytes(device), machine.temperatures_c(device)
            s.recorder.line(log_lines.machine_line(tokens_per_s, memory, heat))
            s.recorder.line(log_lines.progress_line(s.state.step, s.state.total_steps))
        if self._is_time("routing", _ROUTING_LINE_S):
            text = log_lines.learning_rate_line(learning_rate, s.config.optimization.schedule)
            s.recorder.log("INFO", text)
            if self._window is not None:
                s.recorder.log("INFO", log_lines.routing_line(self._window.load))
                if self._window_steps >= _IMBALANCE_STEPS:
                    self._warn_of_imbalance(self._window.load)
                self._window, self._window_steps = None, 0

    def _warn_of_imbalance(self, load: list[float]) -> None:
        s = self._s
        spread = imbalance(load)
        limit = s.config.alerts.expert_imbalance
        if spread <= limit or not self._is_time("imbalance", _IMBALANCE_ALERT_S):
            return
        worst = min(range(len(load)), key=load.__getitem__)
        s.recorder.tell(
            "WARN",
            f"Expert-{worst} load imbalance detected ({load[worst]:.0%} of assignments)",
            {"load": load, "coverage": coverage(load), "imbalance": spread, "limit": limit},
        )

    def _tell_of_pace(self, level: str, text: str, payload: dict[str, Any]) -> None:
        kind = "warning" if level == "WARN" else "status"
        self._s.recorder.tell(level, text, payload, kind)

    def _is_time(self, what: str, interval_s: float) -> bool:
        now = time.monotonic()
        if now - self._last.get(what, -math.inf) < interval_s:
            return False
        self._last[what] = now
        return True


def _due(interval: int | None, step: int, total_steps: int) -> int:
    """How many multiples of `interval` lie ahead, up to the end."""
    return 0 if interval is None else total_steps // interval - step // interval
