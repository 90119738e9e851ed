"""Troubles that do not end the supervisor: each is logged once, not three times a second."""

import logging
from collections.abc import Container, Iterator
from contextlib import contextmanager

from gladius_widgets.core.errors import GladiusError

logger = logging.getLogger(__name__)

# The subject of what is about no job.
GENERAL = ""
_MOST = 100  # of one subject; a trouble with ever new words must not fill the memory


class Complaints:
    """What has been said, by the job that it was about."""

    def __init__(self) -> None:
        self._said: dict[str, set[str]] = {}

    @property
    def subjects(self) -> set[str]:
        """The ids of the jobs that something was said about."""
        return set(self._said) - {GENERAL}

    @contextmanager
    def surviving(self, subject: str, what: str) -> Iterator[None]:
        """Go on after any error within; `what` begins the sentence that is logged."""
        try:
            yield
        except (GladiusError, OSError) as error:
            self.once(subject, f"{what}: {error}")
        except Exception as error:
            self.once(subject, f"{what}: {error!r}", error)

    def once(self, subject: str, message: str, error: BaseException | None = None) -> None:
        """Log it the first time, with the traceback of an error that nobody has foreseen."""
        said = self._said.setdefault(subject, set())
        if message in said:
            return
        if len(said) >= _MOST:
            said.clear()
        said.add(message)
        logger.warning(message, exc_info=error)

    def forget_all_but(self, jobs: Container[str]) -> None:
        """Of jobs that are over nothing more will be said."""
        self._said = {s: said for s, said in self._said.items() if s == GENERAL or s in jobs}
