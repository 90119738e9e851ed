"""A job being written: its config, its name, and when it may start."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gladius_widgets.client import Client, Job
from gladius_widgets.client.submission import check_name
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.money.estimate import Estimate
from gladius_widgets.panels.new_job.config_form import ConfigForm, Mistake, Shown, start_time
from gladius_widgets.panels.new_job.field_specs import fields
from gladius_widgets.panels.new_job.presets import Start

NAME, START_AT = "name", "start_at"
_OPTIONS = (NAME, "after", START_AT, "held")
_LABELS = {NAME: "Job name", START_AT: "Start at"}


class Draft:
    """What the form holds.

    Attributes:
        form: the config.
        name: the job's.
        held: it shall wait in the queue until somebody releases it.
        after: id of a job that has to be completed first; empty for none.
        start_at: not before this moment, as typed; empty for none.
        asked: submitting was tried, so what is missing is told too.
        touched: keys that were edited, `NAME` and `START_AT` among them.
    """

    def __init__(self, start: Start) -> None:
        self.held = False
        self.after = self.start_at = ""
        self.begin(start)

    def begin(self, start: Start) -> None:
        """Start over with another config and name; when it may start stays."""
        self._begun = start.text
        self.form = ConfigForm(start.text)
        self._base = None if self.form.mistakes() else self.form.config()
        self.name = start.name
        self.asked = False
        self.touched: set[str] = set()

    @property
    def rewritten(self) -> bool:
        """Whether the config is no longer what it began with."""
        return self.form.text != self._begun

    @property
    def waits(self) -> bool:
        """Whether it waits even where a slot is free."""
        return bool(self.held or self.after or self.start_at)

    def to_kept(self) -> dict[str, Any] | None:
        """All that was written, as plain data; None when nothing was."""
        if not self.touched and not self.rewritten:
            return None
        options = {name: getattr(self, name) for name in _OPTIONS}
        touched = sorted(self.touched)
        return {"text": self.form.text, "typed": self.form.refused, "touched": touched, **options}

    def take_kept(self, kept: Mapping[str, Any]) -> None:
        """Go on with what `to_kept` gave; what is no such thing is passed over."""
        self.form.edit_text(str(kept.get("text") or ""))
        typed, touched = kept.get("typed"), kept.get("touched")
        for key, text in dict(typed if isinstance(typed, Mapping) else {}).items():
            if key in fields():
                self.form.edit(key, str(text))
        self.touched = {str(key) for key in (touched if isinstance(touched, list) else [])}
        self.name, self.after, self.start_at = (str(kept.get(n) or "") for n in _OPTIONS[:3])
        self.held = kept.get("held") is True

    def mistakes(self) -> list[Mistake]:
        """All that stands in the way of submitting."""
        own = [
            Mistake(key, label, error)
            for key, label in _LABELS.items()
            if (error := self._error(key))
        ]
        return [*own, *self.form.mistakes()]

    def error(self, key: str) -> str:
        """What is wrong with `NAME` or `START_AT`, once it was touched or submitting was tried."""
        return self._error(key) if self.asked or key in self.touched else ""

    def shown(self, key: str) -> Shown:
        """A field; what is only missing is not held against it before it was touched."""
        shown = self.form.shown(key)
        if shown.error and not (self.asked or key in self.touched):
            missing = {mistake.key for mistake in self.form.mistakes() if mistake.missing}
            return replace(shown, error="") if key in missing else shown
        return shown

    def estimate(self, client: Client) -> Estimate:
        """Steps, time and cost of what the form holds.

        Raises:
            GladiusError: something is wrong.
        """
        return client.estimate(self.form.config(), base=self._base)

    def submit(self, client: Client) -> Job:
        """Queue it.

        Raises:
            GladiusError: something is wrong after all; nothing was queued.
        """
        return client.submit(
            self.form.config(),
            check_name(self.name),
            after=[self.after] if self.after else [],
            not_before=start_time(self.start_at, time.time()),
            held=self.held,
            base=self._base,
        )

    def _error(self, key: str) -> str:
        try:
            if key == NAME:
                check_name(self.name)
            else:
                start_time(self.start_at, time.time())
        except GladiusError as error:
            return error.message if key == NAME else str(error)
        return ""
