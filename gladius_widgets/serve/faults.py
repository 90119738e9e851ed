"""What goes wrong in the server: a line in the terminal, a plain page for the visitor.

Voila reports a page that could not be built where nobody listens, and Jupyter's own error pages
need a set-up that ours has not, so that each ended in a second traceback.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tornado.log import app_log
from tornado.web import HTTPError, RequestHandler

from gladius_widgets.serve.messages import message_page

_FAILED = "The server's terminal says why. Jobs are not affected."
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


class _PageFault(logging.Formatter):
    """The kernel's own traceback, once and without colours; Voila's around it tells nothing."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        why = str(error) if error else record.getMessage()
        return f"A page could not be built.\n{_COLOUR.sub('', why).strip()}"


class PlainErrors(RequestHandler):
    """Mix-in: errors of a handler as a plain page, and one line in the log for our own faults."""

    def write_error(self, status_code: int, **_: Any) -> None:
        """A sentence, and for a fault of ours the advice to load the page again."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        if status_code < 500:
            self.finish(message_page("No such page", "There is nothing at this address."))
        else:
            self.finish(message_page("This page failed", _FAILED, reload=True))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """What a client asked wrongly is no news. A fault is told without the traceback."""
        if isinstance(value, HTTPError) and value.status_code < 500:
            return
        why = str(value).strip().splitlines()[-1:] or [""]
        path = self.request.path  # not the query: it can carry the token
        app_log.error("A request failed: %s: %s (%s)", path, why[0], type(value).__name__)


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
