"""JobsPage: all jobs, the queue, and the way to a new one."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import ipywidgets

from gladius_widgets.client import Client, Job
from gladius_widgets.components import Element, Node, h, icon, location, notifier
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.states import ACTIVE, JobStatus
from gladius_widgets.core.text.suggest import reject_unknown
from gladius_widgets.pages.shared import news
from gladius_widgets.pages.shared.bars import jobs_bar
from gladius_widgets.pages.shared.frame import problem
from gladius_widgets.pages.shared.home_bar import HomeBar
from gladius_widgets.panels.jobs.query import TABS, from_address
from gladius_widgets.panels.jobs.source import JobsSource
from gladius_widgets.panels.jobs.table import JobsTable
from gladius_widgets.panels.live.panel import default_client
from gladius_widgets.panels.text.links import (
    compare_url,
    console_url,
    errors_url,
    job_url,
    new_job_url,
)

if TYPE_CHECKING:
    from gladius_widgets.pages.job.page import JobDashboard

_numbers = count(1)
_MOST_LEFT = 20


class JobsPage(Element):
    """All jobs, live, in four tabs that the address names: `jobs.ipynb?tab=queue`.

    Opens jobs and the form for a new one: in Voila as pages, in JupyterLab in its own place.

    Args:
        client: the door to the jobs; by default that of `$GLADIUS_HOME`.
    """

    _parts: Sequence[Any] = ()
    _undo: Sequence[Callable[[], object]] = ()

    def __init__(self, *, client: Client | None = None, **unknown: Any) -> None:
        reject_unknown("JobsPage", unknown, {"client"})
        super().__init__()
        try:
            self.client = client or default_client()
        except GladiusError as error:
            self.tree = problem(error)
            return
        self._id = f"gw-jobs-{next(_numbers)}"
        self._in_place: ipywidgets.DOMWidget | None = None  # a page that took ours
        self._queue: Any = None
        self._tab = ""
        self._known: dict[str, JobStatus] = {}  # of jobs that were on the page
        self._source = JobsSource(self.client)
        self._table = JobsTable(client=self.client, source=self._source)
        self._home = HomeBar(self.client)
        self._parts = [self._table, self._source, self._home]
        self._wire()
        self._show_tab()
        location().set_title("Training Jobs · Gladius")

    def end(self) -> None:
        """Stop listening; end the lists and the page that took our place."""
        for undo in self._undo:
            undo()
        for part in self._parts:
            part.close()
        if self._parts and self._in_place is not None:
            self._in_place.close()

    def _wire(self) -> None:
        self._table.open_job = self._open
        self._table.open_console = self._open_console
        self._table.open_error = self._open_error
        self._table.open_compare = self._open_compare
        self._table.open_form = self._open_form
        self.on("tab", lambda payload: self._choose(str(payload["data"]["tab"])))
        self.on("back", lambda _payload: self._return())
        self.on("new", lambda _payload: self._open_form(None))
        self._undo = [
            self._source.on_look(self._looked),
            self._source.on_query(self._query_changed),
            location().on("ready", self._arrived),
            location().on("query", self._arrived),
            _on_state(self._paint),
        ]

    # The address

    def _arrived(self, payload: dict[str, Any]) -> None:
        """The reader came by this address, or went back to it."""
        if location().standalone:
            self._source.ask(from_address(payload["query"]))
        self._paint()

    def _choose(self, tab: str) -> None:
        if tab in TABS and tab != self._source.query.tab:
            self._source.ask(self._source.query.on_tab(tab))

    def _query_changed(self) -> None:
        query = self._source.query
        is_step = query.tab != self._tab
        if location().standalone and query != from_address(location().query):
            put = location().push_query if is_step else location().set_query
            put(**query.to_address())
        if is_step:
            self._show_tab()

    # Other pages

    def _open(self, job_id: str) -> None:
        if location().standalone:
            location().navigate(job_url(job_id))
        else:
            self._put(self._dashboard(job_id))

    def _dashboard(self, job_id: str) -> "JobDashboard":
        from gladius_widgets.pages.job.page import JobDashboard

        return JobDashboard(job_id, back=self._return, client=self.client)

    def _open_console(self, job_id: str) -> None:
        if location().standalone:
            location().navigate(console_url(job_id))
            return
        from gladius_widgets.pages.console.page import TrainingConsole

        self._put(TrainingConsole(job_id, back=self._return, client=self.client))

    def _open_error(self, job_id: str) -> None:
        if location().standalone:
            location().navigate(errors_url(job_id))
            return
        dashboard = self._dashboard(job_id)
        self._put(dashboard)
        dashboard.show_errors()

    def _open_compare(self, job_ids: Sequence[str]) -> None:
        if location().standalone:
            location().navigate(compare_url(job_ids))
            return
        from gladius_widgets.pages.compare import CompareJobs

        def open_job(job_id: str) -> None:
            comparison = self._in_place
            self._put(self._dashboard(job_id))
            if comparison is not None:
                comparison.close()

        self._put(CompareJobs(job_ids, back=self._return, open_job=open_job, client=self.client))

    def _open_form(self, clone: str | None) -> None:
        if location().standalone:
            location().navigate(new_job_url(clone))
            return
        from gladius_widgets.pages.new_job import NewJobPage

        form = NewJobPage(clone, submitted=lambda _job: self._return(), client=self.client)
        back = h(
            "button",
            {"type": "button", "class": "gw-btn gw-btn--sm"},
            icon("arr-l", 14),
            "Back to the jobs",
            on={"click": "back"},
        )
        self._put(form, h("div", {"class": "gw-back"}, back))

    def _put(self, page: ipywidgets.DOMWidget, above: Node | None = None) -> None:
        """Another page in our place, until the reader comes back."""
        self._source.stop()
        self._in_place = page
        self.slots = {"page": page}
        self.tree = h("div", None, above, h("slot", {"name": "page"}))

    def _return(self) -> None:
        page, self._in_place = self._in_place, None
        self._source.start()
        self._show_tab()
        if page is not None:
            page.close()

    # Showing

    def _show_tab(self) -> None:
        """The tab's content; the queue's is made when it is first looked at, and then hidden."""
        self._tab = self._source.query.tab
        self.slots = {"home": self._home, "table": self._table}
        if self._tab == "queue" or self._queue is not None:
            self.slots = {**self.slots, "queue": self._queue_panel()}
        self._paint()

    def _queue_panel(self) -> Any:
        if self._queue is None:
            from gladius_widgets.panels.queue.panel import QueuePanel

            self._queue = QueuePanel(client=self.client)
            self._queue.open_job = self._open
            self._queue.open_form = lambda: self._open_form(None)
            self._parts = [*self._parts, self._queue]
        return self._queue

    async def _looked(self) -> None:
        """Show what is there now; whoever looks elsewhere is told of jobs that have ended."""
        self._paint()
        jobs = list(self._source.look.jobs) if self._source.look else []
        if gone := self._gone_from({job.id for job in jobs}):
            jobs += await asyncio.to_thread(self._find, gone)
            for job_id in set(gone) - {job.id for job in jobs}:
                self._known.pop(job_id, None)
        for job, title in news.of_changes(self._known, jobs):
            tag = f"{job.id}-{job.attempt}-{job.status}"
            notifier().tell(title, news.end_words(job), url=job_url(job.id), tag=tag)
        self._known |= {job.id: job.status for job in jobs}

    def _gone_from(self, shown: set[str]) -> list[str]:
        """Jobs that were active and have left the list, as those do that end on the active tab."""
        gone = [i for i, status in self._known.items() if status in ACTIVE and i not in shown]
        return gone[:_MOST_LEFT]

    def _find(self, job_ids: Sequence[str]) -> list[Job]:
        """Those of them that are still there."""
        found: list[Job] = []
        for job_id in job_ids:
            with suppress(GladiusError):
                found.append(self.client.job(job_id))
        return found

    def _paint(self) -> None:
        if self._in_place is not None:
            return
        look = self._source.look
        is_live = self._source.failed_at is None
        shown = _panel_of(self._tab)
        self.tree = h(
            "div",
            {"class": "gw-app"},
            jobs_bar(
                self.client.user,
                is_live=is_live,
                links=not location().is_elsewhere,
                bell=notifier().state,
            ),
            h("slot", {"name": "home"}),
            h(
                "main",
                {"class": "gw-main"},
                h("div", {"class": "gw-stack"}, _head(), self._tabs(look.queued if look else 0)),
                [
                    self._panel(name, is_shown=name == shown)
                    for name in ("table", "queue")
                    if name in self.slots
                ],
            ),
        )

    def _panel(self, name: str, *, is_shown: bool) -> Node:
        """What the tabs show: the table for all but the queue's. Hidden, it stays as it is."""
        attrs = {"role": "tabpanel", "id": f"{self._id}-{name}-panel", "hidden": not is_shown}
        if is_shown:
            attrs["aria-labelledby"] = self._tab_id()
        return h("div", attrs, h("slot", {"name": name}), key=name)

    def _tabs(self, queued: int) -> Node:
        tabs = [self._tab_button(name, label, queued) for name, label in TABS.items()]
        return h("div", {"class": "gw-tabs", "role": "tablist", "aria-label": "Job views"}, tabs)

    def _tab_button(self, name: str, label: str, queued: int) -> Node:
        chosen = name == self._tab
        count_badge = None
        if name == "queue" and queued:
            count_badge = h(
                "span", {"class": "gw-badge gw-badge--plain gw-tone-gray"}, f"{queued:,}"
            )
        return h(
            "button",
            {
                "type": "button",
                "class": "gw-tab",
                "role": "tab",
                "id": self._tab_id(name),
                "aria-selected": chosen,
                "aria-controls": f"{self._id}-{_panel_of(name)}-panel",
                "aria-label": f"{label} ({queued:,})" if count_badge else None,
                "tabindex": 0 if chosen else -1,
                "data-tab": name,
            },
            label,
            count_badge,
            on={"click": "tab"},
            key=name,
        )

    def _tab_id(self, name: str | None = None) -> str:
        return f"{self._id}-{name or self._tab}"

    def __repr__(self) -> str:
        return "JobsPage()"


def _panel_of(tab: str) -> str:
    return "queue" if tab == "queue" else "table"


def _on_state(listener: Callable[[], object]) -> Callable[[], None]:
    """Have `listener` called when the bell changes; returns the way to stop that."""
    bell = notifier()

    def changed(_change: object) -> None:
        listener()

    bell.observe(changed, "state")
    return lambda: bell.unobserve(changed, "state")


def _head() -> Node:
    return h(
        "div",
        {"class": "gw-head"},
        h("div", {"class": "gw-head__t"}, h("h1", {"class": "gw-title"}, "Training Jobs")),
        h(
            "a",
            {"class": "gw-btn gw-btn--primary", "href": new_job_url()},
            icon("plus"),
            "Create New Job",
            on={"click": "new"},
        ),
    )
