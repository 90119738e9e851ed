"""NewJobPage: create a job, from a preset, an earlier job, or nothing."""

from collections.abc import Callable
from typing import Any

from gladius_widgets.client import Client, Job
from gladius_widgets.components import Element, Node, h, location, toasts
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.suggest import reject_unknown
from gladius_widgets.pages.bars import jobs_bar
from gladius_widgets.pages.frame import problem
from gladius_widgets.panels.home_bar import HomeBar
from gladius_widgets.panels.job_form import KEPT, NewJobForm
from gladius_widgets.panels.models import form_presets as presets
from gladius_widgets.panels.panel import default_client


class NewJobPage(Element):
    """The form for a new job.

    In Voila the address says what to start from: `new.ipynb?preset=moe_chitchat` or
    `new.ipynb?clone=JOB`. What is not there is said on the page, which then starts empty.

    Args:
        clone: a job's id, a unique prefix of it, or its name, to start from its config.
        preset: a config that ships with Gladius.
        submitted: called with the new job; by default the browser goes to the queue.
        client: the door to the jobs; by default that of `$GLADIUS_HOME`.
    """

    _form: NewJobForm | None = None
    _end_wait: Callable[[], object] | None = None

    def __init__(
        self,
        clone: str | None = None,
        *,
        preset: str | None = None,
        submitted: Callable[[Job], object] | None = None,
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        reject_unknown("NewJobPage", unknown, {"clone", "preset", "submitted", "client"})
        super().__init__(_frame("", _bones()))
        toasts()
        self._given_client = client
        self._submitted = submitted
        if clone or preset or submitted:
            self._show(clone, preset)
        else:
            # A preheated kernel runs before anybody asked: the address comes with the page.
            self._end_wait = location().on("ready", self._arrived)

    def end(self) -> None:
        """Stop listening; end the form."""
        if self._end_wait is not None:
            self._end_wait()
        if self._form is not None:
            self._form.close()

    def _arrived(self, payload: dict[str, Any]) -> None:
        if self._form is not None:  # a second view of a notebook must not wipe what was written
            return
        query = payload["query"]
        self._show(query.get("clone"), query.get("preset"))
        kept = payload["kept"].get(KEPT)
        if self._form is not None and isinstance(kept, dict) and kept.get("query") == query:
            self._form.restore(kept)

    def _show(self, clone: str | None, preset: str | None) -> None:
        try:
            client = self._given_client or default_client()
        except GladiusError as error:
            self.tree = problem(error)
            return
        start, chosen = presets.Start(), presets.EMPTY
        try:
            if clone:
                start, chosen = presets.clone(client, clone), presets.EARLIER_JOB
            elif preset:
                start, chosen = presets.preset(preset), preset
        except GladiusError as error:
            toasts().error(error)
        self._form = NewJobForm(start, chosen=chosen, submitted=self._submitted, client=client)
        self.slots = {"home": HomeBar(client), "form": self._form}
        self.tree = _frame(client.user, h("slot", {"name": "form"}), h("slot", {"name": "home"}))
        location().set_title("New Job · Gladius")

    def __repr__(self) -> str:
        return "NewJobPage()"


def _frame(user: str, content: Node, home: Node | None = None) -> Node:
    main = h("main", {"class": "gw-main"}, content)
    return h("div", {"class": "gw-app"}, jobs_bar(user), home, main)


def _bones() -> Node:
    """In the shape of the form."""

    def bone(height: int) -> Node:
        return h("span", {"class": "gw-skel", "style": {"height": f"{height}px"}})

    sides = [h("div", {"class": "gw-stack"}, [bone(n) for n in ns]) for ns in ((150, 420), (180,))]
    return h("div", {"class": "gw-form gw-late", "aria-busy": True}, sides)
