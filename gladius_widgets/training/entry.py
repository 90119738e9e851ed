"""The process from its first instruction to its exit code."""

import argparse
import os
import sys
import traceback
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import AttemptDirectory, RunDirectory
from gladius_widgets.core.run_state import RunError
from gladius_widgets.core.states import JobStatus, Stage
from gladius_widgets.training.output import process
from gladius_widgets.training.output.faults import InterruptedBySignalError, record_failure
from gladius_widgets.training.output.status import StatusReporter

if TYPE_CHECKING:
    from gladius_widgets.training.session.session import Session

_EXIT_SIGTERM = 143


def main(argv: list[str] | None = None) -> None:
    """Train the run and exit: 0 completed, stopped or released; 143 SIGTERM; 1 failed."""
    parser = argparse.ArgumentParser(prog="gladius_widgets.training", description=__doc__)
    parser.add_argument("--run", required=True, type=Path, help="run directory")
    parser.add_argument("--attempt", required=True, type=int, help="attempt, from 1")
    args = parser.parse_args(argv)
    run = RunDirectory(args.run.absolute())
    sys.exit(_Attempt(run, args.attempt).train())


class _Attempt:
    """One process's part in one attempt."""

    def __init__(self, run: RunDirectory, number: int) -> None:
        self.run = run
        self.number = number
        self.directory: AttemptDirectory = run.attempt(number)
        self.rank = process.rank()
        self.reporter = StatusReporter(run if self.rank == 0 else None, number)
        self.session: Session | None = None

    def train(self) -> int:
        process.die_with_parent()
        process.dump_stacks_on_request()
        process.record_identity(self.directory, self.rank)
        if self.rank == 0:  # they tell of an end that this attempt takes back
            self.run.summary_json.unlink(missing_ok=True)
            self.run.summary_md.unlink(missing_ok=True)
        self.reporter.start()
        self.reporter.stage(Stage.PREPROCESSING, "loading libraries")
        try:
            status = self._train(load_config(self.run.config))
        except InterruptedBySignalError as error:
            return self._failed(error, _EXIT_SIGTERM, show_traceback=False)
        except GladiusError as error:
            return self._failed(error, 1, show_traceback=False)
        except Exception as error:
            return self._failed(error, 1, show_traceback=True)
        self.reporter.end_stages("done")
        self.reporter.update(state=status)
        self.reporter.close()
        return 0

    def _train(self, config: TrainingConfig) -> JobStatus:
        interruption = process.Interruption(config.training.sigterm_grace_s)
        interruption.install()
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        os.environ.setdefault("TQDM_DISABLE", "1")  # the log is no terminal
        # Deprecations inside transformers and peft are not the user's to mend.
        warnings.filterwarnings("ignore", category=FutureWarning)
        # From here on torch is imported, which takes seconds: the first stage shows already.
        from gladius_widgets.training.loop.trainer import Trainer
        from gladius_widgets.training.session.session import build_session

        self.session = build_session(config, self.run, self.number, self.reporter, interruption)
        try:
            status = Trainer(self.session).run()
        finally:
            self.session.recorder.close()
        self.session.accelerator.end_training()
        return status

    def _failed(self, error: Exception, code: int, *, show_traceback: bool) -> int:
        step = self.session.state.step if self.session else 0
        record_failure(self.directory, self.rank, step, error)
        if self.rank == 0:
            if show_traceback:
                traceback.print_exception(error)
            with suppress(OSError):  # a full disk: the record above says it too
                print(f"[ERROR] {error}", flush=True)  # noqa: T201  # stdout is the log
        self.reporter.end_stages("failed")
        message = str(error).splitlines()[0] if str(error) else type(error).__name__
        self.reporter.update(
            state=JobStatus.FAILED, error=RunError(type=type(error).__name__, message=message)
        )
        self.reporter.close()
        return code
