"""Going on after too little memory and after non-finite losses, up to a limit."""

import math
from typing import Any

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.store.metrics import MetricReader
from gladius_widgets.store.metrics.schemas import SYSTEM
from gladius_widgets.training import machine
from gladius_widgets.training.commands import Commands
from gladius_widgets.training.saver import Saver
from gladius_widgets.training.session import Session
from gladius_widgets.training.step import StepOutcome
from gladius_widgets.training.token_data import Batch

_MEMORY_SAMPLES = 10


class Recovery:
    """Decides what follows a bad step; the same on every rank."""

    def __init__(self, session: Session, saver: Saver, commands: Commands) -> None:
        self._s = session
        self._saver = saver
        self._commands = commands

    def out_of_memory(self, outcome: StepOutcome, batches: list[Batch]) -> None:
        """Nothing of the step was applied. Halve the micro-batch and repeat it, or pause.

        Raises:
            GladiusError: the config says fail, or nothing is left to try.
        """
        s, state = self._s, self._s.state
        size, accumulation = state.live.micro_batch_size, state.live.gradient_accumulation
        self._tell_autopsy(outcome, batches)
        self._saver.save("out of memory")
        mode = s.config.training.on_oom
        exhausted = state.oom_recoveries >= s.config.training.max_oom_recoveries
        if mode == "pause":
            self._commands.pause_for_user()
            self._commands.obey()
            return
        if mode == "fail" or size == 1 or exhausted:
            raise GladiusError(
                f"Out of memory at step {state.step} with micro-batches of {size}.",
                "; ".join(self.suggestions()) + ".",
            )
        smaller = largest_divisor_up_to(size, size // 2)
        state.oom_recoveries += 1
        state.live = type(state.live)(
            **state.live.to_dict()
            | {
                "micro_batch_size": smaller,
                "gradient_accumulation": accumulation * (size // smaller),
            }
        )
        self._commands.show_settings()
        s.recorder.tell(
            "WARN",
            f"Going on with micro-batches of {smaller} (was {size}) and accumulation "
            f"{state.live.gradient_accumulation} (was {accumulation}): the same samples a step",
        )

    def after_step(self, outcome: StepOutcome) -> None:
        """Count skipped steps; after several in a row go back to the last checkpoint.

        Raises:
            GladiusError: it happened more often than the config allows.
        """
        s, state, training = self._s, self._s.state, self._s.config.training
        overflow = s.parallel.scales_loss and math.isfinite(outcome.loss)
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
            {"step": state.step, "in_row": state.nonfinite_in_row, "what": what},
        )
        if state.nonfinite_in_row < training.max_nonfinite_in_row:
            return
        state.nonfinite_in_row = 0
        step = self._saver.roll_back() if state.rollbacks < training.max_rollbacks else None
        if step is None:
            raise GladiusError(
                f"{training.max_nonfinite_in_row} steps in a row had a {what} that is not finite, "
                f"up to step {state.step}; training cannot go on.",
                "Lower the learning rate, or look for broken rows in the data.",
            )
        state.rollbacks += 1
        s.recorder.tell("WARN", f"Weights rolled back to the checkpoint of step {step}")

    def suggestions(self) -> list[str]:
        """What to change against too little memory, the most helpful first."""
        s, live = self._s, self._s.state.live
        ideas = []
        if live.micro_batch_size > 1:
            ideas.append(f"Reduce training.micro_batch_size (now {live.micro_batch_size})")
        if not s.config.training.gradient_checkpointing:
            ideas.append("Enable training.gradient_checkpointing")
        ideas.append(f"Reduce data.max_length (now {s.config.data.max_length})")
        if s.config.training.precision == "fp32" and s.accelerator.device.type == "cuda":
            ideas.append("Use training.precision bf16")
        if not s.config.lora.enabled:
            ideas.append("Use lora.enabled")
        return ideas

    def _tell_autopsy(self, outcome: StepOutcome, batches: list[Batch]) -> None:
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
                "batch_shapes": [list(batch.input_ids.shape) for batch in batches],
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


def largest_divisor_up_to(number: int, limit: int) -> int:
    """The largest divisor of `number` that is at most `limit` (limit ≥ 1)."""
    return next(d for d in range(limit, 0, -1) if number % d == 0)
