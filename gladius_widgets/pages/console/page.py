"""TrainingConsole: everything about one running job on one page."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Element, Hotkeys, Node, h, location, toasts
from gladius_widgets.components.events import begin, in_thread, nothing
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.text.suggest import reject_unknown
from gladius_widgets.pages.console.header import HeaderBar
from gladius_widgets.pages.shared.announcer import Announcer
from gladius_widgets.pages.shared.frame import frame, gone, problem
from gladius_widgets.pages.shared.home_bar import HomeBar
from gladius_widgets.pages.shared.notices import Notices
from gladius_widgets.panels.alerts.banners import AlertBanners
from gladius_widgets.panels.alerts.error_alert import ErrorAlert
from gladius_widgets.panels.charts.experts import ExpertChart
from gladius_widgets.panels.charts.memory import MemoryChart
from gladius_widgets.panels.charts.throughput import ThroughputChart
from gladius_widgets.panels.controls.actions import actions_of
from gladius_widgets.panels.controls.panel import TrainingControls
from gladius_widgets.panels.live.feed import JobFeed
from gladius_widgets.panels.live.panel import default_client, read_feed
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.log.panel import TrainingLog
from gladius_widgets.panels.loss.chart import LossChart
from gladius_widgets.panels.overview.config import ConfigSnapshot
from gladius_widgets.panels.overview.progress import ProgressOverview
from gladius_widgets.panels.overview.status_bar import StatusBar
from gladius_widgets.panels.text.links import JOBS_PAGE

_CHARTS = ("loss", "experts", "throughput", "memory")


class TrainingConsole(Element):
    """The training console of one job.

    In Voila the job is the one named in the address, `console.ipynb?job=ID`. Without a name it
    is the newest job. A job that is not there is said so on the page.

    Args:
        job: a job's id, a unique prefix of it, or its name.
        back: called when the reader leaves; by default the browser goes to the jobs page.
        client: the door to the jobs; by default that of `$GLADIUS_HOME`.
    """

    _panels: Mapping[str, Any] = MappingProxyType({})
    _ends: Sequence[Callable[[], object]] = ()

    def __init__(
        self,
        job: str | None = None,
        *,
        back: Callable[[], object] | None = None,
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        reject_unknown("TrainingConsole", unknown, {"job", "back", "client"})
        self._given_client = client
        self._back = back
        self._name = job
        self._to_find = ""
        self._stop_opening: Callable[[], object] = nothing
        super().__init__(_loading())
        toasts()
        if job is not None:
            self.show(job)
        else:
            # A preheated kernel runs before anybody asked: the address comes with the page.
            self._ends = [location().on("ready", self._arrived)]

    def show(self, job: str | None) -> None:
        """Show this job; the newest one for None. What cannot be shown is said on the page.

        Where a loop runs, the page shows bones until the job is read.
        """
        self._stop_opening()
        self._clear()
        self.tree = _loading()
        self._stop_opening = begin(self._open(job))

    def find(self, text: str) -> None:
        """Open the search of the log with this text."""
        if self._panels:
            self._panels["log"].terminal.find(text)
        else:
            self._to_find = text

    def end(self) -> None:
        """Stop listening; end the panels."""
        self._stop_opening()
        self._clear()
        for end in self._ends:
            end()

    def _arrived(self, payload: dict[str, Any]) -> None:
        query = payload["query"]
        self.show(query.get("job") or None)
        if query.get("find"):
            self.find(query["find"])

    async def _open(self, job: str | None) -> None:
        try:
            client = self._given_client or await in_thread(default_client)
            async with read_feed(job, client) as feed:
                self._build(feed, client)
        except GladiusError as error:
            self.tree = problem(error)
            return
        if self._to_find:
            self.find(self._to_find)
            self._to_find = ""

    def _build(self, feed: JobFeed, client: Client) -> None:
        job_id = feed.run.id
        panels = {
            "header": HeaderBar(job_id, back=self._leave_or_none(), client=client),
            "home": HomeBar(client),
            "alert": ErrorAlert(job_id, show_log=lambda: self.find("ERROR"), client=client),
            "alerts": AlertBanners(job_id, client=client),
            "log": TrainingLog(job_id, client=client),
            "loss": LossChart(job_id, hotkey="1", client=client),
            "experts": ExpertChart(job_id, hotkey="2", client=client),
            "throughput": ThroughputChart(job_id, hotkey="3", client=client),
            "memory": MemoryChart(job_id, hotkey="4", client=client),
            "controls": TrainingControls(job_id, client=client),
            "progress": ProgressOverview(job_id, client=client),
            "config": ConfigSnapshot(job_id, client=client),
            "status": StatusBar(job_id, client=client),
            "spoken": Announcer(feed),
        }
        self._panels = panels
        self._notices = Notices(feed, actions_of(feed, client))
        self._end_watch = feed.on_gone(self._gone)
        self._hotkeys = self._chart_keys()
        self.slots = panels
        self.tree = _layout()
        location().set_title(f"{feed.job.name} · Gladius")

    def _clear(self) -> None:
        if not self._panels:
            return
        self._end_watch()
        self._notices.close()
        self._hotkeys.close()
        self.slots = {}
        for panel in self._panels.values():
            panel.close()
        self._panels = {}

    def _gone(self, _error: GladiusError) -> None:
        """Somebody deleted the job, or its folder, while it is shown."""
        self._stop_opening = begin(self._say_gone(self._panels["log"].job))

    async def _say_gone(self, job: JobSnapshot) -> None:
        error = await in_thread(gone, job, self._given_client or default_client())
        self._clear()
        self.tree = problem(error)

    def _leave_or_none(self) -> Callable[[], object] | None:
        """How to leave: to the list, where there is one."""
        if self._back is not None:
            return self._back
        return (lambda: location().navigate(JOBS_PAGE)) if location().standalone else None

    def _chart_keys(self) -> Hotkeys:
        leave = self._leave_or_none()
        back = {"Alt+ArrowLeft": "back"} if leave is not None else {}
        keys = Hotkeys({str(i): name for i, name in enumerate(_CHARTS, 1)} | back)
        keys.on("back", lambda _payload: leave and leave())
        for name in _CHARTS:
            keys.on(name, lambda _payload, name=name: self._panels[name].take_focus())
        return keys

    def __repr__(self) -> str:
        return f"TrainingConsole({self._name!r})" if self._name else "TrainingConsole()"


def _layout() -> Node:
    def slot(name: str) -> Node:
        return h("slot", {"name": name})

    return h(
        "div",
        {"class": "gw-app"},
        slot("header"),
        slot("home"),
        h(
            "main",
            {"class": "gw-main"},
            slot("alert"),
            slot("alerts"),
            slot("log"),
            h("div", {"class": "gw-grid2"}, [slot(name) for name in _CHARTS]),
            h("div", {"class": "gw-console2"}, slot("controls"), slot("progress")),
            slot("config"),
            slot("spoken"),
        ),
        slot("status"),
    )


def _loading() -> Node:
    """Bones in the shape of the page."""

    def bone(height: int) -> Node:
        return h("span", {"class": "gw-skel", "style": {"height": f"{height}px"}})

    charts = h("div", {"class": "gw-grid2"}, [bone(222) for _ in _CHARTS])
    bones = h("div", {"class": "gw-stack gw-late", "aria-busy": True}, bone(392), charts, bone(480))
    return frame(bones, "Gladius Training Console")
