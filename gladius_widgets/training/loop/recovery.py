"""Going on after too little memory and after non-finite losses, up to a limit."""

import math
from dataclasses import replace
from typing import Any

from gladius_widgets.core.config.live import LiveSettings
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.run_state import OUT_OF_MEMORY, RunError
from gladius_widgets.store.metrics import MetricReader
from gladius_widgets.store.metrics.schemas import SYSTEM
from gladius_widgets.training.data.batches import Batches
from gladius_widgets.training.loop.commands import Commands
from gladius_widgets.training.loop.saver import Saver
from gladius_widgets.training.output import machine
from gladius_widgets.training.parallel.step import StepOutcome
from gladius_widgets.training.session.session import Session

_MEMORY_SAMPLES = 10


class Recovery:
    """Decides what follows a bad step; the same on every rank."""

    def __init__(self, session: Session, saver: Saver, commands: Commands) -> None:
        self._s = session
        self._saver = saver
        self._commands = commands

    def out_of_memory(self, outcome: StepOutcome, batches: Batches) -> None:
        """Repeat the step with smaller micro-batches, or pause.

        Halved up to `max_oom_recoveries` times in a row, then the last setting that worked.

        Raises:
            GladiusError: the config says fail, or nothing is left to try.
        """
        s, state = self._s, self._s.state
        self._tell_autopsy(outcome, batches)
        if outcome.half_updated:
            self._undo_half_an_update()
        mode = s.config.training.on_oom
        if mode == "pause":
            self._saver.save("out of memory")
            size = state.live.micro_batch_size
            message = f"Out of memory at step {state.step + 1} with micro-batches of {size}."
            self._commands.pause_for_user(RunError(type=OUT_OF_MEMORY, message=message))
            self._commands.obey()
            return
        old = _batch(state.live)
        new = self._smaller() if mode == "recover" else None
        # Before the checkpoint, as a resume from it is to start with what may work.
        self._use(new or state.worked or old)
        self._saver.save("out of memory")
        if new is None:
            raise GladiusError(
                f"Out of memory at step {state.step + 1} with micro-batches of {old[0]}.",
                "; ".join(self.suggestions(old[0])) + ".",
            )
        same = " (the same samples a step)" if new[0] * new[1] == old[0] * old[1] else ""
        s.recorder.tell(
            "WARN",
            f"Going on with micro-batches of {new[0]} (was {old[0]}) and accumulation {new[1]} "
            f"(was {old[1]}){same}",
        )

    def _smaller(self) -> list[int] | None:
        """Micro-batch size and accumulation to try next; None when nothing is left."""
        state = self._s.state
        size, accumulation = _batch(state.live)
        if size > 1 and state.oom_in_row < self._s.config.training.max_oom_recoveries:
            state.oom_in_row += 1
            state.oom_recoveries += 1
            smaller = largest_divisor_up_to(size, size // 2)
            return [smaller, accumulation * (size // smaller)]
        if state.worked is not None and state.worked[0] < size:
            state.oom_in_row = 0
            state.oom_recoveries += 1
            return state.worked
        return None

    def _use(self, batch: list[int]) -> None:
        size, accumulation = batch
        live = self._s.state.live
        self._s.state.live = replace(
            live, micro_batch_size=size, gradient_accumulation=accumulation
        )
        self._commands.replan()

    def _undo_half_an_update(self) -> None:
        step = self._saver.roll_back()
        if step is None:
            raise GladiusError(
                "Out of memory amid the optimizer's first updates, so that the weights are lost.",
                "; ".join(self.suggestions()) + ".",
            )
        self._s.recorder.tell(
            "WARN", f"It came amid an update; weights rolled back to the checkpoint of step {step}"
        )

    def after_step(self, outcome: StepOutcome) -> None:
        """Count skipped steps; after several in a row go back to the last checkpoint.

        Raises:
            GladiusError: it happened more often than the config allows.
        """
        s, state, training = self._s, self._s.state, self._s.config.training
        overflow = s.parallel.scales_loss and math.isfinite(outcome.loss)
        state.oom_in_row, state.worked = 0, _batch(state.live)
        if outcome.updated or overflow:  # an fp16 overflow is the scaler's daily work
            state.nonfinite_in_row = 0
            return
        state.nonfinite_in_row += 1
        state.skipped_steps += 1
        what = "loss" if not math.isfinite(outcome.loss) else "gradient"
        s.recorder.tell(
            "WARN",
            f"Step {state.step} skipped: its {what} is not finite "
            f"({state.nonfinite_in_row} in a row)",
            {
                "kind": "not_finite",
                "step": state.step,
                "in_row": state.nonfinite_in_row,
                "what": what,
            },
        )
        if state.nonfinite_in_row % training.max_nonfinite_in_row:
            return
        # Roll-backs of one streak did not help, so each goes further back than the one before.
        skip = state.nonfinite_in_row // training.max_nonfinite_in_row - 1
        left = state.rollbacks < training.max_rollbacks
        step = self._saver.roll_back(skip) if left else None
        if step is None:
            why = "there is no checkpoint from before" if left else "no roll-back is left"
            raise GladiusError(
                f"{state.nonfinite_in_row} steps in a row had a {what} that is not finite, up to "
                f"step {state.step}, and {why} (rolled back {state.rollbacks} of "
                f"{training.max_rollbacks} times).",
                "Lower the learning rate, or look for broken rows in the data.",
            )
        state.rollbacks += 1
        s.recorder.tell(
            "WARN",
            f"Weights rolled back to the checkpoint of step {step}",
            {"kind": "rollback", "step": step},
        )

    def suggestions(self, size: int | None = None) -> list[str]:
        """What to change against too little memory, the most helpful first.

        `size` is that of the micro-batches, by default those now in force.
        """
        s, size = self._s, size or self._s.state.live.micro_batch_size
        ideas = []
        if size > 1:
            ideas.append(f"Reduce training.micro_batch_size (now {size})")
        if not s.config.training.gradient_checkpointing:
            ideas.append("Enable training.gradient_checkpointing")
        ideas.append(f"Reduce data.max_length (now {s.config.data.max_length})")
        if s.config.training.precision == "fp32" and s.accelerator.device.type == "cuda":
            ideas.append("Use training.precision bf16")
        if not s.config.lora.enabled:
            ideas.append("Use lora.enabled")
        return ideas

    def _tell_autopsy(self, outcome: StepOutcome, batches: Batches) -> None:
        s = self._s
        used = machine.memory_bytes(s.accelerator.device)
        s.recorder.tell(
            "ERROR",
            f"Out of memory at step {s.state.step + 1}: "
            f"{outcome.out_of_memory_message or 'on another rank'}",
            {
                "kind": "out_of_memory",
                "step": s.state.step + 1,
                "memory_used_bytes": used[0] if used else None,
                "memory_total_bytes": used[1] if used else None,
                "memory_samples": self._memory_samples(),
                "batch_shapes": [list(shape) for shape in batches.shapes()],
                "micro_batch_size": s.state.live.micro_batch_size,
                "gradient_accumulation": s.state.live.gradient_accumulation,
                "suggestions": self.suggestions(),
            },
        )

    def _memory_samples(self) -> list[dict[str, Any]]:
        """What the runner measured last: time and bytes used, on each GPU and the host."""
        columns = ["time", "gpu_memory_used_bytes", "ram_used_bytes", "process_rss_bytes"]
        table = MetricReader(self._s.run.table("system"), SYSTEM).read(columns)
        return table.slice(max(0, table.num_rows - _MEMORY_SAMPLES)).to_pylist()


def _batch(live: LiveSettings) -> list[int]:
    return [live.micro_batch_size, live.gradient_accumulation]


def largest_divisor_up_to(number: int, limit: int) -> int:
    """The largest divisor of `number` that is at most `limit` (limit ≥ 1)."""
    return next(d for d in range(limit, 0, -1) if number % d == 0)
