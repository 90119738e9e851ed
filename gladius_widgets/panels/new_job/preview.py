"""DataPreview: the first rows of a new job's data, on demand."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gladius_widgets.client import Client
from gladius_widgets.components import Element, Node, h, icon
from gladius_widgets.components import events as page_events
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.text.terminal_text import visible, visible_lines
from gladius_widgets.panels.new_job.fields import Look
from gladius_widgets.panels.new_job.read_preview import read_preview
from gladius_widgets.panels.new_job.side import banner, button
from gladius_widgets.panels.new_job.text import DataFigures, data_figures, learnt_runs


class DataPreview(Element):
    """A button, and below it what it found.

    Args:
        values: the config being written, plain and unchecked, when asked.
        client: the door to the jobs.
    """

    _task: asyncio.Task[Any] | None = None

    def __init__(self, values: Callable[[], Mapping[str, Any]], client: Client) -> None:
        super().__init__()
        self._values = values
        self._client = client
        self._look = Look("")
        self._seen: Mapping[str, Any] | None = None
        self._seen_of: Any = None
        self._problem = ""
        self.on("preview", lambda _payload: self._begin())
        self.on("preview-cancel", lambda _payload: self._cancel())

    def show(self, look: Look) -> None:
        """Show it as the form stands now."""
        self._look = look
        self.tree = self._tree()

    def end(self) -> None:
        """End the process that reads."""
        self._cancel()

    def _begin(self) -> None:
        self._cancel()
        self._task = page_events.spawn(self._read())

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = None

    async def _read(self) -> None:
        self._problem, asked = "", self._about()
        self.tree = self._tree()
        try:
            self._seen = await read_preview(self._values(), self._client.home)
            self._seen_of = asked
        except GladiusError as error:
            self._seen, self._problem = None, str(error)
        finally:
            if self._task is asyncio.current_task():
                self._task = None
            if self.comm is not None:
                self.tree = self._tree()

    def _about(self) -> Any:
        """What the preview depends on."""
        return [self._values().get("data"), self._values().get("model")]

    def _tree(self) -> Node:
        busy, seen = self._task is not None, self._seen
        label = "Preview Again" if seen else "Preview Data"
        action = (
            button("Cancel Preview", "x", "preview-cancel")
            if busy
            else button(label, "eye", "preview", self._look)
        )
        words = "What is read, kept and learnt, with the first rows."
        if busy:
            words = "Reading the data…"
        elif seen and self._seen_of != self._about():
            words = "The settings have changed since."
        return h(
            "div",
            {"class": "gw-stack", "aria-busy": busy},
            h(
                "div",
                {"class": "gw-row gw-row--wrap"},
                action,
                icon("spin", 14, classes="gw-spin") if busy else None,
                h("span", {"class": "gw-small gw-muted", "role": "status"}, words),
            ),
            banner("red", "warn", self._problem) if self._problem else None,
            _found(data_figures(seen), seen["samples"]) if seen else None,
        )

    def __repr__(self) -> str:
        return "DataPreview()"


def _found(figures: DataFigures, samples: Sequence[Mapping[str, Any]]) -> list[Node | None]:
    facts = [
        h("dl", {"class": "gw-stat"}, h("dt", None, label), h("dd", None, value))
        for label, value in figures.facts
    ]
    has_tokens = any(sample["tokens"] for sample in samples)
    legend = h(
        "p",
        {"class": "gw-small gw-soft"},
        "First rows as the model reads them; it learns the ",
        h("mark", {"class": "gw-learnt"}, "tinted"),
        " tokens.",
    )
    return [
        banner("yellow", "warn", figures.refusal) if figures.refusal else None,
        h("div", {"class": "gw-row gw-row--wrap", "style": {"gap": "8px 32px"}}, facts),
        _table(figures.files),
        _table(figures.lengths) if figures.lengths else None,
        *[h("p", {"class": "gw-small gw-soft"}, remark) for remark in figures.remarks],
        legend if has_tokens else None,
        h(
            "ol",
            {"class": "gw-rows", "aria-label": "First rows", "tabindex": 0},
            [h("li", {"class": "gw-well"}, _sample(sample)) for sample in samples],
        ),
    ]


def _table(rows: Sequence[Sequence[str]]) -> Node:
    head, *body = rows
    return h(
        "table",
        {"class": "gw-lens"},
        h("thead", None, h("tr", None, [h("th", {"scope": "col"}, word) for word in head])),
        h(
            "tbody",
            None,
            [
                h(
                    "tr",
                    None,
                    h("th", {"scope": "row"}, row[0]),
                    [h("td", None, n) for n in row[1:]],
                )
                for row in body
            ],
        ),
    )


def _sample(sample: Mapping[str, Any]) -> Node | list[Node]:
    """A row's text with the learnt tokens tinted; its turns where there are no tokens."""
    if sample["tokens"]:
        runs = [
            h("mark", {"class": "gw-learnt"}, text) if learnt else text
            for text, learnt in learnt_runs(sample["tokens"])
        ]
        return h("p", {"class": "gw-tokens"}, runs)
    return [
        h(
            "dl",
            {"class": "gw-turn"},
            h("dt", None, visible(turn["role"])),
            h("dd", None, visible_lines(turn["text"])),
        )
        for turn in sample["turns"]
    ]
