"""CompareJobs: several jobs on one page, their curves, figures and configs side by side."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from gladius_widgets.client import Client, Job
from gladius_widgets.components import Element, Node, h, icon, location, toasts
from gladius_widgets.components.events import begin, in_thread, nothing
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.text.suggest import reject_unknown
from gladius_widgets.pages.shared.bars import jobs_bar
from gladius_widgets.pages.shared.frame import problem
from gladius_widgets.pages.shared.home_bar import HomeBar
from gladius_widgets.panels.compare import table_model as model
from gladius_widgets.panels.compare.chart import CompareChart, Compared
from gladius_widgets.panels.compare.config import CompareConfig
from gladius_widgets.panels.compare.table import CompareTable
from gladius_widgets.panels.live.feed import JobFeed
from gladius_widgets.panels.live.panel import default_client, read_feed
from gladius_widgets.panels.text.badges import job_badge
from gladius_widgets.panels.text.links import JOBS_PAGE

_MATCHES = 8
_DEBOUNCE_MS = 200


class CompareJobs(Element):
    """Two to eight jobs compared, live: `compare.ipynb?jobs=A,B,C`.

    A job that is not there is named on the page; the others are shown.

    Args:
        jobs: ids, unique prefixes or names, as a sequence or separated by commas; by default
            those of the address.
        back: called when the reader leaves; by default the browser goes to the jobs page.
        open_job: called with the id of a job to show; by default the browser goes to its page.
        client: the door to the jobs; by default that of `$GLADIUS_HOME`.
    """

    _parts: Sequence[Any] = ()
    _ends: Sequence[Callable[[], object]] = ()
    _home: HomeBar | None = None

    def __init__(
        self,
        jobs: str | Sequence[str] | None = None,
        *,
        back: Callable[[], object] | None = None,
        open_job: Callable[[str], object] | None = None,
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        reject_unknown("CompareJobs", unknown, {"jobs", "back", "open_job", "client"})
        super().__init__(_frame("", h("div", {"class": "gw-late", "aria-busy": True})))
        toasts()
        self._given_client = client
        self._back, self._open_job = back, open_job
        self._jobs: list[Compared] = []
        self._problems: list[str] = []
        self._matches: list[Job] | None = None
        self._asked = ""
        self._entry = 0  # a new field after each job that was added
        self._wanted: list[str] = []  # ids; those shown, once they are read
        self._stop_opening: Callable[[], object] = nothing
        self._listen()
        if jobs is not None:
            given = jobs if isinstance(jobs, str) else ",".join(jobs)
            self.show(model.references(given))
        else:
            # A preheated kernel runs before anybody asked: the address comes with the page.
            self._ends = [
                location().on("ready", self._arrived),
                location().on("query", self._arrived),
            ]

    def show(self, references: Sequence[str]) -> None:
        """Show these jobs, by id, prefix or name; what cannot be shown is said on the page.

        Where a loop runs, what is shown changes when they are read.
        """
        self._stop_opening()
        self._stop_opening = begin(self._open(references))

    async def _open(self, references: Sequence[str]) -> None:
        try:
            self.client = self._given_client or await in_thread(default_client)
        except GladiusError as error:
            self.tree = problem(error)
            return
        self._home = self._home or HomeBar(self.client)
        found, problems = await in_thread(self._find, references)
        if len(found) > model.MOST:
            problems.append(
                f"{len(found)} jobs were asked for; these are the first {model.MOST}, the most"
                " that can be told apart."
            )
        feeds: dict[str, JobFeed] = {}
        async with AsyncExitStack() as held:
            for job in found[: model.MOST]:
                try:
                    feed = await held.enter_async_context(read_feed(job.id, self.client))
                except GladiusError as error:
                    problems.append(str(error))
                else:
                    feeds[job.id] = feed
            self._problems = problems
            self._show_jobs([job for job in found if job.id in feeds], feeds)

    def end(self) -> None:
        """Stop listening; end the panels."""
        self._stop_opening()
        for end in self._ends:
            end()
        self._end_parts()
        if self._home is not None:
            self._home.close()

    # Which jobs

    def _listen(self) -> None:
        self.on("back", lambda _payload: self._leave())
        self.on("look", self._look)
        self.on("away", lambda _payload: self._show_matches(None))
        self.on("enter", lambda payload: self._add(str(payload["values"].get("job", ""))))
        self.on("add", lambda payload: self._add(str(payload["data"]["job"])))

    def _arrived(self, payload: dict[str, Any]) -> None:
        """The reader came by this address, or went back to it."""
        self.show(model.references(payload["query"].get("jobs")))

    def _find(self, references: Sequence[str]) -> tuple[list[Job], list[str]]:
        found: dict[str, Job] = {}
        problems: list[str] = []
        for reference in references:
            try:
                job = self.client.job(reference)
                found.setdefault(job.id, job)
            except GladiusError as error:
                problems.append(str(error))
        return list(found.values()), problems

    def _show_jobs(self, jobs: Sequence[Job], feeds: Mapping[str, JobFeed]) -> None:
        """Panels for these jobs; those that stay keep their colour and their feed."""
        slots = {job.id: job.slot for job in self._jobs}
        names = model.labels({job.id: job.name for job in jobs})
        kept = {job.id: slots[job.id] for job in jobs if job.id in slots}
        compared: list[Compared] = []
        for job in jobs:
            slot = kept.setdefault(job.id, model.free_slot(kept.values()))
            compared.append(Compared(feeds[job.id], names[job.id], slot))
        self._wanted = [job.id for job in jobs]
        before, self._jobs = list(self._parts), compared
        self._parts = self._make(before) if compared else ()
        self.slots = {"home": self._home, **dict(zip(_SLOTS, self._parts, strict=False))}
        for part in before:
            part.close()
        self._asked, self._matches = "", None
        location().set_title(f"{self._title()} · Gladius")
        self._paint()

    def _make(self, before: Sequence[Any]) -> tuple[Any, ...]:
        """The three panels; the chart goes on as the reader has set it."""
        chart = next((part for part in before if isinstance(part, CompareChart)), None)
        ids = frozenset(job.id for job in self._jobs)
        options: dict[str, Any] = {}
        if chart is not None:
            options = {"x": chart.x, "span": chart.span, "log": chart.is_log}
            options["hidden"] = chart.hidden & ids
        return (
            CompareChart(self._jobs, **options),
            CompareTable(self._jobs, remove=self._remove, open_job=self._open_job),
            CompareConfig(self._jobs),
        )

    def _end_parts(self) -> None:
        self.slots = {}
        for part in self._parts:
            part.close()
        self._parts = ()

    async def _add(self, reference: str) -> None:
        if not reference.strip():
            return
        if len(self._wanted) >= model.MOST:
            toasts().show(f"{model.MOST} jobs are the most", "Remove one first.", "yellow")
            return
        # An unknown one is told by a toast.
        job = await asyncio.to_thread(self.client.job, reference.strip())
        if job.id in self._wanted:
            toasts().show("Already compared", job.name, "gray")
            return
        self._entry += 1
        self._go_to([*self._wanted, job.id])

    def _remove(self, job_id: str) -> None:
        self._go_to([one for one in self._wanted if one != job_id])

    def _go_to(self, ids: Sequence[str]) -> None:
        """Other jobs, as a step that the back button takes back."""
        if location().standalone:
            location().push_query(jobs=",".join(ids) or None)
        self._wanted = list(ids)
        self.show(ids)

    async def _look(self, payload: dict[str, Any]) -> None:
        """Jobs whose name has what was typed."""
        self._asked = str(payload["value"] or "").strip()
        asked, ids = self._asked, {job.id for job in self._jobs}
        if not asked:
            self._show_matches(None)
            return
        limit = _MATCHES + len(ids)
        found = await asyncio.to_thread(lambda: self.client.jobs(search=asked, limit=limit))
        if asked == self._asked:  # else another look is under way
            self._show_matches([job for job in found if job.id not in ids][:_MATCHES])

    def _show_matches(self, matches: list[Job] | None) -> None:
        self._matches = matches
        self._paint()

    def _leave(self) -> None:
        if self._back is not None:
            self._back()
        else:
            location().navigate(JOBS_PAGE)

    # Showing

    def _title(self) -> str:
        number = len(self._jobs)
        return f"Compare {number} Job{'' if number == 1 else 's'}" if number else "Compare Jobs"

    def _paint(self) -> None:
        in_place = self._back is not None
        content = [
            self._head(),
            [_banner(text) for text in self._problems],
            _few(len(self._jobs)) if len(self._jobs) < 2 else None,
            [h("slot", {"name": name}) for name in _SLOTS] if self._jobs else None,
        ]
        links = not in_place and not location().is_elsewhere
        home = h("slot", {"name": "home"})
        self.tree = _frame(self.client.user, *content, links=links, home=home)

    def _head(self) -> Node:
        crumbs = h(
            "nav",
            {"class": "gw-crumbs", "aria-label": "Breadcrumb"},
            h("a", {"href": JOBS_PAGE}, "Training Jobs", on={"click": "back"}),
            icon("chev-r", 12),
            h("span", {"aria-current": "page"}, "Compare"),
        )
        title = h("h1", {"class": "gw-title"}, self._title())
        return h(
            "div",
            {"class": "gw-head"},
            h("div", {"class": "gw-head__t"}, crumbs, title),
            self._adding(),
        )

    def _adding(self) -> Node:
        field = {
            "class": "gw-input",
            "type": "search",
            "name": "job",
            "placeholder": "Add a job: name or id",
            "aria-label": "Add a job, by name or id",
            "autocomplete": "off",
            "maxlength": 200,
            "data-debounce": _DEBOUNCE_MS,
            "autofocus": self._entry > 0,
        }
        full = len(self._jobs) >= model.MOST
        words = f"{model.MOST} jobs are the most" if full else None
        button = {"type": "submit", "class": "gw-btn", "disabled": full, "title": words}
        return h(
            "form",
            {"class": "gw-row gw-menuhost gw-cmp__add", "role": "search"},
            h(
                "span",
                {"class": "gw-search"},
                icon("search"),
                h("input", field, on={"input": "look"}, key=f"field-{self._entry}"),
            ),
            h("button", button, icon("plus"), "Add"),
            self._suggestions() if self._matches is not None else None,
            on={"submit": "enter"},
        )

    def _suggestions(self) -> Node:
        matches = self._matches or []
        items = [
            h(
                "button",
                {"type": "button", "class": "gw-menu__i", "data-job": job.id},
                icon(job_badge(job.status).icon),
                h("span", {"class": "gw-ellipsis"}, job.name),
                h("span", {"class": "gw-muted gw-small"}, job.id[-4:]),
                on={"click": "add"},
                key=job.id,
            )
            for job in matches
        ]
        none = h("p", {"class": "gw-muted gw-cmp__none"}, "No other job has that in its name")
        return h(
            "div",
            {"class": "gw-menu", "role": "group", "aria-label": "Jobs that match"},
            items or none,
            on={"dismiss": "away"},
        )

    def __repr__(self) -> str:
        return f"CompareJobs({','.join(job.id for job in self._jobs)!r})"


_SLOTS = ("chart", "table", "config")


def _frame(user: str, *content: Any, links: bool = True, home: Node | None = None) -> Node:
    main = h("main", {"class": "gw-main"}, content)
    return h("div", {"class": "gw-app"}, jobs_bar(user, links=links), home, main)


def _banner(text: str) -> Node:
    attrs = {"class": "gw-banner gw-tone-yellow", "role": "status"}
    return h("div", attrs, icon("warn"), h("span", {"class": "gw-banner__t"}, text))


def _few(number: int) -> Node:
    words = "Add another job to compare it with." if number else "Choose two to eight jobs."
    how = "Type a name above, or select jobs in the list and press Compare."
    if number:
        return h("p", {"class": "gw-soft"}, words)
    return h(
        "section",
        {"class": "gw-card"},
        h(
            "div",
            {"class": "gw-empty"},
            h("span", {"class": "gw-empty__ic"}, icon("chart", 24)),
            h("h2", {"class": "gw-empty__t"}, words),
            h("p", None, how),
        ),
    )
