"""`python -m gladius_widgets.runner --run DIR --attempt N`: see `attempt.Runner`."""

import argparse
import logging
import signal
import sys
from types import FrameType

from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.private import take_after
from gladius_widgets.runner.attempt import Runner
from gladius_widgets.runner.prctl import become_subreaper


def main() -> int:
    """Run one attempt to its end; at once 0 when it has a runner already."""
    parser = argparse.ArgumentParser(prog="gladius_widgets.runner", description=__doc__)
    parser.add_argument("--run", required=True)
    parser.add_argument("--attempt", required=True, type=int)
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    become_subreaper()
    run = RunDirectory(arguments.run)
    take_after(run.root)
    runner = Runner(run, arguments.attempt)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        runner.interrupt()

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    runner.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
