"""Validating in the course of a run: when it is due, its figures, the best so far."""

import math
from collections.abc import Callable
from typing import Any

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.run_state import ValidationState
from gladius_widgets.core.text.perplexity import perplexity_text
from gladius_widgets.training.loop.generations import Samples
from gladius_widgets.training.loop.validation import ValidationResult, validate
from gladius_widgets.training.session.session import Session


class Evaluation:
    """Runs validations and keeps their figures in the state; every rank takes part.

    Args:
        session: whose.
        between: called between two batches, on every rank; whether to give the validation up.
    """

    def __init__(self, session: Session, between: Callable[[], bool]) -> None:
        self._s = session
        self._between = between
        self._running: set[str] = set()
        self._samples = Samples(session)
        self.report()

    def due(self) -> bool:
        """Whether the interval says so, after this step."""
        interval = self._s.state.live.validation_interval_steps
        return interval is not None and self._s.state.step % interval == 0

    def due_at_the_end(self) -> bool:
        """Whether the run validates at all and has not at its last step."""
        state = self._s.state
        wanted = state.live.validation_interval_steps is not None
        return wanted and state.validated_steps.get("validation") != state.step

    def run(self, split: str) -> ValidationResult | None:
        """One pass over the split now; None when the run has no such split.

        Raises:
            GladiusError: it was given up, ran out of memory, or is going on already (commands are
                obeyed between its batches).
        """
        s = self._s
        data = s.splits[split]
        if not len(data):
            return None
        if split in self._running:
            raise GladiusError(f"The {split} split is being validated already.")
        self._running.add(split)
        try:
            with s.clock.aside("validation"):
                result = validate(
                    s.parallel,
                    data,
                    s.accelerator,
                    s.ranks,
                    micro_batch_size=s.state.live.micro_batch_size,
                    max_batches=s.config.training.validation_max_batches,
                    progress=lambda done, total: s.reporter.progress(f"{split} {done}/{total}"),
                    between=self._between,
                    warn=lambda text: s.recorder.tell("WARN", text),
                )
        finally:
            self._running.discard(split)
            s.reporter.progress("")
        if result is None:
            raise GladiusError(f"The validation on the {split} split was given up: the run ends.")
        self._note(split, result)
        if split == "validation":
            with s.clock.aside("validation"):
                self._samples.write()
        return result

    def _note(self, split: str, result: ValidationResult) -> None:
        s, state = self._s, self._s.state
        row = {
            "loss": result.loss,
            "perplexity": result.perplexity,
            "accuracy": result.accuracy,
            "tokens": result.tokens,
            "duration_s": result.duration_s,
        }
        epoch = state.samples / max(1, s.dataset_size)
        s.recorder.row("validation", {"step": state.step, "epoch": epoch, "split": split, **row})
        s.recorder.flush("validation")
        points = {f"{split}/{name}": row[name] for name in ("loss", "perplexity", "accuracy")}
        s.recorder.scalars(state.step, points)
        s.recorder.tell(
            "INFO",
            f"{split.capitalize()} at step {state.step}: loss {result.loss:.4f}, "
            f"perplexity {perplexity_text(result.perplexity)}, "
            f"accuracy {result.accuracy:.1%} ({result.duration_s:.1f} s)",
            {"split": split, "step": state.step, **row},
            kind="metrics",
        )
        state.validation[split] = self._updated(split, result, epoch)
        state.validated_steps[split] = state.step
        self.report()

    def _updated(self, split: str, result: ValidationResult, epoch: float) -> dict[str, Any]:
        state = self._s.state
        figures = dict(state.validation.get(split, {}))
        figures |= {
            "loss": result.loss,
            "accuracy": result.accuracy,
            "perplexity": result.perplexity,
            "step": state.step,
            "at": self._s.reporter.now(),
        }
        best = figures.get("best_loss")
        if math.isfinite(result.loss) and (best is None or result.loss < best):
            figures |= {"best_loss": result.loss, "best_epoch": epoch, "best_step": state.step}
        if result.accuracy > (figures.get("best_accuracy") or -1.0):
            figures |= {
                "best_accuracy": result.accuracy,
                "best_accuracy_epoch": epoch,
                "best_accuracy_step": state.step,
            }
        return figures

    def report(self) -> None:
        """Newest and best figures, for status.json."""
        figures = self._s.state.validation
        self._s.reporter.update(
            validation={split: ValidationState(**values) for split, values in figures.items()}
        )
