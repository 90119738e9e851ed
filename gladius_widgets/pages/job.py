"""JobDashboard: one job on one page, for whoever keeps it open for twenty hours."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Element, Node, h, location, toasts
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.suggest import reject_unknown
from gladius_widgets.pages.frame import frame, problem
from gladius_widgets.pages.notices import Notices
from gladius_widgets.panels.actions import actions_of
from gladius_widgets.panels.panel import default_client, open_feed

TABS = {"overview": "Overview", "event-log": "Event Log"}
_OVERVIEW = {
    "results": ("results", "JobResults"),
    "loss": ("loss_curve", "LossCurve"),
    "metrics": ("metrics", "CurrentMetrics"),
    "cost": ("cost", "CostTracker"),
}


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
    _ends: Sequence[Callable[[], object]] = ()

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
        self._name = job
        self._tab = "overview"
        super().__init__(frame(h("div", {"class": "gw-late", "aria-busy": True})))
        toasts()
        self.on("tab", lambda payload: self._choose(str(payload["data"]["tab"])))
        if job is not None:
            self.show(job)
        else:
            self._ends = [location().on("ready", self._arrived)]

    def show(self, job: str | None) -> None:
        """Show this job; the newest one for None. What cannot be shown is said on the page."""
        self._clear()
        try:
            self._open(job)
        except GladiusError as error:
            self.tree = problem(error)

    def close(self) -> None:
        """End the page and its panels."""
        self._clear()
        for end in self._ends:
            end()
        super().close()

    def _arrived(self, payload: dict[str, Any]) -> None:
        tab = payload["query"].get("tab")
        self._tab = tab if tab in TABS else "overview"
        self.show(payload["query"].get("job") or None)

    def _open(self, job: str | None) -> None:
        client = self._given_client or default_client()
        feed = open_feed(job, client)
        self._job_id, self._client = feed.run.id, client
        names = ("loss_curve", "metrics", "cost", "results", "event_log")
        known = {name for name in names if find_spec(f"gladius_widgets.panels.{name}")}
        self._panels = {
            slot: getattr(import_module(f"gladius_widgets.panels.{module}"), cls)(
                feed.run.id, client=client
            )
            for slot, (module, cls) in (_OVERVIEW | {"events": ("event_log", "EventLog")}).items()
            if module in known
        }
        self._notices = Notices(feed, actions_of(feed, client))
        self.slots = self._panels
        self._paint()

    def _choose(self, tab: str) -> None:
        self._tab = tab
        location().set_query(tab=tab)
        self._paint()

    def _clear(self) -> None:
        if not self._panels:
            return
        self._notices.close()
        self.slots = {}
        for panel in self._panels.values():
            panel.close()
        self._panels = {}

    def _paint(self) -> None:
        def slot(name: str) -> Node | None:
            return h("slot", {"name": name}) if name in self._panels else None

        tabs = [
            h(
                "button",
                {"type": "button", "class": "gw-tab", "role": "tab",
                 "aria-selected": name == self._tab, "data-tab": name},
                label,
                on={"click": "tab"},
                key=name,
            )
            for name, label in TABS.items()
        ]  # fmt: skip
        overview = h(
            "div",
            {"class": "gw-stack"},
            slot("results"),
            h(
                "div",
                {"class": "gw-two"},
                slot("loss") or h("div"),
                h("div", {"class": "gw-stack"}, slot("metrics"), slot("cost")),
            ),
        )
        self.tree = frame(
            h(
                "div",
                {"class": "gw-stack"},
                h("div", {"class": "gw-tabs", "role": "tablist", "aria-label": "Job detail"}, tabs),
                overview if self._tab == "overview" else slot("events"),
            )
        )

    def __repr__(self) -> str:
        return f"JobDashboard({self._name!r})" if self._name else "JobDashboard()"
