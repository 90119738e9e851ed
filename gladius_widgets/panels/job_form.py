"""NewJobForm: everything about a job before it exists, as fields and as YAML."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

from gladius_widgets.client import Client, Job
from gladius_widgets.client.submission import check_name
from gladius_widgets.components import Element, Node, confirm, h, icon, location, toasts
from gladius_widgets.components import events as page_events
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.estimate import Estimate
from gladius_widgets.core.states import ACTIVE, JobStatus
from gladius_widgets.core.suggest import reject_unknown
from gladius_widgets.panels import job_form_cards as cards
from gladius_widgets.panels.data_preview import read_preview
from gladius_widgets.panels.job_form_fields import Look
from gladius_widgets.panels.links import JOBS_PAGE, console_url
from gladius_widgets.panels.models import form_presets as presets
from gladius_widgets.panels.models import form_words as words
from gladius_widgets.panels.models.form import YAML_KEY, ConfigForm, Mistake, Shown, start_time
from gladius_widgets.panels.models.form_fields import fields, sections
from gladius_widgets.panels.panel import default_client

LOOK_S = 5.0
ESTIMATE_AFTER_S = 0.3
QUEUE_PAGE = f"{JOBS_PAGE}?tab=queue"
_RESTING = "The YAML cannot be read; mend it first"
_SUBMITTING = "The job is being submitted"
_EMPTY_WORDS = "Empty"
_PARTS = ("summary", "start", "data", "preview", "training", "machine", "queue", "more",
          "estimate", "yaml", "submit")  # fmt: skip
_OWN_KEYS = ("name", "start_at")
_FOLDED = {*fields()} - {*words.DATA_KEYS, *words.TRAINING_KEYS, *words.MACHINE_KEYS}
_numbers = count(1)


class NewJobForm(Element):
    """A form that submits one job. Fields and YAML are two views of the same text.

    Args:
        start: what to begin with; see `presets`.
        chosen: the preset it is, if it is one.
        submitted: called with the new job; by default the browser goes to the queue.
        client: the door to the jobs; by default that of `$GLADIUS_HOME`.
    """

    _built = False

    def __init__(
        self,
        start: presets.Start | None = None,
        *,
        chosen: str = presets.EMPTY,
        submitted: Callable[[Job], object] | None = None,
        client: Client | None = None,
        **unknown: Any,
    ) -> None:
        reject_unknown("NewJobForm", unknown, {"start", "chosen", "submitted", "client"})
        self.client = client or default_client()
        super().__init__()
        toasts()
        self._ids = f"gw-form{next(_numbers)}"
        self._after_submit = submitted
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._asked = self._submitting = False
        self._touched: set[str] = set()
        self._open: set[str] = set()
        self._focus = self._refusal = ""
        self._job: Job | None = None
        self._load = words.Slots()
        self._options: dict[str, Any] = {"held": False, "after": "", "start_at": ""}
        self._estimate: Estimate | None = None
        self._no_estimate = ""
        self._seen: Mapping[str, Any] | None = None
        self._seen_of: Any = None
        self._seen_problem = ""
        self._gpu_types = self._rated()
        self._parts = {name: Element() for name in _PARTS}
        self._take_start(start or presets.Start(), chosen)
        self._wire()
        self._parts["data"].slots = {"preview": self._parts["preview"]}
        self._parts["estimate"].slots = {"submit": self._parts["submit"]}
        self.slots = dict(self._parts)
        self.tree = _layout()
        self._paint()
        self._built = True
        self._subscriptions = [
            location().on("alive", lambda _payload: self._begin()),
            location().on("gone", lambda _payload: self._end("look")),
        ]

    def close(self) -> None:
        """End the form, and a preview that is under way."""
        if self._built:
            self._built = False
            for undo in self._subscriptions:
                undo()
            for name in list(self._tasks):
                self._end(name)
            for part in self._parts.values():
                part.close()
        super().close()

    # What the reader does

    def _wire(self) -> None:
        handlers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "preset": self._choose_preset,
            "name": self._set_name,
            "edit": lambda p: self._edit(p["data"]["key"], str(p["value"] or "")),
            "toggle": lambda p: self._toggle(p["data"]["key"]),
            "step": lambda p: self._step(p["data"]["key"], int(p["data"]["by"])),
            "fold": lambda p: self._fold(p["data"]["section"]),
            "yaml": lambda p: self._edit_text(str(p["value"] or "")),
            "revert": lambda _p: self._revert(),
            "hold": lambda _p: self._set_option("held", not self._options["held"]),
            "after": lambda p: self._set_option("after", str(p["value"] or "")),
            "start-at": lambda p: self._set_option("start_at", str(p["value"] or "")),
            "preview": lambda _p: self._start("preview", self._preview()),
            "preview-cancel": lambda _p: self._end("preview"),
            "goto": lambda p: self._go_to(p["data"]["key"]),
            "submit": self._submit,
        }
        for part in self._parts.values():
            for name, handler in handlers.items():
                part.on(name, handler)

    def _take_start(self, start: presets.Start, chosen: str) -> None:
        self._start_text, self._about, self._chosen = start.text, start.about, chosen
        self._form = ConfigForm(start.text)
        self._name = start.name

    async def _choose_preset(self, payload: dict[str, Any]) -> None:
        name = str(payload["value"] or "")
        written = self._form.text != self._start_text
        if written and not await confirm(
            "Start Over?", "What you have written is replaced.", action="Replace"
        ):
            self._parts["start"].reset()
            return
        start = presets.preset(name)
        self._touched.clear()
        self._asked = False
        self._refusal = ""
        self._take_start(start, name)
        self._changed()

    def _set_name(self, payload: dict[str, Any]) -> None:
        self._name = str(payload["value"] or "")
        self._touched.add("name")
        self._paint()

    def _set_option(self, name: str, value: Any) -> None:
        self._options[name] = value
        self._touched.add(name)
        self._paint()

    def _edit(self, key: str, typed: str) -> None:
        self._touched.add(key)
        self._form.edit(key, typed)
        self._changed()

    def _toggle(self, key: str) -> None:
        self._edit(key, "false" if self._form.shown(key).text == "true" else "true")

    def _step(self, key: str, by: int) -> None:
        with suppress(ValueError):
            self._edit(key, str(int(self._form.shown(key).text) + by))

    def _edit_text(self, text: str) -> None:
        if text != self._form.text:
            self._form.edit_text(text)
            self._changed()

    def _revert(self) -> None:
        self._form.revert_text()
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
        self._asked, self._refusal = True, ""
        mistakes = self._mistakes()
        if mistakes:
            self._open |= {fields()[m.key].section for m in mistakes if m.key in _FOLDED}
            self._focus_on("summary")
            return
        self._submitting = True
        self._paint()
        try:
            job = await asyncio.to_thread(self._queue_it)
        except Exception as error:
            self._submitting = False
            self._refusal = str(error) if isinstance(error, GladiusError) else "It was not queued."
            self._focus_on("summary")
            if not isinstance(error, GladiusError):
                raise
            return
        self._job = job
        self._paint()
        if self._after_submit is not None:
            self._after_submit(job)
        elif location().standalone:
            location().navigate(QUEUE_PAGE)

    def _queue_it(self) -> Job:
        return self.client.submit(
            self._form.config(),
            check_name(self._name),
            after=[self._options["after"]] if self._options["after"] else [],
            not_before=start_time(self._options["start_at"], time.time()),
            held=self._options["held"],
        )

    # What is wrong

    def _mistakes(self) -> list[Mistake]:
        own = [
            Mistake(key, label, error)
            for key, label in zip(_OWN_KEYS, ("Job name", "Start at"), strict=True)
            if (error := self._own_error(key))
        ]
        return [*own, *self._form.mistakes()]

    def _own_error(self, key: str) -> str:
        try:
            if key == "name":
                check_name(self._name)
            else:
                start_time(self._options["start_at"], time.time())
        except GladiusError as error:
            return error.message if key == "name" else str(error)
        return ""

    def _shown(self, key: str) -> Shown:
        """A field; what is only missing is not held against it before it was touched."""
        shown = self._form.shown(key)
        if shown.error and not (self._asked or key in self._touched):
            missing = {m.key for m in self._form.mistakes() if m.missing}
            return replace(shown, error="") if key in missing else shown
        return shown

    def _shown_error(self, key: str) -> str:
        return self._own_error(key) if self._asked or key in self._touched else ""

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
        self._start("estimate", self._guess())
        self._paint()

    async def _guess(self) -> None:
        await asyncio.sleep(ESTIMATE_AFTER_S)
        found, why = None, "Shown when all fields are right."
        if not self._form.mistakes():
            try:
                found = await asyncio.to_thread(self.client.estimate, self._form.config())
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
        return words.Slots(busy, self.client.settings().slots, tuple(unfinished))

    def _rated(self) -> tuple[str, ...]:
        """GPU types with a price."""
        return tuple(name for name in self.client.rates().gpus if name.lower() != "cpu")

    async def _preview(self) -> None:
        self._seen_problem = ""
        asked = self._data_values()
        self._paint()
        try:
            self._seen = await read_preview(self._form.values, self.client.home)
            self._seen_of = asked
        except GladiusError as error:
            self._seen, self._seen_problem = None, str(error)
        finally:
            if self._tasks.get("preview") is asyncio.current_task():
                del self._tasks["preview"]
            if self._built:
                self._paint()

    def _data_values(self) -> Any:
        return [self._form.values.get("data"), self._form.values.get("model")]

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

    def _look_now(self) -> Look:
        resting = _SUBMITTING if self._submitting else "" if self._form.readable else _RESTING
        return Look(self._ids, self._focus, resting, {"resources.gpu_type": self._gpu_types})

    def _summary_tree(self, look: Look) -> Node:
        if self._job is not None:
            return _queued(self._job)
        mistakes = self._mistakes() if self._asked else []
        if not mistakes and not self._refusal:
            return h("div", {"hidden": True})
        return cards.summary(mistakes, look, refusal=self._refusal)

    def _start_tree(self, look: Look) -> Node:
        options = [(name, name) for name in presets.preset_names()]
        other = (
            [(presets.EARLIER_JOB, "An earlier job")] if self._chosen == presets.EARLIER_JOB else []
        )
        look = replace(look, resting=_SUBMITTING if self._submitting else "")
        return cards.start_card(
            [*other, (presets.EMPTY, _EMPTY_WORDS), *options],
            self._chosen, self._about, self._name, self._shown_error("name"), look,
        )  # fmt: skip

    def _data_tree(self, look: Look) -> Node:
        slot = h("slot", {"name": "preview"})
        return cards.fields_card(
            "Model and data", words.DATA_KEYS, self._shown, look, slot, symbol="data"
        )

    def _preview_tree(self, look: Look) -> Node:
        seen = self._seen
        return cards.preview_part(
            words.data_figures(seen) if seen else None,
            seen["rows"] if seen else (),
            busy="preview" in self._tasks,
            stale=self._seen_of != self._data_values(),
            problem=self._seen_problem,
            look=look,
        )

    def _training_tree(self, look: Look) -> Node:
        return cards.fields_card(
            "Training", words.TRAINING_KEYS, self._shown, look, symbol="sliders"
        )

    def _machine_tree(self, look: Look) -> Node:
        return cards.fields_card("Machine", words.MACHINE_KEYS, self._shown, look, symbol="cpu")

    def _queue_tree(self, look: Look) -> Node:
        waits = bool(self._options["held"] or self._options["after"] or self._options["start_at"])
        jobs = [(job.id, f"{job.name} ({job.status})") for job in self._load.unfinished]
        chosen = self._options["after"]
        if chosen and chosen not in {job for job, _ in jobs}:
            jobs.append((chosen, f"{chosen} (over)"))
        look = replace(look, resting=_SUBMITTING if self._submitting else "")
        return cards.queue_card(
            words.slots_words(self._load, waits=waits), self._options, jobs,
            self._shown_error("start_at"), time.strftime("%Z"), look,
        )  # fmt: skip

    def _more_tree(self, look: Look) -> Node:
        listed = [
            (section, some)
            for section in sections().values()
            if (some := [field for field in section.fields if field.key in _FOLDED])
        ]
        return cards.more_card(listed, self._open, self._shown, look)

    def _estimate_tree(self, look: Look) -> Node:
        found = words.estimate_words(self._estimate) if self._estimate else None
        leave = h("a", {"class": "gw-btn gw-btn--lg", "href": JOBS_PAGE}, "Cancel")
        actions = h(
            "div",
            {"class": "gw-form__go"},
            h("slot", {"name": "submit"}),
            leave if location().standalone else None,
        )
        busy = "estimate" in self._tasks
        return cards.estimate_card(found, self._no_estimate, actions, busy=busy)

    def _yaml_tree(self, look: Look) -> Node:
        mistakes = [m for m in self._form.mistakes() if m.key == YAML_KEY]
        look = replace(look, resting=_SUBMITTING if self._submitting else "")
        return cards.yaml_card(self._form.text, mistakes, self._form.readable, look)

    def _submit_tree(self, look: Look) -> Node:
        busy = self._submitting
        text = "Submitted" if self._job else "Submitting…" if busy else "Submit Job"
        return h(
            "button",
            {
                "type": "button",
                "class": "gw-btn gw-btn--primary gw-btn--lg",
                "disabled": busy,
                "title": _SUBMITTING if busy else None,
            },
            icon("spin" if busy and not self._job else "play", 14),
            text,
            on={"click": "submit"},
        )

    def __repr__(self) -> str:
        return "NewJobForm()"


def _queued(job: Job) -> Node:
    """It is in the queue: where to go."""
    if not location().standalone:  # in JupyterLab no page has an address of its own
        return cards.banner("green", "ok", f"{job.name} is queued as {job.id}.")
    queue = h("a", {"href": QUEUE_PAGE}, "Open the queue")
    console = h("a", {"href": console_url(job.id)}, "open its console")
    return cards.banner("green", "ok", f"{job.name} is queued. ", queue, " or ", console, ".")


def _layout() -> Node:
    def slot(name: str) -> Node:
        return h("slot", {"name": name})

    main = ("start", "data", "training", "machine", "queue", "more")
    title = h("h1", {"class": "gw-title"}, "Create New Job")
    crumbs = h(
        "nav",
        {"class": "gw-crumbs", "aria-label": "Breadcrumb"},
        h("a", {"href": JOBS_PAGE}, "Training Jobs"),
        icon("chev-r", 12),
        h("span", {"aria-current": "page"}, "New job"),
    )
    return h(
        "div",
        {"class": "gw-stack"},
        h(
            "div",
            {"class": "gw-head"},
            h("div", {"class": "gw-head__t"}, crumbs, title),
        ),
        slot("summary"),
        h(
            "div",
            {"class": "gw-form"},
            h("div", {"class": "gw-form__main"}, [slot(name) for name in main]),
            h("div", {"class": "gw-form__side"}, slot("estimate"), slot("yaml")),
        ),
    )
