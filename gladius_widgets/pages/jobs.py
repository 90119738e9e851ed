"""JobsPage: the list of all jobs."""

from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Element, h, location
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.suggest import reject_unknown
from gladius_widgets.pages.bars import jobs_bar
from gladius_widgets.pages.console import TrainingConsole
from gladius_widgets.pages.frame import problem
from gladius_widgets.panels.jobs_table import JobsTable
from gladius_widgets.panels.links import console_url
from gladius_widgets.panels.panel import default_client


class JobsPage(Element):
    """All jobs, live. Opens consoles: in Voila as a page, in JupyterLab in its own place.

    Args:
        client: the door to the jobs; by default that of `$GLADIUS_HOME`.
    """

    _table: JobsTable | None = None
    _console: TrainingConsole | None = None

    def __init__(self, *, client: Client | None = None, **unknown: Any) -> None:
        reject_unknown("JobsPage", unknown, {"client"})
        super().__init__()
        try:
            self.client = client or default_client()
            self._table = table = JobsTable(client=self.client)
        except GladiusError as error:
            self.tree = problem(error)
        else:
            table.open_console = self._open
            self._show_list()

    def close(self) -> None:
        """End the page."""
        for part in (self._table, self._console):
            if part is not None:
                part.close()
        super().close()

    def _open(self, job_id: str) -> None:
        if location().standalone:
            location().navigate(console_url(job_id))
            return
        self._console = TrainingConsole(job_id, back=self._return, client=self.client)
        self.slots = {"console": self._console}
        self.tree = h("slot", {"name": "console"})

    def _return(self) -> None:
        self._show_list()
        if self._console is not None:
            self._console.close()
        self._console = None

    def _show_list(self) -> None:
        assert self._table is not None
        self.slots = {"table": self._table}
        title = h("h1", {"class": "gw-title"}, "Training Jobs")
        self.tree = h(
            "div",
            {"class": "gw-app"},
            jobs_bar(self.client.user),
            h(
                "main",
                {"class": "gw-main"},
                h("div", {"class": "gw-head"}, h("div", {"class": "gw-head__t"}, title)),
                h("slot", {"name": "table"}),
            ),
        )
        location().set_title("Training Jobs · Gladius")

    def __repr__(self) -> str:
        return "JobsPage()"
