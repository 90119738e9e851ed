"""When to save, saving, and going back to what was saved."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from gladius_widgets.core.run_state import CheckpointState
from gladius_widgets.training.checkpoint_store import Checkpoint
from gladius_widgets.training.session import Session
from gladius_widgets.training.snapshot import save_rng, save_state


class Saver:
    """Saves the session's checkpoints; every rank calls every method at the same step."""

    def __init__(self, session: Session) -> None:
        self._s = session
        self.last_step: int | None = None
        self._last_at = time.monotonic()
        self._tokenizer: dict[str, bytes] = {}
        steps = session.run.checkpoint_steps()
        if steps and steps[-1] == session.state.step:
            self.last_step = session.state.step
        if session.ranks.is_main:
            self._tokenizer_files()  # now, not while training waits for the first checkpoint

    def due_by_step(self) -> bool:
        """Whether the step interval says so."""
        interval = self._s.state.live.checkpoint_interval_steps
        return interval is not None and self._s.state.step % interval == 0

    def due_by_time(self) -> bool:
        """Whether the minutes say so; rank 0's clock decides for all."""
        minutes = self._s.state.live.checkpoint_interval_minutes
        if minutes is None or self.last_step == self._s.state.step:
            return False
        return time.monotonic() - self._last_at >= minutes * 60

    def save(self, reason: str) -> Checkpoint | None:
        """Save now, unless this step is saved already; None when the disk refused it."""
        s = self._s
        if self.last_step == s.state.step:
            return Checkpoint(s.run.checkpoint(s.state.step), {"step": s.state.step})
        started = time.perf_counter()
        s.reporter.progress("saving a checkpoint")
        with s.clock.aside("checkpoint"):
            checkpoint, problem = self._write(reason)
        s.reporter.progress("")
        if checkpoint is None:
            s.recorder.tell("ERROR", f"Checkpoint failed: {problem}", kind="error")
            return None
        self.last_step, self._last_at = s.state.step, time.monotonic()
        seconds = time.perf_counter() - started
        s.recorder.tell(
            "SUCCESS",
            f"Checkpoint saved: checkpoints/{checkpoint.folder.name} ({seconds:.2f} s)",
            {"step": s.state.step, "reason": reason, "duration_s": seconds},
            kind="checkpoint",
        )
        self.report()
        return checkpoint

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
        """The tokenizer as `from_pretrained` reads it; made once, as that takes its time."""
        if not self._tokenizer:
            with tempfile.TemporaryDirectory() as scratch:
                self._s.tokenizer.save_pretrained(scratch)
                files = [path for path in Path(scratch).iterdir() if path.is_file()]
                self._tokenizer = {path.name: path.read_bytes() for path in files}
        return self._tokenizer

    def _facts(self, reason: str) -> dict[str, object]:
        s = self._s
        validation = s.state.validation.get("validation", {})
        return {
            "attempt": s.attempt,
            "reason": reason,
            "kind": "adapter" if s.config.lora.enabled else "model",
            "world_size": s.ranks.size,
            "parallel": s.parallel.name,
            "validation_loss": validation.get("loss"),
        }

    @staticmethod
    def _attempt(work: Callable[[], object]) -> str:
        """Do it; the disk's complaint, or nothing."""
        try:
            work()
        except OSError as error:
            return f"{error.strerror or error}"
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
                last_step=self.last_step,
                last_at=time.time() - age_s if self.last_step is not None else None,
                next_at=time.time() - age_s + minutes * 60 if minutes else None,
                next_step=(s.state.step // interval + 1) * interval if interval else None,
            )
        )

    def roll_back(self) -> int | None:
        """Weights and optimizer of the newest whole checkpoint into the live model.

        The step and the place in the data stay, so that the same batch does not come again.
        Returns the checkpoint's step, or None without one.
        """
        s = self._s
        found = s.ranks.on_main(
            lambda: s.checkpoints.newest_whole(lambda text: s.recorder.tell("WARN", text))
        )
        if found is None:
            return None
        with s.clock.aside("checkpoint"), torch.no_grad():
            s.parallel.load_weights(found.folder)
            s.parallel.load_optimizer(found.folder)
        return found.step
