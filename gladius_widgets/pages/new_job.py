"""NewJobPage: create a job, from a preset, an earlier job, or nothing."""

from collections.abc import Callable
from typing import Any

from gladius_widgets.client import Client, Job
from gladius_widgets.components import Element, Node, h, location, toasts
from gladius_widgets.components.events import begin, in_thread, nothing
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.text.suggest import reject_unknown
from gladius_widgets.pages.shared.bars import jobs_bar
from gladius_widgets.pages.shared.frame import problem
from gladius_widgets.pages.shared.home_bar import HomeBar
from gladius_widgets.panels.live.panel import default_client
from gladius_widgets.panels.new_job import presets
from gladius_widgets.panels.new_job.form import KEPT, NewJobForm, read_offers


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
    _is_asked = False  # for a form; it comes when what it starts from is read
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
        self._stop_opening: Callable[[], object] = nothing
        if clone or preset or submitted:
            self._show(clone, preset)
        else:
            # A preheated kernel runs before anybody asked: the address comes with the page.
            self._end_wait = location().on("ready", self._arrived)

    def end(self) -> None:
        """Stop listening; end the form."""
        self._stop_opening()
        if self._end_wait is not None:
            self._end_wait()
        if self._form is not None:
            self._form.close()

    def _arrived(self, payload: dict[str, Any]) -> None:
        if self._is_asked:  # a second view of a notebook must not wipe what was written
            return
        query, kept = payload["query"], payload["kept"].get(KEPT)
        is_ours = isinstance(kept, dict) and kept.get("query") == query
        self._show(query.get("clone"), query.get("preset"), kept if is_ours else None)

    def _show(self, clone: str | None, preset: str | None, kept: Any = None) -> None:
        self._is_asked = True
        self._stop_opening = begin(self._open(clone, preset, kept))

    async def _open(self, clone: str | None, preset: str | None, kept: Any) -> None:
        try:
            client = self._given_client or await in_thread(default_client)
            offers = await in_thread(read_offers, client)
        except GladiusError as error:
            self.tree = problem(error)
            self._is_asked = False
            return
        start, chosen = presets.Start(), presets.EMPTY
        try:
            if clone:
                start = await in_thread(presets.clone, client, clone)
                chosen = presets.EARLIER_JOB
            elif preset:
                start, chosen = await in_thread(presets.preset, preset), preset
        except GladiusError as error:
            toasts().error(error)
        self._form = NewJobForm(
            start, chosen=chosen, offers=offers, submitted=self._submitted, client=client
        )
        self.slots = {"home": HomeBar(client), "form": self._form}
        self.tree = _frame(client.user, h("slot", {"name": "form"}), h("slot", {"name": "home"}))
        location().set_title("New Job · Gladius")
        if kept is not None:
            self._form.restore(kept)

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
