"""EventLog: what happened to a job, newest first, with filters, search and export."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Element, Node, h, location, toasts
from gladius_widgets.components.empty import no_match
from gladius_widgets.core.states import FINAL
from gladius_widgets.panels.events import index as model
from gladius_widgets.panels.events import rows, toolbar
from gladius_widgets.panels.events.query import KINDS, EventQuery, from_address, in_order, local_day
from gladius_widgets.panels.live.cursor import Moment, cursor_of
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.live.topics import EVENTS, TICK
from gladius_widgets.panels.text import export as files
from gladius_widgets.store.run.events import Event

_EVERY_S = 1.0
_NEW_S = 10.0  # a row that has been in view so long has been seen
_HISTORY = ("types", "range", "start", "end", "page")  # what the back button takes back

_MAKERS = {"json": files.to_json, "csv": files.to_csv}


async def hand_over(
    job_name: str, events: Sequence[Event], kind: str, what: str = "events"
) -> None:
    """Make the file in a thread, and have the browser save it; `kind` is json or csv."""
    data = await asyncio.to_thread(_MAKERS[kind], events)
    name = files.filename(job_name, kind, time.time(), what)
    location().download(name, data, files.MIME[kind])


class EventLog(Panel):
    """The events of a job, 50 a page, live.

    On page 1 new events slide in at the top; while something else is read they wait behind a
    button. The address says what is shown: `?type=warning,error&q=…&range=…&page=…&event=…`.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        client: the door to the jobs.

    A press on a row's time moves the job's cursor there; when it moves elsewhere, the log goes to
    the nearest event.

    Events: `chart`, when the reader asks to see an event on the chart; the cursor is there.
    """

    def __init__(
        self, job: str | None = None, *, client: Client | None = None, **unknown: Any
    ) -> None:
        super().__init__(job, client=client, **unknown)

    def build(self) -> None:
        """Begin with what the address asks for."""
        self._index = model.EventIndex(self.feed.events)
        self._query = EventQuery()
        self._horizon = len(self.feed.events)  # the first event that is not shown yet
        self._at_top = True
        self._menu = ""
        self._focus = 0
        self._marked: int | None = None
        self._new: dict[int, float] = {}  # position → when it was shown first
        self._nodes: dict[int, tuple[rows.RowState, Node]] = {}
        self._painted: object = None
        self._cursor = cursor_of(self.feed)
        self._details = Element()
        self.put_slots(details=self._details)
        self._listen()
        self._undo: Sequence[Callable[[], object]] = [
            self._cursor.on_move(self._follow_cursor),
            location().on("ready", self._arrived),
            location().on("query", self._arrived),
        ]
        if self._cursor.moment is not None:  # somebody pointed at the chart before the log was made
            self._follow_cursor(self._cursor.moment)

    def parts(self) -> Iterable[Part]:
        """One part: the log."""
        return [Part(self._paint_news, frozenset({EVENTS, TICK}), _EVERY_S)]

    def _viewed(self, change: Any) -> None:
        """A new view begins at its top, wherever the one before was."""
        if change["new"]:
            self._at_top = True
        super()._viewed(change)

    def end(self) -> None:
        """Stop listening."""
        for undo in self._undo:
            undo()

    @property
    def query(self) -> EventQuery:
        """What is shown."""
        return self._query

    def show_types(self, types: Iterable[str]) -> None:
        """Show only events of these types, such as `{"error"}`."""
        self.ask(EventQuery(types=in_order(types)), step=False)

    def ask(self, query: EventQuery, *, step: bool = True) -> None:
        """Show this; the address follows, by default so that the back button leads back."""
        before, self._query = self._query, query
        if (before.page, before.opened) != (query.page, query.opened) or query.page == 1:
            self._release()
        self._put_details()
        self._paint()
        if location().standalone and query != before:
            changed = any(getattr(before, name) != getattr(query, name) for name in _HISTORY)
            put = location().push_query if step and changed else location().set_query
            put(**query.to_address())

    # What the reader does

    def _listen(self) -> None:
        def asks(name: str, change: Callable[[dict[str, Any]], EventQuery]) -> None:
            self.on(name, lambda payload: self.ask(change(payload)))

        asks("kind", lambda p: self._with_kind(str(p["data"]["kind"])))
        asks("search", lambda p: self._query.changed(search=str(p["value"] or ""), opened=0))
        asks("range", lambda p: self._with_range(str(p["value"] or "")))
        asks("start", lambda p: self._query.changed(start=str(p["value"] or ""), opened=0))
        asks("end", lambda p: self._query.changed(end=str(p["value"] or ""), opened=0))
        asks("clear", lambda _p: EventQuery())
        asks("newest", lambda _p: self._query.changed(page=1, opened=0))
        self.on("previous", lambda p: self._turn(-1, p))
        self.on("next", lambda p: self._turn(1, p))
        self.on("toggle", self._toggle)
        self.on("point", self._point)
        self.on("export", self._export)
        self.on("menu-types", lambda _p: self._open_menu("types"))
        self.on("menu-export", lambda _p: self._open_menu("export"))
        self.on("menu-away", lambda _p: self._open_menu(""))
        self.on("top", lambda p: self._see_top(bool(p["visible"])))
        self._details.on("point", self._point)
        self._details.on("copied", self._copied)
        self._details.on("download-event", self._download_event)

    def _with_kind(self, kind: str) -> EventQuery:
        query = self._query
        changed = query.toggled(kind) if kind in KINDS else query.changed(types=())
        return changed.changed(opened=0)

    def _with_range(self, name: str) -> EventQuery:
        return self._query.changed(range=name, start="", end="", opened=0)

    def _turn(self, by: int, payload: dict[str, Any]) -> None:
        """By a key in the table, the focus goes with it."""
        number = self._page().number + by
        if not 1 <= number <= self._page().count:
            return
        by_key = payload["event"] == "keydown"
        self._focus = -1 if by_key else 0  # -1: the first row, whichever it is
        self.ask(self._query.changed(page=number, opened=0))
        self._focus = 0

    def _toggle(self, payload: dict[str, Any]) -> None:
        number = int(payload["key"])
        self.ask(self._query.changed(opened=0 if self._query.opened == number else number))

    def _point(self, payload: dict[str, Any]) -> None:
        position = int(payload["data"].get("number") or payload["key"]) - 1
        event = self.feed.events[position]
        self._marked = position
        moment = Moment(model.step_of(event), event.time)
        self._cursor.move(moment)
        self._paint()
        if "chart" in payload["data"]:
            self.emit("chart")

    def _copied(self, payload: dict[str, Any]) -> None:
        if payload["copied"]:
            toasts().show("Copied!", tone="green", icon="copy")
        else:
            toasts().show("Not copied", "The browser refused it.", "yellow")

    def _open_menu(self, name: str) -> None:
        self._menu = "" if self._menu == name else name
        self._paint()

    def _see_top(self, is_visible: bool) -> None:
        self._at_top = is_visible
        self._paint()

    async def _export(self, payload: dict[str, Any]) -> None:
        kind, what = str(payload["data"]["kind"]), str(payload["data"]["what"])
        self._open_menu("")
        chosen = list(self.feed.events)
        if what == "filtered":
            chosen = [chosen[at] for at in self._matches()]
        await hand_over(self.job.name, chosen, kind)

    async def _download_event(self, payload: dict[str, Any]) -> None:
        event = self.feed.events[int(payload["data"]["number"]) - 1]
        await hand_over(self.job.name, [event], "json", "event")

    # The address and the cursor

    def _arrived(self, payload: dict[str, Any]) -> None:
        """The reader came by this address, or went back to it."""
        if not location().standalone:
            return
        self._query = from_address(payload["query"])
        self._release()
        if self._query.opened:
            self._show_position(self._query.opened - 1)
        else:
            self._query = self._query.changed(page=self._page().number)
        location().set_query(**self._query.to_address())  # what it asks for may not be there
        self._put_details()
        self._paint()

    def _follow_cursor(self, moment: Moment | None) -> None:
        """To the event nearest to where the cursor is now; ours is marked already."""
        if moment is None:
            self._marked = None
        else:
            at = model.nearest(self.feed.events, self._matches(), moment.step, moment.time)
            own = self._marked is not None and self._moment(self._marked) == moment
            if at is None or own:
                return
            self._marked = at
            self._horizon = max(self._horizon, at + 1)
            self._show_position(at)
        self._put_details()
        self._paint()

    def _moment(self, position: int) -> Moment:
        event = self.feed.events[position]
        return Moment(model.step_of(event), event.time)

    def _show_position(self, position: int) -> None:
        """Go to the page that an event is on, if it is on one."""
        number = model.page_number(self._matches(), position, self._horizon)
        if number is None:
            self._query = self._query.changed(opened=0)
        else:
            self._query = self._query.changed(page=number)

    # Showing

    def _matches(self) -> Sequence[int]:
        return self._index.matches(self._query, time.time())

    def _page(self) -> model.LogPage:
        return model.page_of(self._matches(), self._query.page, self._horizon)

    def _release(self) -> None:
        """Show all there is."""
        self._horizon = len(self.feed.events)

    def _paint_news(self) -> Sent:
        """Nothing is sent while nobody looks, or when there is nothing new to see."""
        if self._painted is not None and not location().visible and location().alive:
            return Sent()
        if self._query.page == 1 and self._at_top and not self._query.opened:
            now = time.monotonic()
            self._new |= dict.fromkeys(range(self._horizon, len(self.feed.events)), now)
            self._release()
        self._forget_seen()
        now_s = time.time()
        state = (len(self.feed.events), self._horizon, len(self._new), int(now_s // 60))
        if state == self._painted:
            return Sent()
        return self._paint()

    def _forget_seen(self) -> None:
        old = time.monotonic() - _NEW_S
        self._new = {at: shown for at, shown in self._new.items() if shown > old}

    def _paint(self) -> Sent:
        now = time.time()
        self._painted = (len(self.feed.events), self._horizon, len(self._new), int(now // 60))
        counts = self._index.counts()
        if not self.feed.events:
            return self.put_tree(h("div", {"class": "gw-stack"}, toolbar.no_events()))
        matches = self._matches()
        page = model.page_of(matches, self._query.page, self._horizon)
        bar = toolbar.toolbar(
            self._query, counts, self._menu, len(matches), live=self.job.status not in FINAL
        )
        if not page.total and not page.waiting:
            content = no_match("events", self._query.filter_words())
        else:
            content = self._table(page, now)
        found = f"{page.total:,} of {len(self.feed.events):,} events match"
        status = found if self._query.is_filtered else ""
        return self.put_tree(
            h("div", {"class": "gw-stack"}, bar, content,
              h("div", {"class": "gw-sr", "role": "status"}, status))
        )  # fmt: skip

    def _table(self, page: model.LogPage, now: float) -> Node:
        label = f"Event log table with {page.total:,} events. Use arrow keys to navigate."
        turn = {"keydown:PageDown": "next", "keydown:PageUp": "previous"}
        table = h(
            "table",
            {"class": "gw-table gw-table--events", "aria-label": label},
            rows.head(page.number),
            h("tbody", {"data-rows": ""}, self._rows(page, local_day(now)), on=turn),
        )
        return h(
            "section",
            {"class": "gw-card gw-card--raised", "aria-label": "Events"},
            toolbar.waiting(page.waiting),
            h("div", {"class": "gw-tablewrap"}, table),
            toolbar.pager(page),
            key="events",
        )

    def _rows(self, page: model.LogPage, day: float) -> list[Node]:
        """Each row made anew only if something in it is another."""
        nodes: list[Node] = []
        kept: dict[int, tuple[rows.RowState, Node]] = {}
        for at in page.rows:
            number = at + 1
            state = rows.RowState(
                number=number,
                words=self._query.words,
                day=day,
                opened=number == self._query.opened,
                new=at in self._new,
                marked=at == self._marked,
                focus=self._focus == -1 and not nodes,
            )
            before = self._nodes.get(at)
            if before is None or before[0] != state:
                before = (state, rows.row(self.feed.events[at], state))
            kept[at] = before
            nodes.append(before[1])
            if state.opened:
                nodes.append(rows.details_row(number))
        self._nodes = kept
        return nodes

    def _put_details(self) -> None:
        """The payload of the open event, in its own widget: sent once, not with every row."""
        number = self._query.opened
        if 0 < number <= len(self.feed.events):
            event = self.feed.events[number - 1]
            self._details.tree = rows.details(event, number, self._query.words, time.time())
        else:
            self._details.tree = h("div")
