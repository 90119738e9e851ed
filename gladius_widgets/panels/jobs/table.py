"""JobsTable: all jobs, live, with filters, selection and what can be done with them."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from gladius_widgets.client import Client, Job
from gladius_widgets.components import Element, Hotkeys, Node, h, location, toasts
from gladius_widgets.components.empty import no_match
from gladius_widgets.core.text.suggest import reject_unknown
from gladius_widgets.panels.jobs import placeholders, toolbar
from gladius_widgets.panels.jobs import row_model as model
from gladius_widgets.panels.jobs import rows as cells
from gladius_widgets.panels.jobs.actions import JobsActions
from gladius_widgets.panels.jobs.menu import why_not_compare
from gladius_widgets.panels.jobs.query import JobsQuery
from gladius_widgets.panels.jobs.selection import Selection
from gladius_widgets.panels.jobs.source import JobsSource, Look
from gladius_widgets.panels.live.panel import default_client
from gladius_widgets.panels.text.links import (
    compare_url,
    console_url,
    errors_url,
    job_url,
    new_job_url,
)

_MENU_ROWS = 4  # the menus of so many last rows open upwards
_FILTERS = ("status", "dates", "search", "creator")


class JobsTable(Element):
    """One row a job: status, creator, start, duration, cost, and what can be done.

    Args:
        client: the door to the jobs; by default that of `$GLADIUS_HOME`.
        source: where a page looks the jobs up for all its parts; by default one of its own.

    Attributes:
        open_job, open_console, open_error, open_form, open_compare: how to go to a job, to its
            console, to a failed job's errors, to the form (with the job to clone, or None), to a
            comparison (of a list of jobs). By default the browser goes to their pages.
    """

    _undo: Sequence[Callable[[], object]] = ()

    def __init__(
        self,
        *,
        client: Client | None = None,
        source: JobsSource | None = None,
        **unknown: Any,
    ) -> None:
        reject_unknown("JobsTable", unknown, {"client", "source"})
        self.client = client or (source.client if source else default_client())
        super().__init__(placeholders.bones())
        toasts()
        self._own_source = source is None
        self.source = source or JobsSource(self.client)
        self.actions = JobsActions(self.client, self._acted)
        self.open_job: Callable[[str], object] = _go(job_url)
        self.open_console: Callable[[str], object] = _go(console_url)
        self.open_error: Callable[[str], object] = _go(errors_url)
        self.open_compare: Callable[[Sequence[str]], object] = _go(compare_url)
        self.open_form: Callable[[str | None], object] = _go(new_job_url)
        self._menu = ""
        self._focus = ""
        self._selection = Selection()
        self._selected: dict[str, Job] = {}
        self._known: dict[str, Job] = {}
        self._since: float | None = None
        self._row_nodes: dict[str, tuple[object, Node]] = {}
        self._hotkeys = Hotkeys({"Ctrl+Z": "undo"})
        self._hotkeys.on("undo", lambda _payload: self.actions.undo())
        self._listen()
        self._undo = [
            self.source.on_look(self._paint),
            self.source.on_query(self._query_changed),
        ]
        self._paint()

    def end(self) -> None:
        """Stop looking."""
        for undo in self._undo:
            undo()
        self._undo = ()
        self._hotkeys.close()
        if self._own_source:
            self.source.close()

    # What the reader does

    def _listen(self) -> None:
        ask, query = self.source.ask, lambda: self.source.query
        for name in _FILTERS:
            self.on(name, lambda p, name=name: ask(query().changed(**{name: _text(p)})))
        self.on("sort", lambda p: ask(query().sorted_by(p["data"]["by"])))
        self.on("size", lambda p: ask(query().changed(size=int(p["value"]))))
        self.on("previous", lambda _p: self._turn(-1))
        self.on("next", lambda _p: self._turn(1))
        self.on("clear", lambda _p: ask(query().without_filters()))
        self.on("refresh", lambda _p: self._refresh())
        self.on("new", lambda _p: self.open_form(None))
        self.on("row", lambda p: self.open_job(str(p["key"])))
        self.on("menu", lambda p: self._show_menu(str(p["key"])))
        self.on("menu-away", lambda _p: self._show_menu(""))
        self.on("act", self._act)
        self.on("pick", self._pick)
        self.on("pick-all", self._pick_all)
        self.on("bulk-clear", lambda _p: self._select(Selection()))
        self.on("bulk-compare", lambda _p: self._bulk_compare())
        self.on("bulk-cancel", self._bulk_cancel)
        self.on("bulk-delete", self._bulk_delete)
        self.on("bulk-export", lambda _p: self.actions.export(self._chosen))
        self.on("export", lambda _p: self.actions.export(self._all_that_match))

    def _turn(self, by: int) -> None:
        look = self.source.look
        if look is not None:
            query = self.source.query
            self.source.ask(query.changed(page=max(1, look.page.number + by)))

    def _refresh(self) -> None:
        self.source.refresh()
        toasts().show("Refreshed", "The list shows what is there now.", "gray")

    def _query_changed(self) -> None:
        """What is not shown must not be acted on: a selection holds for one listing."""
        look = self.source.look
        if look is not None and _listing(look.query) != _listing(self.source.query):
            self._select(Selection())
        self._menu = ""
        self._paint()

    def _show_menu(self, job_id: str) -> None:
        self._menu = "" if self._menu == job_id else job_id
        self._paint()

    async def _act(self, payload: dict[str, Any]) -> None:
        name, job_id = str(payload["data"]["action"]), str(payload["data"]["job"])
        self._show_menu("")
        if name == "open":
            self.open_job(job_id)
        elif name == "console":
            self.open_console(job_id)
        elif name == "compare":
            self.open_compare([job_id])
        elif name == "error":
            self.open_error(job_id)
        elif name == "clone":
            self.open_form(job_id)
        elif job_id in self._known:
            neighbour = self._neighbour({job_id})
            await self.actions.use(name, self._known[job_id])
            if name == "delete":
                self._move_focus(neighbour)

    def _acted(self) -> None:
        self.source.refresh()
        self._paint()

    # Selection

    def _pick(self, payload: dict[str, Any]) -> None:
        reach = bool(payload["keys"]["shift"])
        chosen = bool(payload["checked"])
        rows = list(self._known)
        self._select(self._selection.picked(str(payload["key"]), chosen, rows, reach))

    def _pick_all(self, payload: dict[str, Any]) -> None:
        share = self._selection.share(list(self._known))
        self._select(self._selection.all_picked(self._known, not share.all))
        if bool(payload["checked"]) == share.all:
            self.reset()  # some were selected: the browser's own idea differs from ours

    def _select(self, selection: Selection) -> None:
        self._selection = selection
        jobs = {**self._selected, **self._known}
        self._selected = {job_id: jobs[job_id] for job_id in selection.ids if job_id in jobs}
        self._paint()

    def _chosen(self) -> list[Job]:
        """The selected jobs, in the order of the page, those of other pages after them."""
        on_page = [job for job_id, job in self._known.items() if job_id in self._selected]
        return on_page + [job for i, job in self._selected.items() if i not in self._known]

    def _all_that_match(self) -> list[Job]:
        query = self.source.query
        return self.client.jobs(**query.filters(time.time()), **query.order())

    def _bulk_compare(self) -> None:
        """In the order of the page."""
        chosen = [job.id for job in self._chosen()]
        if not why_not_compare(len(chosen)):
            self.open_compare(chosen)

    async def _bulk_cancel(self, _payload: object) -> None:
        if await self.actions.cancel(self._chosen()):
            self._select(Selection())

    async def _bulk_delete(self, _payload: object) -> None:
        chosen = self._chosen()
        if not chosen:
            return
        neighbour = self._neighbour({job.id for job in chosen})
        if await self.actions.delete(chosen):
            self._select(Selection())
            self._move_focus(neighbour)

    def _neighbour(self, gone: set[str]) -> str:
        """The row that comes to stand where the first of these was."""
        rows = list(self._known)
        first = next((at for at, row in enumerate(rows) if row in gone), 0)
        rest = [row for row in rows[first:] if row not in gone]
        before = [row for row in rows[:first] if row not in gone]
        return (rest or before[::-1] or [""])[0]

    def _move_focus(self, job_id: str) -> None:
        """Give the focus to a row once; without it the keyboard would start at the top again."""
        self._focus = job_id
        self._paint()
        self._focus = ""

    # Showing

    def _paint(self) -> None:
        look = self.source.look
        if look is None or look.query.tab == "queue":
            content: Sequence[Node | None] = [placeholders.bones()]
        else:
            self._take(look)
            content = self._content(look)
        query, creators = self.source.query, look.creators if look else ()
        bar = toolbar.filter_bar(query, creators, self.client.user, self.source.failed_at)
        if look is not None and not look.any_jobs:
            self.tree = h("div", {"class": "gw-stack"}, content)
        else:
            self.tree = h("div", {"class": "gw-stack"}, bar, content)

    def _take(self, look: Look) -> None:
        self._known = {job.id: job for job in look.jobs}
        self._since = look.seen_at if self._since is None else self._since
        for job_id in self._selected.keys() & self._known.keys():
            self._selected[job_id] = self._known[job_id]

    def _content(self, look: Look) -> list[Node | None]:
        if not look.any_jobs:
            return [placeholders.no_jobs()]
        if not look.page.total:
            filters = look.query.filter_words(self.client.user)
            hides = filters and look.any_here
            return [no_match("jobs", filters) if hides else placeholders.none_here(look.query.tab)]
        rows = model.rows(look.jobs, self.client.user, time.time())
        share = self._selection.share([row.id for row in rows])
        selected = len(self._selected)
        head = cells.head(self.source.query, share, len(rows), selected)
        keys = {"keydown:Delete": "bulk-delete", "keydown:Escape": "bulk-clear"}
        body = h("tbody", None, self._rows(rows), on=keys)
        table = {"class": "gw-table gw-table--jobs", "aria-label": "Training jobs"}
        spoken = f"{selected} selected. {look.page.words}" if selected else look.page.words
        card = h(
            "section",
            {"class": "gw-card gw-card--raised", "aria-label": "Jobs"},
            h("div", {"class": "gw-tablewrap gw-tablewrap--menus"}, h("table", table, head, body)),
            toolbar.pager(look.page, look.query.size),
        )
        status = h("div", {"class": "gw-sr", "role": "status"}, spoken)
        return [card, toolbar.bulk_bar(selected) if selected else None, status]

    def _rows(self, rows: Sequence[model.JobRow]) -> list[Node]:
        """Each row made anew only if something in it is another."""
        last_ones = len(rows) - _MENU_ROWS
        kept: dict[str, tuple[object, Node]] = {}
        for at, row in enumerate(rows):
            state = cells.RowState(
                picked=row.id in self._selection,
                menu=self._menu == row.id,
                up=at >= max(last_ones, _MENU_ROWS),
                busy=row.id in self.actions.busy,
                new=self._known[row.id].created_at > (self._since or 0),
                focus=self._focus == row.id,
            )
            before = self._row_nodes.get(row.id)
            node = before[1] if before and before[0] == (row, state) else cells.row(row, state)
            kept[row.id] = ((row, state), node)
        self._row_nodes = kept
        return [node for _, node in kept.values()]

    def __repr__(self) -> str:
        return "JobsTable()"


def _go(address: Callable[[Any], str]) -> Callable[[Any], None]:
    return lambda what: location().navigate(address(what))


def _text(payload: dict[str, Any]) -> str:
    return str(payload["value"] or "").strip()


def _listing(query: JobsQuery) -> tuple[object, ...]:
    """What decides which jobs are listed, whatever their order and page."""
    return (query.tab, query.status, query.shown_dates, query.search, query.creator)
