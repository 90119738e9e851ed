"""Finding the place of a step in a log, whose lines name epoch and batch, not the step."""

import math
import re
from dataclasses import dataclass

from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.panels.live.cursor import Moment
from gladius_widgets.panels.live.history import History
from gladius_widgets.panels.loss.axis import LossAxis
from gladius_widgets.store.run.log import LogTail

_STEP_LINE = re.compile(rb"^Epoch (\d+) \| Batch (\d+) \|", re.MULTILINE)
_BLOCK_LINES = 20_000
CONTEXT_LINES = 300
MOST_BYTES = 256 << 20  # further back nobody looks


@dataclass(frozen=True)
class LogPlace:
    """A line of a log and its surroundings.

    Attributes:
        lines_below: how many line feeds come after its start, up to where the search began.
        first_below: the same of the first line of `data`.
        data: the lines around it.
    """

    lines_below: int
    first_below: int
    data: bytes


def find_batch(log: LogTail, end: int, epoch: int, batch: int) -> LogPlace | None:
    """The last line up to `end` (bytes) that tells a step of this batch or one before it.

    Read from the end, as an attempt that went back to a checkpoint tells its steps once more,
    and the newest telling counts.
    """
    below, at = 0, end
    while at > 0 and end - at < MOST_BYTES:
        start, data = log.lines_before(at, _BLOCK_LINES)
        if not data:
            return None
        for found in reversed(list(_STEP_LINE.finditer(data))):
            if (int(found[1]), int(found[2])) <= (epoch, batch):
                lines_below = below + data.count(b"\n", found.start())
                return _around(log, end, start + found.start(), lines_below)
        below += data.count(b"\n")
        at = start
    return None


def _around(log: LogTail, end: int, line: int, lines_below: int) -> LogPlace:
    _, before = log.lines_before(line, CONTEXT_LINES)
    after = log.read_range(line, min(end, line + 64 * 1024))
    after = after[: after.rfind(b"\n") + 1]
    after = b"".join(line + b"\n" for line in after.split(b"\n")[:-1][:CONTEXT_LINES])
    return LogPlace(lines_below, lines_below + before.count(b"\n"), before + after)


def place_of(history: History, moment: Moment, run: RunStatus | None) -> tuple[int, int] | None:
    """Epoch (from 1) and batch of a moment's step; None while that cannot be told."""
    row = LossAxis(history).row_of(moment.step, moment.time)
    if row is None or run is None or not run.batches_per_epoch:
        return None
    passes = float(history.train["epoch"][row])
    epoch = max(1, math.ceil(passes - 1e-9))
    return epoch, round((passes - (epoch - 1)) * run.batches_per_epoch)
