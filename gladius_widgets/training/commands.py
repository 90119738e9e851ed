"""Obeying: each command's effect and its answer, the same on every rank at the same step."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.config import TrainingConfig
from gladius_widgets.core.config_file import load_config
from gladius_widgets.core.config_paths import with_absolute_paths
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.live import FACTOR_KEY, LiveSettings, check_changes, diff, split_diff
from gladius_widgets.core.schedule import Schedule
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.store.control import Request, acknowledge
from gladius_widgets.training.evaluation import Evaluation
from gladius_widgets.training.saver import Saver
from gladius_widgets.training.session import Session
from gladius_widgets.training.state import planned_steps

_POLL_S = 0.05


@dataclass(frozen=True)
class _Answer:
    old: Any = None
    new: Any = None


class Commands:
    """Takes requests and carries them out.

    Attributes:
        paused: whether the run holds at this step.
        released: whether it shall end as `paused`, its machine free.
        stopping: the request to stop, answered when everything is saved.
    """

    def __init__(self, session: Session, saver: Saver, evaluation: Evaluation) -> None:
        self._s = session
        self._saver = saver
        self._evaluation = evaluation
        self._applied_config = session.config
        self.paused = False
        self.released = False
        self.stopping: Request | None = None

    @property
    def ending(self) -> bool:
        """Whether no further step shall be made."""
        return self.released or self.stopping is not None

    def obey(self) -> None:
        """Carry out everything that waits, then hold while paused."""
        self._obey_waiting()
        if self.paused and not self.ending:
            self._hold()

    def _obey_waiting(self) -> None:
        for request, is_replay in self._s.control.take(self._s.state.step):
            self._s.control.handled.add(request.id)
            try:
                answer = self._carry_out(request)
            except GladiusError as error:
                self._answer(request, "rejected", is_replay, reason=str(error))
            else:
                if answer is not None:
                    self._answer(request, "applied", is_replay, answer)

    def _carry_out(self, request: Request) -> _Answer | None:
        """The command's effect; None when it is answered later."""
        args = request.args
        match request.command:
            case Command.PAUSE:
                return self._pause(bool(args.get("release")), request.requested_by)
            case Command.RESUME:
                return self._resume(request.requested_by)
            case Command.STOP:
                return self._stop(request)
            case Command.CHECKPOINT:
                return self._checkpoint()
            case Command.VALIDATE:
                return self._validate(str(args.get("split", "validation")))
            case Command.SET:
                return self._set(args)
            case Command.REVERT:
                return self._revert()
            case Command.RELOAD:
                return self._reload()
        raise GladiusError(f"The trainer knows no command '{request.command}'.")

    def _answer(
        self,
        request: Request,
        outcome: str,
        is_replay: bool,
        answer: _Answer | None = None,
        reason: str | None = None,
    ) -> None:
        if not self._s.ranks.is_main:
            return
        answer = answer or _Answer()
        step = self._s.state.step
        who = f" by {request.requested_by}" if request.requested_by else ""
        done = {"applied": "", "rejected": f" refused: {reason}"}[outcome]
        again = " (again, after the resume)" if is_replay else ""
        text = f"Command {request.command}{who} at step {step}{done}{again}"
        details = {"id": request.id, "outcome": outcome, "step": step, "args": request.args}
        details |= {"old": answer.old, "new": answer.new}
        self._s.recorder.tell("INFO" if outcome == "applied" else "WARN", text, details, "command")
        if not is_replay:
            acknowledge(
                self._s.run,
                request,
                "applied" if outcome == "applied" else "rejected",
                step=step,
                old=answer.old,
                new=answer.new,
                reason=reason,
            )

    # Pause, resume, stop

    def _pause(self, release: bool, who: str) -> _Answer:
        if self.stopping is not None:
            raise GladiusError("The run is already stopping.")
        if self.released or (self.paused and not release):
            raise GladiusError("The run is paused already.", "Resume it to go on.")
        if self._saver.save("pause") is None:
            raise GladiusError("The checkpoint could not be saved.", "Free some disk space.")
        self.paused, self.released = True, release
        self._s.reporter.timer.pause()
        self._s.reporter.change(
            state=JobStatus.PAUSED, remaining_s=self._s.reporter.status.remaining_s
        )
        self._tell_status(JobStatus.PAUSED, "PAUSED", who)
        return _Answer(JobStatus.TRAINING, JobStatus.PAUSED)

    def pause_for_user(self) -> None:
        """Pause by the trainer itself, to wait for a decision."""
        self._pause(release=False, who="the trainer")

    def _resume(self, who: str) -> _Answer:
        if not self.paused:
            raise GladiusError("The run is not paused.")
        self.paused = False
        self._s.reporter.timer.resume()
        self._s.reporter.change(state=JobStatus.TRAINING)
        self._tell_status(JobStatus.TRAINING, "RESUMED", who)
        return _Answer(JobStatus.PAUSED, JobStatus.TRAINING)

    def _stop(self, request: Request) -> None:
        if self.stopping is not None:
            raise GladiusError("The run is stopping already.")
        self.stopping = request
        if self.paused:
            self.paused = False
            self._s.reporter.timer.resume()
        self._s.reporter.change(state=JobStatus.STOPPING)
        self._tell_status(JobStatus.STOPPING, "Stopping")

    def _tell_status(self, status: JobStatus, word: str, who: str = "") -> None:
        """A log line, and the event that tells from when on the machine did something else."""
        by = f" by {who}" if who else ""
        text = f"{word} at step {self._s.state.step}{by}"
        self._s.recorder.tell("INFO", text, {"status": status, "step": self._s.state.step})

    def close(self) -> None:
        """Answer what came too late, and the request to stop, now that all it asks for is done."""
        ending = "stopping" if self.stopping is not None else "ending"
        for request, is_replay in self._s.control.take(self._s.state.step):
            if not is_replay:
                self._answer(request, "rejected", False, reason=f"The run is {ending} already.")
        if self.stopping is not None:
            self._answer(self.stopping, "applied", False, _Answer(None, JobStatus.STOPPED))

    def _hold(self) -> None:
        s = self._s
        with s.clock.aside("pause"):
            while self.paused and not self.ending:
                waiting, interrupted = s.ranks.sum(
                    [s.control.waiting(s.state.step), s.interruption.requested]
                )
                if waiting:
                    self._obey_waiting()
                elif interrupted:
                    return
                else:
                    time.sleep(_POLL_S)

    # Checkpoint, validation

    def _checkpoint(self) -> _Answer:
        step = self._s.state.step
        if self._saver.last_step == step:
            raise GladiusError(f"Step {step} is saved already.")
        if self._saver.save("request") is None:
            raise GladiusError("The checkpoint could not be saved.", "Free some disk space.")
        return _Answer(new={"step": step})

    def _validate(self, split: str) -> _Answer:
        state = self._s.state
        if split not in ("validation", "test"):
            raise GladiusError(f"There is no split '{split}'.", "Use validation or test.")
        if state.validated_steps.get(split) == state.step:
            raise GladiusError(f"Step {state.step} is validated on the {split} split already.")
        result = self._evaluation.run(split)
        if result is None:
            raise GladiusError(
                f"The run has no {split} split.", f"Set data.{split}_share in the config."
            )
        figures = {"loss": result.loss, "accuracy": result.accuracy}
        return _Answer(new={"split": split, **figures, "perplexity": result.perplexity})

    # Live settings

    def _set(self, changes: Mapping[str, Any]) -> _Answer:
        state = self._s.state
        checked = check_changes(self._s.config, changes, state.learning_rate)
        before = self._settings()
        undo = {"schedule": state.schedule.to_dict(), "live": state.live.to_dict()}
        self._apply(checked)
        answer = _changes(before, self._settings())
        if not answer.new:
            raise GladiusError("Those are the settings already in force.")
        state.undo.append(undo)
        return answer

    def _revert(self) -> _Answer:
        state = self._s.state
        if not state.undo:
            raise GladiusError("There is no change to revert.")
        before, undo = self._settings(), state.undo.pop()
        state.live = LiveSettings(**undo["live"])
        state.schedule = Schedule(**undo["schedule"])
        self._replan()
        return _changes(before, self._settings())

    def _reload(self) -> _Answer:
        new_config = self._s.ranks.on_main(self._read_config)
        changes = diff(self._applied_config, new_config)
        if not changes:
            raise GladiusError("The config file says what is in force already.")
        live, restart = split_diff(changes)
        applied = self._set(live) if live else _Answer({}, {})
        self._applied_config = new_config
        shown = {key: list(pair) for key, pair in changes.items()}
        return _Answer(
            applied.old, {"applied": applied.new, "needs_restart": restart, "diff": shown}
        )

    def _read_config(self) -> TrainingConfig:
        job = read_json(self._s.run.job) or {}
        path = job.get("config_file")
        if not path:
            raise GladiusError("The run was not started from a config file.", "Use set instead.")
        # As at submit, or each relative path and each override would look like a change.
        return with_absolute_paths(load_config(path, job.get("overrides", ())), Path(path).parent)

    def _apply(self, changes: Mapping[str, Any]) -> None:
        state = self._s.state
        live = {k: v for k, v in changes.items() if k not in ("learning_rate", FACTOR_KEY)}
        state.live = replace(state.live, **live)
        self._replan()
        state.schedule = state.schedule.with_changes(state.step, changes)
        self.show_settings()

    def _replan(self) -> None:
        """How many steps are left may have changed with the batch size."""
        s = self._s
        total = planned_steps(
            s.config, s.state.live, s.dataset_size, step=s.state.step, samples=s.state.samples
        )
        s.state.schedule = s.state.schedule.with_total_steps(s.state.step, total)
        s.state.total_steps = total
        s.reporter.update(total_steps=total)
        self.show_settings()

    def show_settings(self) -> None:
        """Settings in force that differ from the config, for status.json."""
        s = self._s
        original = LiveSettings.of(s.config).to_dict()
        live = {k: v for k, v in s.state.live.to_dict().items() if v != original[k]}
        if (
            scale := s.state.schedule.scale
        ) != 1.0 or s.state.schedule.peak != s.config.optimization.learning_rate:
            live |= {"learning_rate": s.state.learning_rate, "learning_rate_scale": scale}
        s.reporter.update(
            live=live,
            learning_rate=s.state.learning_rate,
            schedule=s.state.schedule.to_dict(),
        )
        self._saver.report()

    def _settings(self) -> dict[str, Any]:
        state = self._s.state
        return {"learning_rate": state.learning_rate, **state.live.to_dict()}


def _changes(before: dict[str, Any], after: dict[str, Any]) -> _Answer:
    names = [name for name in before if before[name] != after[name]]
    return _Answer({n: before[n] for n in names}, {n: after[n] for n in names})
