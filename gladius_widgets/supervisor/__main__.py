"""`python -m gladius_widgets.supervisor --home DIR`: see `loop.Supervisor`."""

import argparse
import logging
import signal
import sys
from types import FrameType

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home
from gladius_widgets.core.private import take_after
from gladius_widgets.supervisor.lock import SupervisorLock
from gladius_widgets.supervisor.loop import Supervisor

LOCK_PATIENCE_S = 1.0


def main() -> int:
    """Supervise until there is nothing to do; at once 0 when another one does."""
    parser = argparse.ArgumentParser(prog="gladius_widgets.supervisor", description=__doc__)
    parser.add_argument("--home", required=True)
    parser.add_argument("--idle-exit-s", type=float, default=None)
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    home = Home(arguments.home)
    take_after(home.root)

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)  # runs go on without us; the next supervisor adopts them

    signal.signal(signal.SIGTERM, stop)
    with SupervisorLock(home) as lock:
        if not lock.acquire(LOCK_PATIENCE_S):
            return 0
        try:
            Supervisor(home, lock, idle_exit_s=arguments.idle_exit_s).run()
        except GladiusError as error:
            logging.error("%s", error)  # noqa: TRY400 - a sentence for the user needs no traceback
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
