"""JobDashboard: one job on one page, for whoever keeps it open for twenty hours."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Element, Node, h, location, toasts
from gladius_widgets.components.events import begin, in_thread, nothing
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.text.suggest import reject_unknown
from gladius_widgets.pages.job import skeleton
from gladius_widgets.pages.job.foot import JobFoot
from gladius_widgets.pages.job.head import JobBar, JobHead
from gladius_widgets.pages.job.tabs import TABS, JobTabs, tab_of
from gladius_widgets.pages.shared.announcer import Announcer
from gladius_widgets.pages.shared.frame import gone, problem
from gladius_widgets.pages.shared.home_bar import HomeBar
from gladius_widgets.pages.shared.notices import Notices
from gladius_widgets.panels.alerts.banners import AlertBanners
from gladius_widgets.panels.controls.actions import actions_of
from gladius_widgets.panels.cost.panel import CostTracker
from gladius_widgets.panels.events.panel import EventLog
from gladius_widgets.panels.live.feed import JobFeed
from gladius_widgets.panels.live.panel import default_client, read_feed
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.loss.curve import LossCurve
from gladius_widgets.panels.overview.header import ProgressHeader
from gladius_widgets.panels.overview.metrics import CurrentMetrics
from gladius_widgets.panels.overview.stages import StageIndicator
from gladius_widgets.panels.results.panel import JobResults
from gladius_widgets.panels.text.links import console_url
from gladius_widgets.store.run.events import Event


class JobDashboard(Element):
    """The dashboard of one job.

    In Voila the job is the one named in the address, `job.ipynb?job=ID&tab=event-log`. Without
    a name it is the newest job. A job that is not there is said so on the page.

    Args:
        job: a job's id, a unique prefix of it, or its name.
        back: called when the reader leaves; by default the browser goes to the jobs page.
        client: the door to the jobs; by default that of `$GLADIUS_HOME`.
    """

    _panels: Mapping[str, Any] = MappingProxyType({})
    _undo: Sequence[Callable[[], object]] = ()
    _ends: Sequence[Callable[[], object]] = ()
    _feed: JobFeed | None = None
    _has_overview = False  # a tab is drawn when it is first looked at
    _in_place: Any = None  # the console, where there are no pages to go to

    def __init__(
        self,
        job: str | None = None,
        *,
        back: Callable[[], object] | None = None,
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        reject_unknown("JobDashboard", unknown, {"job", "back", "client"})
        self._given_client = client
        self._back = back
        self._name = self._asked = job
        self._tab = tab_of(None)
        self._unseen = 0
        self._wants_errors = False
        self._stop_opening: Callable[[], object] = nothing
        self._tabs = JobTabs()
        super().__init__(skeleton.loading())
        toasts()
        self.on("tab", lambda payload: self.show_tab(str(payload["data"]["tab"])))
        if job is not None:
            self.show(job)
        else:
            # A preheated kernel runs before anybody asked: the address comes with the page.
            self._ends = [
                location().on("ready", self._arrived),
                location().on("query", self._went),
            ]

    def show(self, job: str | None) -> None:
        """Show this job; the newest one for None. What cannot be shown is said on the page.

        Where a loop runs, the page shows bones until the job is read.
        """
        self._stop_opening()
        self._clear()
        self._feed, self._asked = None, job
        self.tree = skeleton.loading()
        self._stop_opening = begin(self._open(job))

    def show_tab(self, tab: str) -> None:
        """Show a tab, `overview` or `event-log`, as a step that the back button undoes."""
        if tab not in TABS or tab == self._tab:
            return
        if location().standalone:
            location().push_query(tab=tab)
        self._turn_to(tab)

    def show_errors(self) -> None:
        """Show the event log's errors."""
        self.show_tab("event-log")
        self._wants_errors = not self._panels
        if self._panels:
            self._panels["events"].show_types({"error"})

    def end(self) -> None:
        """Stop listening; end the panels."""
        self._stop_opening()
        self._clear()
        for end in self._ends:
            end()

    # The address

    def _arrived(self, payload: dict[str, Any]) -> None:
        query = payload["query"]
        self._tab = tab_of(query.get("tab"))
        self.show(query.get("job") or None)

    def _went(self, payload: dict[str, Any]) -> None:
        """The reader went back or forward, which may be to another job."""
        query = payload["query"]
        job = query.get("job")
        shown = self._asked if self._feed is None else self._feed.run.id
        if job and shown and job != shown:
            self._tab = tab_of(query.get("tab"))
            self.show(job)
        else:
            self._turn_to(tab_of(query.get("tab")))

    # The job

    async def _open(self, job: str | None) -> None:
        try:
            client = self._given_client or await in_thread(default_client)
            async with read_feed(job, client) as feed:
                self._build(feed, client)
        except GladiusError as error:
            self._say(error)
            return
        if job is None and self._name is None:
            location().set_query(job=feed.run.id)  # the newest may be another one next time
        if self._wants_errors:
            self.show_errors()

    def _build(self, feed: JobFeed, client: Client) -> None:
        self._feed, job_id = feed, feed.run.id
        self._unseen = 0
        cost = CostTracker(job_id, client=client)
        console = None if location().standalone else self._open_console
        self._panels = {
            "bar": JobBar(job_id, client=client),
            "home": HomeBar(client),
            "head": JobHead(
                job_id,
                back=self._back,
                console=console,
                is_over_estimate=lambda: cost.view.is_over,
                client=client,
            ),
            "alerts": AlertBanners(job_id, client=client),
            "progress": ProgressHeader(job_id, show_errors=self.show_errors, client=client),
            "stages": StageIndicator(job_id, details=self.show_errors, client=client),
            "results": JobResults(job_id, client=client),
            "loss": LossCurve(job_id, client=client),
            "metrics": CurrentMetrics(job_id, client=client),
            "cost": cost,
            "foot": JobFoot(job_id, client=client),
            "spoken": Announcer(feed, titled=True),
        }
        self._notices = Notices(feed, actions_of(feed, client))
        self._undo = [self._notices.close, feed.on_events(self._count), feed.on_gone(self._gone)]
        self._turn_to(self._tab)

    def _gone(self, error: GladiusError) -> None:
        """Somebody deleted the job, or its folder, while it is shown."""
        if self._feed is not None:
            self._stop_opening = begin(self._say_gone(self._feed.job))
        else:
            self._clear()
            self._say(error)

    async def _say_gone(self, job: JobSnapshot) -> None:
        error = await in_thread(gone, job, self._given_client or default_client())
        self._clear()
        self._say(error)

    def _say(self, error: GladiusError) -> None:
        self.tree = problem(error)
        location().set_title("Training Job · Gladius")

    def _clear(self) -> None:
        if not self._panels:
            return
        for undo in self._undo:
            undo()
        self.slots = {}
        for panel in self._panels.values():
            panel.close()
        self._panels, self._undo = {}, []
        self._has_overview = False
        if self._in_place is not None:
            self._in_place.close()
            self._in_place = None

    # The console, where there are no pages to go to

    def _open_console(self) -> None:
        if self._feed is None or location().standalone:
            location().navigate(console_url(self._feed.run.id if self._feed else ""))
            return
        from gladius_widgets.pages.console.page import TrainingConsole

        self._in_place = TrainingConsole(
            self._feed.run.id, back=self._return, client=self._given_client
        )
        self.slots = {"page": self._in_place}
        self.tree = h("slot", {"name": "page"})

    def _return(self) -> None:
        console, self._in_place = self._in_place, None
        self._turn_to(self._tab)
        console.close()

    # Showing

    def _count(self, events: list[Event]) -> None:
        if self._tab != "event-log":
            self._unseen += len(events)
            self._paint()

    def _turn_to(self, tab: str) -> None:
        self._tab = tab
        if not self._panels or self._feed is None:
            return
        if tab == "overview":
            self._has_overview = True
        else:
            self._unseen = 0
            if "events" not in self._panels:
                log = EventLog(self._feed.run.id, client=self._given_client)
                log.on("chart", lambda _payload: self.show_tab("overview"))
                self._panels = {**self._panels, "events": log}
        self._paint()

    def _paint(self) -> None:
        if self._in_place is not None or not self._panels:
            return
        if self.slots != self._panels:
            self.slots = dict(self._panels)
        contents = {"overview": _overview()} if self._has_overview else {}
        if "events" in self._panels:
            contents["event-log"] = _slot("events")
        self.tree = h(
            "div",
            {"class": "gw-app"},
            _slot("bar"),
            _slot("home"),
            h(
                "main",
                {"class": "gw-main"},
                _slot("head"),
                _slot("alerts"),
                _slot("progress"),
                _slot("stages"),
                self._tabs.bar(self._tab, self._unseen),
                *self._tabs.panels(self._tab, contents),
                _slot("foot"),
                _slot("spoken"),
            ),
        )

    def __repr__(self) -> str:
        return f"JobDashboard({self._name!r})" if self._name else "JobDashboard()"


def _slot(name: str) -> Node:
    return h("slot", {"name": name})


def _overview() -> Node:
    return h(
        "div",
        {"class": "gw-stack"},
        _slot("results"),
        h(
            "div",
            {"class": "gw-two"},
            _slot("loss"),
            h("div", {"class": "gw-stack"}, _slot("metrics"), _slot("cost")),
        ),
    )
