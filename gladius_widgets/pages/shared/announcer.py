"""Announcer: tells screen readers, and the browser's tab, how far a run is."""

import time

from gladius_widgets.components import Element, Node, h, location
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.feed import JobFeed
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.overview.header_model import share_done
from gladius_widgets.panels.text import badges, progress
from gladius_widgets.panels.text import format as fmt
from gladius_widgets.panels.text import job as job_words

_ANNOUNCE_S = 30.0
_TITLE_S = 5.0


class Announcer(Element):
    """A live region that speaks at most every half a minute.

    Args:
        feed: the feed of the job.
        titled: whether the browser's tab says too how far the job is.
    """

    def __init__(self, feed: JobFeed, *, titled: bool = False) -> None:
        super().__init__(_region(""))
        self._feed = feed
        self._title = ""
        state = frozenset({topics.STATE})
        parts = [Part(self._paint, state, _ANNOUNCE_S)]
        if titled:
            self._entitle()
            parts.append(Part(self._entitle, state, _TITLE_S))
        self._end_show = feed.show(parts)

    def end(self) -> None:
        """Fall silent."""
        self._end_show()

    def _paint(self) -> Sent:
        job = self._feed.job
        view = progress.view(job, time.time())
        self.tree = _region(f"{badges.status_sentence(job.status)}, {view.percent}, {view.measure}")
        return Sent(1, 200)

    def _entitle(self) -> Sent:
        job = self._feed.job
        share = share_done(job)
        is_on = job.status.is_active and share is not None
        state = fmt.percent(share, 0) if is_on else badges.job_badge(job.status).text
        title = f"{state} · {job_words.one_line(job.name, 80)} · Gladius"
        if title == self._title:
            return Sent()
        self._title = title
        location().set_title(title)
        return Sent(1, 100)


def _region(text: str) -> Node:
    return h("div", {"class": "gw-sr", "role": "status"}, text)
