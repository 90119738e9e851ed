"""Telling the terminal why a page could not be built: Voila reports it where nobody listens."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

_COLOUR = re.compile(r"\x1b\[[\d;]*m")


class _PageFault(logging.Formatter):
    """The kernel's own traceback, once and without colours; Voila's around it tells nothing."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        why = str(error) if error else record.getMessage()
        return f"A page could not be built.\n{_COLOUR.sub('', why).strip()}"


@contextmanager
def page_faults_on_stderr() -> Iterator[None]:
    """Within it, an exception in a page notebook is printed on stderr."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.ERROR)
    handler.setFormatter(_PageFault())
    logger = logging.getLogger("traitlets")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
