"""The training loop: plan a step, agree on it, make it, tell about it."""

import math
from dataclasses import dataclass

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.training.data import sample_order
from gladius_widgets.training.data.batches import Batches
from gladius_widgets.training.loop.commands import Commands
from gladius_widgets.training.loop.evaluation import Evaluation
from gladius_widgets.training.loop.recovery import Recovery
from gladius_widgets.training.loop.saver import Saver
from gladius_widgets.training.loop.step_report import StepReport
from gladius_widgets.training.loop.summary import write_summary
from gladius_widgets.training.model.optimizer import apply_settings
from gladius_widgets.training.output.faults import InterruptedBySignalError
from gladius_widgets.training.parallel.step import Totals
from gladius_widgets.training.session.session import Session
from gladius_widgets.training.session.state import next_samples


@dataclass(frozen=True)
class _Plan:
    """One step's data: this rank's micro-batches, and sums over all ranks."""

    batches: Batches
    samples: int
    totals: Totals
    tokens: int


class Trainer:
    """Trains a session to its end, obeying requests at every step boundary."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.saver = Saver(session)
        self.evaluation = Evaluation(session, self._between_batches)
        self.commands = Commands(session, self.saver, self.evaluation)
        self.recovery = Recovery(session, self.saver, self.commands)
        self.report = StepReport(session, self.saver)
        self._finishing = False

    def run(self) -> JobStatus:
        """Train until done, stopped or released; returns how it ended.

        Raises:
            InterruptedBySignalError: SIGTERM came; a checkpoint is saved.
            GladiusError: training cannot go on (memory, non-finite losses).
        """
        s = self.session
        self.begin()
        while s.state.step < s.state.total_steps and not self.commands.ending:
            self.advance()
        if self.commands.released:
            s.recorder.tell("INFO", f"Released at step {s.state.step}; resume to go on")
            return JobStatus.PAUSED
        return self._finish()

    def begin(self) -> None:
        """Enter the training stage."""
        s = self.session
        s.reporter.timer.start(s.state.elapsed_s, s.state.active_s)
        s.state.started_at = s.state.started_at or s.reporter.now()
        self.report.begin()
        self.commands.replan()  # other data than before a resume may take other steps
        s.reporter.stage(Stage.TRAINING)
        s.reporter.change(state=JobStatus.TRAINING)
        s.recorder.tell(
            "INFO",
            f"Training from step {s.state.step} of {s.state.total_steps}",
            {"status": JobStatus.TRAINING, "step": s.state.step},
        )
        if s.state.schedule.warning:
            s.recorder.tell("WARN", s.state.schedule.warning, {"kind": "warmup"})
        s.clock.forget_step()

    def advance(self) -> None:
        """One step, or what had to be done before it."""
        plan = self._next_plan()
        if plan is not None:
            self._step(plan)

    def bare_step(self) -> None:
        """A step and nothing else, for measuring what `advance` adds to it."""
        s = self.session
        batches, samples = self._batches()
        totals = Totals(supervised=batches.counts()[1], micro_batches=batches.filled)
        apply_settings(s.parallel.optimizer, s.state.learning_rate, s.state.live.weight_decay)
        s.steps.run(batches, totals, s.state.live.max_grad_norm, measure=False)
        s.state.step += 1
        s.state.samples += samples

    def _next_plan(self) -> _Plan | None:
        """The next step, or None when something else had to be done first."""
        s = self.session
        batches, samples = self._batches()
        tokens, supervised = batches.counts()
        # One small collective a step: it carries the step's normaliser, and rank 0's news.
        waiting, interrupted, save, all_supervised, all_filled, all_tokens = s.ranks.sum(
            [
                s.control.waiting(s.state.step),
                s.interruption.requested,
                s.ranks.is_main and self.saver.due_by_time(),
                supervised,
                batches.filled,
                tokens,
            ]
        )
        if interrupted:
            self._interrupt()
        if save:
            self.saver.save("interval")
        if waiting:
            self.commands.obey()
            return None
        totals = Totals(supervised=int(all_supervised), micro_batches=int(all_filled))
        return _Plan(batches, samples, totals, int(all_tokens))

    def _batches(self) -> tuple[Batches, int]:
        s = self.session
        count = next_samples(s.config, s.state, s.dataset_size)
        indices = sample_order.stream(
            s.dataset_size, s.config.training.seed, s.state.samples, count
        )
        mine = sample_order.micro_batches(
            indices, s.state.live.micro_batch_size, s.ranks.index, s.ranks.size
        )
        return Batches(s.splits["train"], mine), count

    def _step(self, plan: _Plan) -> None:
        s = self.session
        learning_rate = s.state.learning_rate
        apply_settings(s.parallel.optimizer, learning_rate, s.state.live.weight_decay)
        interval = s.config.moe.stats_interval_steps
        outcome = s.steps.run(
            plan.batches,
            plan.totals,
            s.state.live.max_grad_norm,
            measure=(s.state.step + 1) % interval == 0,
        )
        if outcome.out_of_memory:
            self.recovery.out_of_memory(outcome, plan.batches)
            return
        s.state.step += 1
        s.state.samples += plan.samples
        s.state.tokens += plan.tokens
        s.state.loss = outcome.loss if math.isfinite(outcome.loss) else None
        self.report.step(outcome, learning_rate, plan.tokens, plan.samples)
        self.recovery.after_step(outcome)
        if self.evaluation.due():
            self._validate("validation")
            self.saver.save_if_best()
        if self.saver.due_by_step():
            self.saver.save("interval")

    def _validate(self, split: str) -> None:
        try:
            self.evaluation.run(split)
        except GladiusError as error:  # it ends no training
            self.session.recorder.tell("WARN", str(error))

    def _between_batches(self) -> bool:
        """Obey in the middle of a validation; whether the run ends, so that it is in vain."""
        s = self.session
        waiting, interrupted = s.ranks.sum(
            [s.control.waiting(s.state.step), s.interruption.requested]
        )
        if waiting and not interrupted:
            if self._finishing:
                self.commands.refuse_waiting()
            else:
                self.commands.obey()
        return bool(interrupted) or (self.commands.ending and not self._finishing)

    def _validate_at_the_end(self, split: str) -> None:
        """Given up only for SIGTERM; the resume makes it then."""
        s = self.session
        self._validate(split)
        is_done = s.state.validated_steps.get(split) == s.state.step
        if not is_done and s.ranks.sum([s.interruption.requested])[0]:
            self._interrupt()

    def _interrupt(self) -> None:
        s = self.session
        s.recorder.tell("WARN", "SIGTERM: saving a checkpoint before the machine is taken away")
        saved = self.saver.save("SIGTERM")
        outcome = "a checkpoint is saved" if saved else "the checkpoint could not be saved"
        raise InterruptedBySignalError(f"Interrupted at step {s.state.step}; {outcome}.")

    def _finish(self) -> JobStatus:
        s = self.session
        stopped = self.commands.stopping is not None
        s.reporter.stage(Stage.FINALIZATION, "last validation")
        self._finishing = True
        if self.evaluation.due_at_the_end():
            self._validate_at_the_end("validation")
        if not stopped:
            self._validate_at_the_end("test")
        s.reporter.substatus("last checkpoint")
        self.saver.save("stop" if stopped else "end")
        status = JobStatus.STOPPED if stopped else JobStatus.COMPLETED
        s.reporter.substatus("summary")
        if s.ranks.is_main:
            write_summary(s, status)
        s.recorder.tell("SUCCESS", f"Training {status} at step {s.state.step}")
        self.commands.close()
        return status
