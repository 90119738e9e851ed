"""JobsTable: all jobs, live."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from gladius_widgets.client import Client, Job
from gladius_widgets.components import Element, Node, clock, h, icon, location, toasts
from gladius_widgets.components import events as page_events
from gladius_widgets.core.suggest import reject_unknown
from gladius_widgets.panels import format as fmt
from gladius_widgets.panels.actions import actions_of
from gladius_widgets.panels.controls import state_badge
from gladius_widgets.panels.feed import feed_of
from gladius_widgets.panels.links import console_url
from gladius_widgets.panels.models import jobs as model
from gladius_widgets.panels.panel import default_client

LOOK_S = 1.0
MOST_ROWS = 200
_COLUMNS = (
    ("Job Name", "", None),
    ("Status", "", "168px"),
    ("Created By", "gw-col-creator", "130px"),
    ("Started At", "gw-col-started", "160px"),
    ("Duration", "gw-col-duration", "172px"),
    ("Cost", "gw-num", "150px"),
)


class JobsTable(Element):
    """One row a job: status, creator, start, duration, cost, and what can be done.

    Looks for news once a second while a page is open. Events: `open` with `key`, the id of the
    job whose console is wanted; without a handler the browser goes there.

    Args:
        client: the door to the jobs; by default that of `$GLADIUS_HOME`.
    """

    _task: asyncio.Task[Any] | None = None
    _subscriptions: Sequence[Callable[[], None]] = ()

    def __init__(self, *, client: Client | None = None, **unknown: Any) -> None:
        reject_unknown("JobsTable", unknown, {"client"})
        self.client = client or default_client()
        super().__init__()
        self.open_console: Callable[[str], object] | None = None
        self._menu = ""
        self._failed = ""
        toasts()
        self._jobs: list[Job] = []
        self._total = 0
        self._take(*self._look())
        self.on("row", lambda payload: self._open(str(payload["key"])))
        self.on("menu", lambda payload: self._toggle_menu(str(payload["key"])))
        self.on("menu-away", lambda _payload: self._toggle_menu(""))
        self.on("act", self._act)
        self._subscriptions = [
            location().on("alive", self._start),
            location().on("gone", self._stop),
        ]

    def close(self) -> None:
        """Stop looking."""
        self._stop()
        for undo in self._subscriptions:
            undo()
        super().close()

    # Looking

    def _start(self, _payload: object = None) -> None:
        if self._task is None and page_events.on_loop():
            self._task = page_events.spawn(self._keep_looking())

    def _stop(self, _payload: object = None) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = None

    async def _keep_looking(self) -> None:
        while True:
            try:
                self._take(*await asyncio.to_thread(self._look))
                self._failed = ""
            except Exception as error:
                if str(error) != self._failed:  # once, not every second
                    self._failed = str(error)
                    page_events.report(error)
            await asyncio.sleep(LOOK_S)

    def _look(self) -> tuple[list[Job], int]:
        return self.client.jobs(limit=MOST_ROWS), self.client.count()

    def _take(self, jobs: list[Job], total: int) -> None:
        self._jobs, self._total = jobs, total
        self._paint()

    # What the reader does

    def _open(self, job_id: str) -> None:
        if self.open_console is not None:
            self.open_console(job_id)
        else:
            location().navigate(console_url(job_id))

    def _toggle_menu(self, job_id: str) -> None:
        self._menu = "" if self._menu == job_id else job_id
        self._paint()

    async def _act(self, payload: dict[str, Any]) -> None:
        name, job_id = payload["data"]["action"], str(payload["data"]["job"])
        self._toggle_menu("")
        if name == "open":
            self._open(job_id)
        else:
            await self._use(name, job_id)
            self._take(*await asyncio.to_thread(self._look))

    async def _use(self, name: str, job_id: str) -> None:
        feed = feed_of(self.client.run(job_id), self.client)
        try:
            await actions_of(feed, self.client).use(name)
        finally:
            feed.leave()

    # Showing

    def _paint(self) -> None:
        if not self._jobs:
            self.tree = h("section", {"class": "gw-card gw-card--raised"}, _empty())
            return
        rows = model.rows(self._jobs, self.client.user, time.time())
        head = [
            h("th", {"scope": "col", "class": classes, "style": {"width": width}}, name)
            for name, classes, width in _COLUMNS
        ]
        hidden = h("span", {"class": "gw-sr"}, "Actions")
        self.tree = h(
            "section",
            {"class": "gw-card gw-card--raised"},
            h(
                "div",
                {"class": "gw-tablewrap gw-tablewrap--menus"},
                h(
                    "table",
                    {"class": "gw-table gw-table--jobs", "aria-label": "Training jobs"},
                    h("thead", None, h("tr", None, head, _th_actions(hidden))),
                    h("tbody", None, [self._row(row) for row in rows]),
                ),
            ),
            h("div", {"class": "gw-pager"}, h("span", None, self._count_words())),
        )

    def _count_words(self) -> str:
        if self._total == len(self._jobs):
            return f"{fmt.count(self._total)} job{'s' if self._total != 1 else ''}"
        return f"Showing 1–{len(self._jobs)} of {fmt.count(self._total)} jobs"

    def _row(self, row: model.JobRow) -> Node:
        return h(
            "tr",
            {"data-flash": f"{row.badge.text.partition(' ')[0]}"},
            _name(row),
            h("td", None, state_badge(row.badge)),
            h("td", {"class": "gw-col-creator gw-soft"}, row.creator),
            _started(row),
            _duration(row),
            _cost(row),
            h("td", {"class": "gw-num"}, self._menu_of(row)),
            on={"click": "row"},
            key=row.id,
        )

    def _menu_of(self, row: model.JobRow) -> Node:
        shown = self._menu == row.id
        button = h(
            "button",
            {
                "type": "button",
                "class": "gw-btn gw-btn--sm gw-btn--icon gw-btn--ghost",
                "aria-haspopup": "menu",
                "aria-expanded": shown,
                "aria-label": f"Actions for {row.name}",
            },
            icon("dots"),
            on={"click": "menu"},
        )
        items = [_item(row.id, action) for action in row.actions]
        menu = h("div", {"class": "gw-menu", "role": "menu"}, items, on={"dismiss": "menu-away"})
        return h("span", {"class": "gw-menuhost"}, button, menu if shown else None)

    def __repr__(self) -> str:
        return "JobsTable()"


def _th_actions(hidden: Node) -> Node:
    return h("th", {"scope": "col", "style": {"width": "60px"}}, hidden)


def _name(row: model.JobRow) -> Node:
    link = {"class": "gw-jobname gw-ellipsis", "href": console_url(row.id), "title": row.name}
    return h(
        "td",
        {"style": {"min-width": "200px"}},
        h("a", link, row.name, on={"click": "row"}),
        h("span", {"class": "gw-sub"}, row.sub),
    )


def _started(row: model.JobRow) -> Node:
    attrs = {"class": "gw-col-started gw-soft gw-nowrap"}
    if row.started_at is None:
        return h("td", attrs, h("span", {"class": "gw-muted"}, row.started))
    title = fmt.age(row.started_at, time.time())
    return h("td", attrs | {"title": title if row.since is None else None}, row.started)


def _duration(row: model.JobRow) -> Node:
    text: list[Node | str] | str = row.duration
    if row.since is not None:
        text = [icon("clock", 14), " ", clock(round(row.since))]
    return h("td", {"class": "gw-col-duration gw-soft gw-nowrap"}, text)


def _cost(row: model.JobRow) -> Node:
    current = h("span", {"class": "gw-muted gw-small"}, "Current: ")
    tone = f" gw-t-{row.cost_tone}" if row.cost_tone else ""
    amount = h("b", {"class": f"gw-strong{tone}"}, row.cost)
    return h("td", {"class": "gw-num"}, current if row.cost_is_current else None, amount)


def _item(job_id: str, action: model.Action) -> list[Node | None]:
    separator = h("div", {"class": "gw-menu__sep", "role": "separator"}) if action.danger else None
    item = h(
        "button",
        {
            "type": "button",
            "role": "menuitem",
            "class": f"gw-menu__i{' gw-menu__i--danger' if action.danger else ''}",
            "title": action.reason or None,
            "aria-disabled": True if action.reason else None,
            "data-action": action.name,
            "data-job": job_id,
            "autofocus": action.name == "open",
        },
        icon(action.icon),
        action.label,
        on={"click": "act"},
    )
    return [separator, item]


def _empty() -> Node:
    return h(
        "div",
        {"class": "gw-empty"},
        h("span", {"class": "gw-empty__ic"}, icon("inbox", 24)),
        h("h3", None, "No training jobs yet"),
        h(
            "p",
            None,
            "Start one with ",
            h("code", {"class": "gw-mono"}, "gladius submit configs/moe_chitchat.yaml"),
            ". Its progress, cost and logs will show here.",
        ),
    )
