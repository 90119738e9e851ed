"""Obeying: each command's effect and its answer, the same on every rank at the same step."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from gladius_widgets.core.config.live import FACTOR_KEY
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.run_state import RunError
from gladius_widgets.core.states import Command, JobStatus
from gladius_widgets.core.text.change_text import change_text
from gladius_widgets.store.run.requests import Request, acknowledge
from gladius_widgets.training.loop.evaluation import Evaluation
from gladius_widgets.training.loop.saver import Saver
from gladius_widgets.training.loop.settings import Answer, Changes
from gladius_widgets.training.session.inbox import SETTINGS
from gladius_widgets.training.session.session import Session

_POLL_S = 0.05


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
        self._changes = Changes(session, saver)
        self.replan = self._changes.replan
        self.paused = False
        self.released = False
        self.stopping: Request | None = None
        self._unsaid: list[Callable[[], object]] = []

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
        changed = False
        for request, is_replay, is_overtaken in self._s.control.take(self._s.state.step):
            self._s.control.handled.add(request.id)
            try:
                if not is_replay and (is_overtaken or changed):
                    _check_absolute(request)
                answer = self._carry_out(request)
            except GladiusError as error:
                self._answer(request, "rejected", is_replay, reason=str(error))
            else:
                if answer is not None:
                    self._answer(request, "applied", is_replay, answer)
                if request.command in SETTINGS:
                    changed = True
                    self._s.control.settings_changed()

    def _carry_out(self, request: Request) -> Answer | None:
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
                return self._changes.set(args)
            case Command.REVERT:
                return self._changes.revert()
            case Command.RELOAD:
                return self._changes.reload()
        raise GladiusError(f"The trainer knows no command '{request.command}'.")

    def _answer(
        self,
        request: Request,
        outcome: str,
        is_replay: bool,
        answer: Answer | None = None,
        reason: str | None = None,
    ) -> None:
        if not self._s.ranks.is_main:
            return
        answer = answer or Answer()
        step = self._s.state.step
        who = f" by {request.requested_by}" if request.requested_by else ""
        done = {"applied": "", "rejected": f" refused: {reason}"}[outcome]
        again = " (again, after the resume)" if is_replay else ""
        what = change_text(request.args, answer.old, answer.new)
        what = f" ({what})" if what else ""
        text = f"Command {request.command}{what}{who} at step {step}{done}{again}"
        details = {"id": request.id, "command": request.command, "by": request.requested_by}
        details |= {"outcome": outcome, "reason": reason, "step": step, "args": request.args}
        details |= {"old": answer.old, "new": answer.new}
        self._s.recorder.tell("INFO" if outcome == "applied" else "WARN", text, details, "command")
        if not is_replay:
            self._unsaid.append(
                partial(
                    acknowledge,
                    self._s.run,
                    request,
                    "applied" if outcome == "applied" else "rejected",
                    step=step,
                    old=answer.old,
                    new=answer.new,
                    reason=reason,
                )
            )
            self._say_answers()

    def _say_answers(self) -> None:
        """Write what has not been answered yet; on a full disk the next call tries again."""
        with suppress(OSError):
            while self._unsaid:
                self._unsaid[0]()
                del self._unsaid[0]

    # Pause, resume, stop

    def _pause(self, release: bool, who: str, error: RunError | None = None) -> Answer | None:
        if self.stopping is not None:
            raise GladiusError("The run is already stopping.")
        if self.released or (self.paused and not release):
            raise GladiusError("The run is paused already.", "Resume it to go on.")
        if self._saver.save("pause") is None:
            if release:
                raise GladiusError("The checkpoint could not be saved.", "Free some disk space.")
            text = "Paused without a checkpoint: the memory alone holds what was learnt since"
            self._s.recorder.tell("WARN", f"{text} the last one")
        if not self.paused:
            self._s.reporter.timer.pause()
        self.paused, self.released = True, release
        self._s.reporter.change(
            state=JobStatus.PAUSED,
            error=error or self._s.reporter.status.error,
            remaining_s=self._s.reporter.status.remaining_s,
        )
        self._tell_status(JobStatus.PAUSED, "PAUSED", who)
        # That the machine is free is for the runner to say, when no process is left.
        return None if release else Answer(JobStatus.TRAINING, JobStatus.PAUSED)

    def pause_for_user(self, error: RunError) -> None:
        """Pause by the trainer itself, to wait for a decision; `error` says why, until it ends."""
        self._pause(release=False, who="the trainer", error=error)

    def _resume(self, who: str) -> Answer:
        if self.released:
            raise GladiusError("The run is freeing its machine.", "Resume it again in a moment.")
        if not self.paused:
            raise GladiusError("The run is not paused.")
        self.paused = False
        self._s.reporter.timer.resume()
        now = self._s.reporter.now()
        self._s.reporter.change(state=JobStatus.TRAINING, progressed_at=now, error=None)
        self._tell_status(JobStatus.TRAINING, "RESUMED", who)
        return Answer(JobStatus.PAUSED, JobStatus.TRAINING)

    def _stop(self, request: Request) -> None:
        if self.stopping is not None:
            raise GladiusError("The run is stopping already.")
        if self.released:
            raise GladiusError("The run is freeing its machine.", "Resume it, then stop it.")
        self.stopping = request
        if self.paused:
            self.paused = False
            self._s.reporter.timer.resume()
        self._s.reporter.change(state=JobStatus.STOPPING, error=None)
        self._tell_status(JobStatus.STOPPING, "Stopping")

    def _tell_status(self, status: JobStatus, word: str, who: str = "") -> None:
        """A log line, and the event that tells from when on the machine did something else."""
        by = f" by {who}" if who else ""
        text = f"{word} at step {self._s.state.step}{by}"
        self._s.recorder.tell("INFO", text, {"status": status, "step": self._s.state.step})

    def close(self) -> None:
        """Answer what came too late, and the request to stop, now that all it asks for is done."""
        self.refuse_waiting()
        if self.stopping is not None:
            self._answer(self.stopping, "applied", False, Answer(None, JobStatus.STOPPED))

    def refuse_waiting(self) -> None:
        """Answer what comes too late, as the run is at its end."""
        ending = "stopping" if self.stopping is not None else "ending"
        for request, is_replay, _ in self._s.control.take(self._s.state.step):
            if not is_replay:
                self._answer(request, "rejected", False, reason=f"The run is {ending} already.")

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
                    self._say_answers()
                    time.sleep(_POLL_S)

    # Checkpoint, validation

    def _checkpoint(self) -> Answer:
        step = self._s.state.step
        # What was saved already, such as by a pause, is what was asked for.
        if self._saver.last_step != step and self._saver.save("request") is None:
            raise GladiusError("The checkpoint could not be saved.", "Free some disk space.")
        return Answer(new={"step": step})

    def _validate(self, split: str) -> Answer:
        state = self._s.state
        if split not in ("validation", "test"):
            raise GladiusError(f"There is no split '{split}'.", "Use validation or test.")
        if state.validated_steps.get(split) == state.step:  # its figures are what was asked for
            known = state.validation[split]
            names = ("loss", "accuracy", "perplexity")
            return Answer(new={"split": split, **{name: known[name] for name in names}})
        result = self._evaluation.run(split)
        if result is None:
            raise GladiusError(
                f"The run has no {split} split.", f"Set data.{split}_share in the config."
            )
        self._saver.save_if_best()
        figures = {"loss": result.loss, "accuracy": result.accuracy}
        return Answer(new={"split": split, **figures, "perplexity": result.perplexity})


def _check_absolute(request: Request) -> None:
    """Refuse what depends on settings that its author saw and that have changed since."""
    if request.command == Command.REVERT or FACTOR_KEY in request.args:
        raise GladiusError("The settings were changed while this was asked for.", "Look again.")
