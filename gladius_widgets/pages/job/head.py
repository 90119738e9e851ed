"""The top of the job dashboard: app bar, breadcrumb, title, and what can be done to the job."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Node, h, icon, location, notifier, toasts
from gladius_widgets.core.states import Command, JobStatus, is_legal_command
from gladius_widgets.pages.shared import bars
from gladius_widgets.panels.controls.actions import actions_of
from gladius_widgets.panels.controls.model import Control
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.overview.status_bar_model import is_stale
from gladius_widgets.panels.text import home
from gladius_widgets.panels.text import job as job_words
from gladius_widgets.panels.text.links import JOBS_PAGE, console_url

_READ_S = 10.0
_LIST = "Training Jobs"


class JobBar(Panel):
    """The app bar of a page about one job."""

    def parts(self) -> Iterable[Part]:
        """When news stay out, or come again."""
        return (Part(self._paint, frozenset({topics.STATE, topics.TICK}), 1.0),)

    def _paint(self) -> Sent:
        return self.put_tree(
            bars.jobs_bar(
                self.client.user,
                is_live=not is_stale(self.job, time.time()),
                links=not location().is_elsewhere,
                console=console_url(self.feed.run.id),
                is_list=False,
                bell=notifier().state,
            )
        )


class JobHead(Panel):
    """Where the reader is, and what can be done to the job.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        back: called when the reader wants to go back to the list; by default a link leads there.
        console: called when the reader wants the console; by default a link leads there.
        is_over_estimate: whether the job costs more than was estimated.
        client: the door to the jobs.
    """

    def __init__(
        self,
        job: str | None = None,
        *,
        back: Callable[[], object] | None = None,
        console: Callable[[], object] | None = None,
        is_over_estimate: Callable[[], bool] = lambda: False,
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        self._back = back
        self._console = console
        self._is_over_estimate = is_over_estimate
        self._is_reading = False
        super().__init__(job, client=client, **unknown)

    def build(self) -> None:
        """Wire the buttons."""
        self.actions = actions_of(self.feed, self.client)
        self.on("use", lambda payload: self.actions.use(payload["data"]["control"]))
        self.on("back", lambda _payload: self._back and self._back())
        self.on("console", lambda _payload: self._console and self._console())
        self.on("refresh", lambda _payload: self.refresh())

    def parts(self) -> Iterable[Part]:
        """When the state changes, or news stay out."""
        return (Part(self._paint, frozenset({topics.STATE, topics.TICK}), 0.5),)

    async def refresh(self) -> None:
        """Read everything again, and say so."""
        if self._is_reading:
            return
        self._is_reading = True
        self._paint()
        try:
            is_read = await self._read_again()
        finally:
            self._is_reading = False
            self._paint()
        if is_read:
            toasts().show("Metrics updated", tone="green", icon="check", seconds=2)
        else:
            toasts().show("No answer yet", "The run's files are slow to read.", "yellow")

    async def _read_again(self) -> bool:
        """Whether the feed has read the job's records anew, within a deadline."""
        asked, deadline = time.time(), time.monotonic() + _READ_S
        self.feed.start()  # whoever clicks is there, even if the page has not said so yet
        self.feed.refresh()
        while self.feed.job.seen_at < asked:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    def _paint(self) -> Sent:
        return self.put_tree(
            h("div", {"class": "gw-head"}, self._title(), self._refresh(), self._buttons())
        )

    def _title(self) -> Node:
        name = job_words.one_line(self.job.name)
        leads = self._back is not None or not location().is_elsewhere
        to_list = h("a", {"href": JOBS_PAGE}, _LIST, on={"click": "back"} if self._back else None)
        return h(
            "div",
            {"class": "gw-head__t"},
            h(
                "nav",
                {"class": "gw-crumbs", "aria-label": "Breadcrumb"},
                to_list if leads else h("span", None, _LIST),
                icon("chev-r", 12),
                h("span", {"aria-current": "page", "class": "gw-ellipsis", "dir": "auto"}, name),
            ),
            h("h1", {"class": "gw-title gw-ellipsis", "title": name, "dir": "auto"}, name),
        )

    def _refresh(self) -> Node:
        words = "Reading…" if self._is_reading else "Refresh"
        return h(
            "button",
            {
                "type": "button",
                "class": "gw-btn gw-btn--icon",
                "aria-label": "Refresh",
                "aria-busy": self._is_reading,
                "title": words,
                "disabled": self._is_reading,
            },
            icon("refresh", classes="gw-spin" if self._is_reading else ""),
            on={"click": "refresh"},
            key="refresh",
        )

    def _buttons(self) -> list[Node | None]:
        controls = self.actions.controls()
        first = controls.controls[0]
        # A job that failed may be taken up again; one that is complete or cancelled may not.
        refused = home.refusal(self.job.home)
        shown = first.reason in ("", refused) or first.name == self.actions.pending
        return [
            h(
                "a",
                {"class": "gw-btn", "href": console_url(self.feed.run.id)},
                icon("term"),
                "Open Console",
                on={"click": "console"} if self._console else None,
                key="console",
            ),
            _use(first) if shown else None,
            *self._ending(),
        ]

    def _ending(self) -> list[Node | None]:
        """Cancel Job, or how and when the job ended."""
        ended = job_words.ended_line(self.job, time.time())
        if ended is not None:
            symbol, words, moment = ended
            line = h("span", None, words, " ", h("b", None, moment))
            return [h("span", {"class": "gw-fact gw-ended"}, icon(symbol), line, key="ended")]
        status = self.job.status
        is_asked = status == JobStatus.CANCELLING or self.actions.pending == "cancel"
        if not is_asked and not is_legal_command(status, Command.CANCEL):
            return []
        is_over = self._is_over_estimate()
        refused = home.refusal(self.job.home)
        return [
            h(
                "button",
                {
                    "type": "button",
                    "class": "gw-btn gw-btn--danger" + (" is-urgent" if is_over else ""),
                    "disabled": is_asked or bool(refused),
                    "data-control": "cancel",
                    "title": refused or ("It costs more than was estimated" if is_over else None),
                },
                icon("warn"),
                "Cancelling…" if is_asked else "Cancel Job",
                on={"click": "use"},
                key="cancel",
            )
        ]


def _use(control: Control) -> Node:
    return h(
        "button",
        {
            "type": "button",
            "class": "gw-btn",
            "title": control.reason or control.tip,
            "disabled": not control.enabled,
            "data-control": control.name,
        },
        icon(control.icon),
        control.short,
        on={"click": "use"},
        key="first",
    )
