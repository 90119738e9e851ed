"""When to save, saving, and going back to what was saved."""

import math
import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers.utils import GENERATION_CONFIG_NAME

from gladius_widgets.core.run_state import CheckpointState
from gladius_widgets.training.checkpoint.contents import save_rng, save_state
from gladius_widgets.training.checkpoint.folders import Checkpoint, is_sound
from gladius_widgets.training.session.session import Session

# A reason that stays true when another one becomes the best.
BEST_SO_FAR = "lowest validation loss so far"
# What no resume needs: state that differs in nothing else is not saved again.
_VOLATILE = frozenset({"handled", "elapsed_s", "active_s", "saves"})
_AFTER_FAILURE_S = 60.0  # a full disk may have room again


class Saver:
    """Saves the session's checkpoints; every rank calls every method at the same step."""

    def __init__(self, session: Session) -> None:
        self._s = session
        self.last_step: int | None = None
        self._saved: dict[str, Any] = {}  # the state as it was saved
        self._last_at = time.monotonic()
        self._not_before = -math.inf
        self._tokenizer: dict[str, bytes] = {}
        steps = session.run.checkpoint_steps()
        if steps and steps[-1] == session.state.step:
            self.last_step, self._saved = session.state.step, self._state()
        if session.ranks.is_main:
            self._tokenizer_files()  # now, not while training waits for the first checkpoint

    def due_by_step(self) -> bool:
        """Whether the step interval says so; never amid steps whose loss is not finite."""
        interval, state = self._s.state.live.checkpoint_interval_steps, self._s.state
        return interval is not None and state.step % interval == 0 and not state.nonfinite_in_row

    def due_by_time(self) -> bool:
        """As `due_by_step`, by the minutes; rank 0's clock decides for all."""
        minutes, state = self._s.state.live.checkpoint_interval_minutes, self._s.state
        if minutes is None or self.last_step == state.step or state.nonfinite_in_row:
            return False
        now = time.monotonic()
        return now - self._last_at >= minutes * 60 and now >= self._not_before

    def save(self, reason: str) -> Checkpoint | None:
        """Save now, unless this step is saved just so already; None when the disk refused it."""
        s, state = self._s, self._state()
        if self.last_step == s.state.step and self._saved == state:
            return Checkpoint(s.run.checkpoint(s.state.step), {"step": s.state.step})
        started = time.perf_counter()
        s.reporter.progress("saving a checkpoint")
        s.state.saves += 1  # the checkpoint counts itself
        with s.clock.aside("checkpoint"):
            checkpoint, problem = self._write(reason)
        s.reporter.progress("")
        if checkpoint is None:
            s.state.saves -= 1
            room = f"({shutil.disk_usage(s.run.root).free / 1e6:,.0f} MB free on the disk)"
            if s.ranks.is_main:
                s.checkpoints.discard(s.state.step)
            self._not_before = time.monotonic() + _AFTER_FAILURE_S
            s.recorder.tell("ERROR", f"Checkpoint failed: {problem} {room}", kind="error")
            return None
        self.last_step, self._saved, self._last_at = s.state.step, state, time.monotonic()
        seconds = time.perf_counter() - started
        s.recorder.tell(
            "SUCCESS",
            f"Checkpoint saved: checkpoints/{checkpoint.folder.name} ({seconds:.2f} s)",
            {"step": s.state.step, "reason": reason, "duration_s": seconds},
            kind="checkpoint",
        )
        self.report()
        return checkpoint

    def save_if_best(self) -> None:
        """Save after a validation, if it was the best so far and best ones are kept."""
        state, wanted = self._s.state, self._s.config.checkpointing.keep_best
        if wanted and state.validation.get("validation", {}).get("best_step") == state.step:
            self.save(BEST_SO_FAR)

    def _state(self) -> dict[str, Any]:
        """What tells two checkpoints of one step apart."""
        return {k: v for k, v in self._s.state.to_dict().items() if k not in _VOLATILE}

    def _write(self, reason: str) -> tuple[Checkpoint | None, str]:
        s, step = self._s, self._s.state.step
        problem = self._attempt(lambda: s.checkpoints.begin(step)) if s.ranks.is_main else ""
        if s.ranks.sum([bool(problem)])[0]:
            return None, problem
        folder = s.checkpoints.temporary(step)
        write = s.parallel.snapshot()
        problem = self._attempt(lambda: (save_rng(folder, s.ranks.index), write(folder)))
        if s.ranks.is_main and not problem:
            problem = self._attempt(self._fill)
        if s.ranks.sum([bool(problem)])[0]:
            return None, problem
        if s.ranks.is_main:
            # before the commit: a kill after it would leave a hole in the history otherwise
            s.recorder.roll()
            problem = self._attempt(lambda: s.checkpoints.commit(step, self._facts(reason)))
        if s.ranks.sum([bool(problem)])[0]:
            return None, problem
        if s.ranks.is_main:
            keep = s.config.checkpointing
            s.checkpoints.prune(keep.keep_last, keep.keep_best)
        return Checkpoint(s.run.checkpoint(step), {"step": step}), ""

    def _fill(self) -> None:
        s = self._s
        folder = s.checkpoints.temporary(s.state.step)
        for name, data in self._tokenizer_files().items():
            (folder / name).write_bytes(data)
        s.state.elapsed_s = s.reporter.timer.elapsed_s()
        s.state.active_s = s.reporter.timer.active_s()
        s.state.handled = sorted(s.control.handled)
        source = None if s.source is None else vars(s.source)
        save_state(folder, {"state": s.state.to_dict(), "source": source, "data": s.data})

    def _tokenizer_files(self) -> dict[str, bytes]:
        """The tokenizer, and where a generation ends, as `from_pretrained` reads them.

        Made once, as that takes its time.
        """
        if not self._tokenizer:
            with tempfile.TemporaryDirectory() as scratch:
                self._s.tokenizer.save_pretrained(scratch)
                settings = getattr(self._s.parallel.model, "generation_config", None)
                if settings is not None:  # adapters alone are saved without it
                    settings.to_json_file(Path(scratch, GENERATION_CONFIG_NAME))
                files = [path for path in Path(scratch).iterdir() if path.is_file()]
                self._tokenizer = {path.name: path.read_bytes() for path in files}
        return self._tokenizer

    def _facts(self, reason: str) -> dict[str, object]:
        s = self._s
        validation = s.state.validation.get("validation", {})
        validated = validation.get("step") == s.state.step  # else the figures are of other weights
        return {
            "attempt": s.attempt,
            "reason": reason,
            "kind": "adapter" if s.config.lora.enabled else "model",
            "world_size": s.ranks.size,
            "parallel": s.parallel.name,
            "validation_loss": validation.get("loss") if validated else None,
            "nonfinite_in_row": s.state.nonfinite_in_row,
        }

    @staticmethod
    def _attempt(work: Callable[[], object]) -> str:
        """Do it; the disk's complaint, or nothing.

        torch and safetensors have errors of their own for a write that the disk refuses.
        """
        try:
            work()
        except OSError as error:
            return f"{error.strerror or error}"
        except (RuntimeError, SafetensorError) as error:
            return f"{error}".partition("\n")[0]
        return ""

    def report(self) -> None:
        """What is saved and when the next save is due, for status.json."""
        s = self._s
        live = s.state.live
        steps = s.run.checkpoint_steps() if s.ranks.is_main else []
        interval, minutes = live.checkpoint_interval_steps, live.checkpoint_interval_minutes
        age_s = time.monotonic() - self._last_at
        s.reporter.update(
            checkpoints=CheckpointState(
                count=len(steps),
                saves=s.state.saves,
                last_step=self.last_step,
                last_at=time.time() - age_s if self.last_step is not None else None,
                next_at=time.time() - age_s + minutes * 60 if minutes else None,
                next_step=(s.state.step // interval + 1) * interval if interval else None,
            )
        )

    def roll_back(self, skip: int = 0) -> int | None:
        """Weights and optimizer of the newest sound checkpoint into the live model.

        `skip` so many, where there are more: those that did not help.

        The step and the place in the data stay, so that the same batch does not come again.
        Returns the checkpoint's step, or None without one.
        """
        s = self._s
        found = s.ranks.on_main(lambda: self._sound(skip))
        if found is None:
            return None
        with s.clock.aside("checkpoint"), torch.no_grad():
            s.parallel.load_weights(found.folder)
            s.parallel.load_optimizer(found.folder)
        self._saved = {}  # this step's checkpoint, if there is one, has other weights
        return found.step

    def _sound(self, skip: int) -> Checkpoint | None:
        whole = self._s.checkpoints.whole(lambda text: self._s.recorder.tell("WARN", text))
        found = list(islice((one for one in whole if is_sound(one.manifest)), skip + 1))
        return found[-1] if found else None
