"""ConfigSnapshot: the settings of the run, and the whole file on demand."""

import asyncio
import time
from collections.abc import Iterable

from gladius_widgets.components import Action, Dialog, Node, h, icon, location
from gladius_widgets.core.text.terminal_text import visible_lines
from gladius_widgets.panels.live import topics
from gladius_widgets.panels.live.pace import Part, Sent
from gladius_widgets.panels.live.panel import Panel
from gladius_widgets.panels.overview import config_model as model

_NOT_YET = "Comes with the config editor; `gladius submit CONFIG --set …` changes settings now"


class ConfigSnapshot(Panel):
    """The settings in force, what they were at submit, and whether their file has changed since.

    Args:
        job: a job's id, a unique prefix of it, or its name; by default the newest job.
        client: the door to the jobs.
    """

    def build(self) -> None:
        """Wire the buttons."""
        self._dialog = Dialog(
            "Configuration",
            text="Frozen at submit; changes to the file do not touch this run.",
            icon="file",
            actions=[Action("close", "Close"), Action("save", "Download", icon="download")],
        )
        self._dialog.on("save", lambda _payload: self._download())
        self.on("view", lambda _payload: self._view())

    def parts(self) -> Iterable[Part]:
        """It changes seldom."""
        return (Part(self._paint, frozenset({topics.STATE}), 5.0),)

    def end(self) -> None:
        """End the dialog."""
        self._dialog.close()

    async def _view(self) -> None:
        text = await self._text()
        self._dialog.body = h(
            "pre", {"class": "gw-json gw-json--tall", "tabindex": 0}, visible_lines(text)
        )
        self._dialog.show()

    async def _download(self) -> None:
        text = await self._text()
        location().download(f"{self.job.id}.yaml", text.encode(), "application/yaml")

    async def _text(self) -> str:
        path = self.feed.run.config
        return await asyncio.to_thread(path.read_text, encoding="utf-8", errors="replace")

    def _paint(self) -> Sent:
        job = self.job
        settings = model.settings(job.config, job.run) if job.config else ()
        return self.put_tree(
            h(
                "section",
                {"class": "gw-card", "aria-label": "Configuration snapshot"},
                h(
                    "div",
                    {"class": "gw-card__h gw-card__h--line"},
                    h("h2", {"class": "gw-card__t gw-card__t--sm"}, "Configuration snapshot"),
                    h("span", {"class": "gw-mono gw-soft"}, job.config_file),
                    h(
                        "span",
                        {"class": "gw-card__s gw-hide-sm gw-ellipsis"},
                        model.source_words(job, time.time()),
                    ),
                ),
                h(
                    "div",
                    {"class": "gw-cfg__b"},
                    h("div", {"class": "gw-cfg"}, [_setting(s) for s in settings])
                    if settings
                    else h("p", {"class": "gw-soft"}, "The run's config cannot be read."),
                    h("div", {"class": "gw-row gw-row--wrap gw-cfg__f"}, _buttons()),
                ),
            )
        )


def _setting(setting: model.Setting) -> Node:
    title = f"{setting.value}; {setting.was} at submit" if setting.was else setting.value
    was = h("span", {"class": "gw-soft gw-small"}, f" was {setting.was}") if setting.was else None
    return h(
        "dl",
        {"class": "w2" if setting.wide else None, "data-changed": bool(setting.was) or None},
        h("dt", None, setting.label),
        h("dd", {"class": "gw-ellipsis", "title": title}, setting.value, was),
    )


def _buttons() -> list[Node]:
    return [
        _button("edit", "edit", "Edit Config", _NOT_YET),
        _button("view", "eye", "View Full Config"),
        _button("preset", "layers", "Load Preset", _NOT_YET),
        _button("template", "save", "Save as Template", _NOT_YET),
    ]


def _button(name: str, symbol: str, label: str, why_not: str = "") -> Node:
    attrs = {"type": "button", "class": "gw-btn gw-btn--sm"}
    attrs |= {"disabled": bool(why_not), "title": why_not or None}
    return h("button", attrs, icon(symbol, 14), label, on={"click": name}, key=name)
