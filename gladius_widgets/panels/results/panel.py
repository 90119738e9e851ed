"""JobResults: what a job that is over leaves behind, and the resume that may help a failed one."""

import time
from collections.abc import Iterable

from gladius_widgets.components import h, location, toasts
from gladius_widgets.components.events import begin, in_thread
from gladius_widgets.core.states import FINAL
from gladius_widgets.panels.controls.actions import actions_of
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.results import model
from gladius_widgets.panels.results.card import card
from gladius_widgets.panels.results.reader import read_facts
from gladius_widgets.panels.text.links import console_url, new_job_url


class JobResults(Panel):
    """Nothing while the job goes on; a card on top of the overview when it is over.

    Completed or stopped: figures, checkpoints, how to load the last one, samples. Cancelled: who
    and why, and what is kept. Failed or lost: the error, what was noted of it, and a resume with
    the suggested change one click away.
    """

    def build(self) -> None:
        """What is read once the job is over is kept until it goes on again."""
        self._facts: model.Facts | None = None
        self._facts_of: tuple[object, ...] = ()  # which end of the job they tell of
        self._samples = 0  # index of the set that is shown, 0 = the latest
        self._resuming = False
        actions = actions_of(self.feed, self.client)
        self.on("export", lambda _payload: actions.use("export"))
        self.on("offer", lambda _payload: self._resume())
        self.on("plain", lambda _payload: self._resume(changed=False))
        self.on("console", lambda _payload: self._to_console())
        self.on("clone", lambda _payload: location().navigate(new_job_url(self.job.id)))
        self.on("copied", lambda payload: _tell_copied(bool(payload.get("copied"))))
        self.on("samples", lambda payload: self._show_samples(int(payload["value"])))

    def parts(self) -> Iterable[Part]:
        """At once when the state changes; samples are events."""
        return (Part(self._paint, frozenset({topics.STATE, topics.EVENTS}), 0.5),)

    def _paint(self) -> Sent:
        job = self.job
        if job.status not in FINAL:
            self._facts, self._facts_of, self._resuming = None, (), False
            return self.put_tree(h("div", {"hidden": True}))
        end = (job.status, job.attempt, job.ended_at)
        if end != self._facts_of:
            self._facts_of = end
            begin(self._read())
        if self._facts is None:
            return self.put_tree(h("div", {"hidden": True}))
        view = model.view(job, self._facts, self.feed.events, time.time())
        assert view is not None
        return self.put_tree(card(view, self._samples, resuming=self._resuming))

    async def _read(self) -> None:
        end = self._facts_of
        facts = model.Facts({})  # what is known without the files, if they cannot be read
        try:
            facts = await in_thread(read_facts, self.feed.run)
        except OSError as error:
            toasts().show("Not all results can be read", str(error), "yellow")
        if end == self._facts_of:
            self._facts = facts
            self.feed.refresh({topics.STATE})

    def _show_samples(self, index: int) -> None:
        self._samples = index
        self._paint()

    async def _resume(self, *, changed: bool = True) -> None:
        """The offered resume, or one without its change."""
        view = self._facts and model.view(self.job, self._facts, self.feed.events, time.time())
        offer = view.trouble.offer if view and view.trouble else None
        if self._resuming or offer is None:
            return
        self._resuming = True
        self._paint()
        try:
            done = await actions_of(self.feed, self.client).resume(offer.changes if changed else {})
        finally:
            self._resuming = False
        if not done:
            self._paint()

    def _to_console(self) -> None:
        location().navigate(console_url(self.job.id, find_error=True))


def _tell_copied(done: bool) -> None:
    if done:
        toasts().show("Copied!", "", "green", icon="copy")
    else:
        toasts().show("Not copied", "The browser does not allow it; select the text.", "yellow")
