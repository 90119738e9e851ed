"""NewJobForm: everything about a job before it exists, as fields and as YAML."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from gladius_widgets.client import Client, Job
from gladius_widgets.components import Element, Node, confirm, h, location, toasts
from gladius_widgets.components import events as page_events
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.money.estimate import Estimate
from gladius_widgets.core.states import ACTIVE, JobStatus
from gladius_widgets.core.text.suggest import reject_unknown
from gladius_widgets.panels.live.panel import default_client
from gladius_widgets.panels.new_job import cards, presets, side
from gladius_widgets.panels.new_job import text as words
from gladius_widgets.panels.new_job.draft import NAME, START_AT, Draft
from gladius_widgets.panels.new_job.field_specs import fields, sections
from gladius_widgets.panels.new_job.fields import Look
from gladius_widgets.panels.new_job.preview import DataPreview

LOOK_S = 5.0
ESTIMATE_AFTER_S = 0.3
KEPT = "new-job"  # the name of the draft that the browser's tab keeps
_RESTORED_S = 20.0  # how long the word about it stays
_RESTING = "The YAML cannot be read; mend it first"
_EMPTY_WORDS = "Empty"
_PARTS = ("summary", "start", "data", "training", "machine", "queue", "more", "estimate", "yaml",
          "submit")  # fmt: skip
_FOLDED = {*fields()} - {*words.DATA_KEYS, *words.TRAINING_KEYS, *words.MACHINE_KEYS}
_numbers = count(1)


@dataclass(frozen=True)
class Offers:
    """What can be chosen from: presets, and GPU types with a price."""

    presets: tuple[str, ...] = ()
    gpu_types: tuple[str, ...] = ()


def read_offers(client: Client) -> Offers:
    """As the files say now; to be called in a thread.

    Raises:
        GladiusError: the prices cannot be read.
    """
    rated = tuple(name for name in client.rates().gpus if name.lower() != "cpu")
    return Offers(presets.preset_names(), rated)


class NewJobForm(Element):
    """A form that submits one job. Fields and YAML are two views of the same text.

    Args:
        start: what to begin with; see `presets`.
        chosen: the preset it is, if it is one.
        offers: what can be chosen from.
        submitted: called with the new job; by default the browser goes to the queue.
        client: the door to the jobs; by default that of `$GLADIUS_HOME`.
    """

    def __init__(
        self,
        start: presets.Start | None = None,
        *,
        chosen: str = presets.EMPTY,
        offers: Offers | None = None,
        submitted: Callable[[Job], object] | None = None,
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        reject_unknown("NewJobForm", unknown, {"start", "chosen", "offers", "submitted", "client"})
        self.client = client or default_client()
        super().__init__()
        toasts()
        self._ids = f"gw-form{next(_numbers)}"
        self._after_submit = submitted
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._submitting = False
        self._open: set[str] = set()
        self._focus = self._refusal = ""
        self._job: Job | None = None
        self._load = words.Slots()
        start = start or presets.Start()
        self._origin = start
        self._draft = Draft(start)
        self._chosen, self._about = chosen, start.about
        self._estimate: Estimate | None = None
        self._no_estimate = ""
        self._offers = offers or Offers()
        self._parts = {name: Element() for name in _PARTS}
        self._preview = DataPreview(lambda: self._draft.form.values, self.client)
        self._wire()
        self._parts["data"].slots = {"preview": self._preview}
        self._parts["estimate"].slots = {"submit": self._parts["submit"]}
        self.slots = {name: self._parts[name] for name in _PARTS if name != "submit"}
        self.tree = cards.layout()
        self._paint()
        self._subscriptions = [
            location().on("alive", lambda _payload: self._begin()),
            location().on("gone", lambda _payload: self._end("look")),
        ]

    def end(self) -> None:
        """Stop listening; end a preview that is under way."""
        for undo in self._subscriptions:
            undo()
        for name in list(self._tasks):
            self._end(name)
        for part in (*self._parts.values(), self._preview):
            part.close()

    # What was written outlives this kernel

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Go on with a draft that `location().keep` kept under `KEPT`, and say so."""
        self._draft.take_kept(kept)
        self._changed()

        def start_over() -> None:
            self._draft = Draft(self._origin)
            self._changed()

        toasts().show(
            "Your draft is back",
            "The page was loaded anew before it was submitted.",
            action=("Start over", start_over),
            seconds=_RESTORED_S,
        )

    def _keep(self) -> None:
        draft = self._draft.to_kept()
        location().keep(KEPT, draft and {**draft, "query": location().query})

    # What the reader does

    def _wire(self) -> None:
        handlers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "preset": self._choose_preset,
            "name": lambda p: self._set_option(NAME, str(p["value"] or "")),
            "edit": lambda p: self._edit(p["data"]["key"], str(p["value"] or "")),
            "toggle": lambda p: self._toggle(p["data"]["key"]),
            "step": lambda p: self._step(p["data"]["key"], int(p["data"]["by"])),
            "fold": lambda p: self._fold(p["data"]["section"]),
            "yaml": lambda p: self._edit_text(str(p["value"] or "")),
            "revert": lambda _p: self._revert(),
            "hold": lambda _p: self._set_option("held", not self._draft.held),
            "after": lambda p: self._set_option("after", str(p["value"] or "")),
            "start-at": lambda p: self._set_option(START_AT, str(p["value"] or "")),
            "goto": lambda p: self._go_to(p["data"]["key"]),
            "submit": self._submit,
        }
        for part in self._parts.values():
            for name, handler in handlers.items():
                part.on(name, handler)

    async def _choose_preset(self, payload: dict[str, Any]) -> None:
        name = str(payload["value"] or "")
        if self._draft.rewritten and not await confirm(
            "Start Over?", "What you have written is replaced.", action="Replace"
        ):
            self._parts["start"].reset()
            return
        start = await asyncio.to_thread(presets.preset, name)
        self._refusal = ""
        self._draft.begin(start)
        self._chosen, self._about = name, start.about
        self._changed()

    def _set_option(self, name: str, value: Any) -> None:
        setattr(self._draft, name, value)
        self._draft.touched.add(name)
        self._keep()
        self._paint()
        if name == "after":
            self._start("look", self._keep_looking())  # what it waits for may be over

    def _edit(self, key: str, typed: str) -> None:
        self._draft.touched.add(key)
        self._draft.form.edit(key, typed)
        self._changed()

    def _toggle(self, key: str) -> None:
        self._edit(key, "false" if self._draft.form.shown(key).text == "true" else "true")

    def _step(self, key: str, by: int) -> None:
        with suppress(ValueError):
            self._edit(key, str(int(self._draft.form.shown(key).text) + by))

    def _edit_text(self, text: str) -> None:
        if text != self._draft.form.text:
            self._draft.form.edit_text(text)
            self._changed()

    def _revert(self) -> None:
        self._draft.form.revert_text()
        self._changed()

    def _fold(self, section: str) -> None:
        self._open ^= {section}
        self._paint()

    def _go_to(self, key: str) -> None:
        if key in _FOLDED:
            self._open.add(fields()[key].section)
        self._focus_on(key)

    # Submitting

    async def _submit(self, _payload: dict[str, Any]) -> None:
        if self._submitting:  # the second press of a double click
            return
        self._draft.asked, self._refusal = True, ""
        mistakes = self._draft.mistakes()
        if mistakes:
            self._open |= {fields()[m.key].section for m in mistakes if m.key in _FOLDED}
            self._focus_on("summary")
            return
        self._submitting = True
        self._paint()
        try:
            job = await asyncio.to_thread(self._draft.submit, self.client)
        except Exception as error:
            self._submitting = False
            self._refusal = str(error) if isinstance(error, GladiusError) else "It was not queued."
            self._focus_on("summary")
            if not isinstance(error, GladiusError):
                raise
            return
        self._job = job
        location().keep(KEPT, None)
        self._focus_on("summary")
        if self._after_submit is not None:
            self._after_submit(job)
        elif location().standalone:
            location().navigate(side.QUEUE_PAGE)

    # In the background

    def _begin(self) -> None:
        self._start("look", self._keep_looking())
        self._start("estimate", self._guess())

    def _start(self, name: str, work: Any) -> None:
        self._end(name)
        if page_events.on_loop():
            self._tasks[name] = page_events.spawn(work)
        else:
            work.close()

    def _end(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()

    def _changed(self) -> None:
        self._keep()
        self._start("estimate", self._guess())
        self._paint()

    async def _guess(self) -> None:
        await asyncio.sleep(ESTIMATE_AFTER_S)
        found, why = None, "Shown when all fields are right."
        if not self._draft.form.mistakes():
            try:
                found = await asyncio.to_thread(self._draft.estimate, self.client)
            except GladiusError as error:  # such as data that is not there
                why = str(error)
        self._estimate, self._no_estimate = found, why  # the old one is shown until now
        self._tasks.pop("estimate", None)
        self._paint()

    async def _keep_looking(self) -> None:
        while True:
            with suppress(GladiusError):  # the slots are only an aside
                self._load = await asyncio.to_thread(self._look)
                self._paint()
            await asyncio.sleep(LOOK_S)

    def _look(self) -> words.Slots:
        unfinished = self.client.jobs(statuses=[JobStatus.QUEUED, *ACTIVE], limit=200)
        busy = sum(job.holds_slot for job in unfinished)
        after = [self._draft.after] if self._draft.after else []
        warning = self.client.waits_for_what_is_over(after)
        slots, gpus = self.client.settings().slots, self.client.gpus()
        return words.Slots(busy, slots, tuple(unfinished), warning, gpus)

    # Showing

    def _focus_on(self, key: str) -> None:
        """Put the focus there, even if it was there before."""
        self._focus = ""
        self._paint()
        self._focus = key
        self._paint()
        self._focus = ""

    def _paint(self) -> None:
        look = self._look_now()
        for name in _PARTS:
            self._parts[name].tree = getattr(self, f"_{name}_tree")(look)
        self._preview.show(look)

    def _look_now(self) -> Look:
        resting = (
            side.SUBMITTING if self._submitting else "" if self._draft.form.readable else _RESTING
        )
        return Look(self._ids, self._focus, resting, {"resources.gpu_type": self._offers.gpu_types})

    def _summary_tree(self, look: Look) -> Node:
        if self._job is not None:
            return side.queued(self._job, look)
        mistakes = self._draft.mistakes() if self._draft.asked else []
        if not mistakes and not self._refusal:
            return h("div", {"hidden": True})
        return side.summary(mistakes, look, refusal=self._refusal)

    def _start_tree(self, look: Look) -> Node:
        options = [(name, name) for name in self._offers.presets]
        other = (
            [(presets.EARLIER_JOB, "An earlier job")] if self._chosen == presets.EARLIER_JOB else []
        )
        look = replace(look, resting=side.SUBMITTING if self._submitting else "")
        return cards.start_card(
            [*other, (presets.EMPTY, _EMPTY_WORDS), *options],
            self._chosen, self._about, self._draft.name, self._draft.error(NAME), look,
        )  # fmt: skip

    def _data_tree(self, look: Look) -> Node:
        slot = h("slot", {"name": "preview"})
        start = h("p", {"class": "gw-hp__h"}, f"Relative paths start at {Path.cwd()}.")
        return cards.fields_card(
            "Model and data", words.DATA_KEYS, self._draft.shown, look, start, slot, symbol="data"
        )

    def _training_tree(self, look: Look) -> Node:
        return cards.fields_card(
            "Training", words.TRAINING_KEYS, self._draft.shown, look, symbol="sliders"
        )

    def _machine_tree(self, look: Look) -> Node:
        return cards.fields_card(
            "Machine", words.MACHINE_KEYS, self._draft.shown, look, symbol="cpu"
        )

    def _queue_tree(self, look: Look) -> Node:
        draft = self._draft
        jobs = [(job.id, f"{job.name} ({job.status})") for job in self._load.unfinished]
        if draft.after and draft.after not in dict(jobs):
            jobs.append((draft.after, f"{draft.after} (over)"))
        look = replace(look, resting=side.SUBMITTING if self._submitting else "")
        told = words.slots_words(self._load, waits=draft.waits)
        zone = time.strftime("%Z")
        return cards.queue_card(told, draft, jobs, zone, look, after_help=self._load.warning)

    def _more_tree(self, look: Look) -> Node:
        listed = [
            (section, some)
            for section in sections().values()
            if (some := [field for field in section.fields if field.key in _FOLDED])
        ]
        return cards.more_card(listed, self._open, self._draft.shown, look)

    def _estimate_tree(self, look: Look) -> Node:
        found = words.estimate_words(self._estimate) if self._estimate else None
        busy = "estimate" in self._tasks
        return side.estimate_card(found, self._no_estimate, busy=busy)

    def _yaml_tree(self, look: Look) -> Node:
        form = self._draft.form
        look = replace(look, resting=side.SUBMITTING if self._submitting else "")
        return side.yaml_card(form.text, form.mistakes(), form.readable, look)

    def _submit_tree(self, look: Look) -> Node:
        return side.submit_button(busy=self._submitting, done=self._job is not None)

    def __repr__(self) -> str:
        return "NewJobForm()"
