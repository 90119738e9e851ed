"""The card around a chart: title, legend, plot, figures beside it."""

from collections.abc import Sequence
from typing import Any

from gladius_widgets.components import Node, h
from gladius_widgets.panels.charts.figures import PLOT_HEIGHT_PX


def chart_card(
    title: str,
    legend: Sequence[Node],
    stats: Sequence[Node],
    *,
    note: str = "",
    plot: bool = True,
    aside: str = "",
    hotkey: str = "",
) -> Node:
    """The card; its plot is the slot `plot`.

    Args:
        title: of the card.
        legend: items of the legend.
        stats: figures beside the plot.
        note: a line in the place of the plot (`plot=False`), or beside the title.
        plot: whether there is anything to draw.
        aside: small words in the header.
        hotkey: the key that focuses the chart, where a page has one.
    """
    words = aside or (note if plot else "")
    return h(
        "section",
        {"class": "gw-card", "aria-label": title},
        h(
            "div",
            {"class": "gw-card__h gw-card__h--line"},
            h("h3", {"class": "gw-card__t gw-card__t--sm"}, title),
            h("span", {"class": "gw-card__s"}, words) if words and legend else None,
            h("span", {"class": "gw-spacer"}),
            h("div", {"class": "gw-legend gw-hide-md"}, legend) if legend else None,
            h("span", {"class": "gw-card__s"}, words) if words and not legend else None,
            _key(hotkey),
        ),
        h(
            "div",
            {"class": "gw-cc"},
            h("div", {"class": "gw-cc__p"}, h("slot", {"name": "plot"}) if plot else _empty(note)),
            h("div", {"class": "gw-cc__s"}, stats),
        ),
    )


def line_item(kind: str, *text: Any) -> Node:
    """A legend item for a line: `train`, `val` or `trend`."""
    path = h("path", {"class": f"gw-l gw-l--{kind}", "d": "M0 4h22"})
    return h("span", None, h("svg", {"viewBox": "0 0 22 8", "aria-hidden": True}, path), text)


def tone_item(tone: str, text: str) -> Node:
    """A legend item for a colour band."""
    style = {
        "width": "8px",
        "height": "8px",
        "background-color": f"var(--gw-{tone})",
        "border-radius": "2px",
    }
    return h("span", None, h("i", {"style": style}), text)


def _key(hotkey: str) -> Node | None:
    if not hotkey:
        return None
    return h("span", {"class": "gw-kbd", "title": f"Press {hotkey} to focus this chart"}, hotkey)


def _empty(note: str) -> Node:
    style = {
        "height": f"{PLOT_HEIGHT_PX}px",
        "display": "flex",
        "align-items": "center",
        "justify-content": "center",
    }
    return h("div", {"class": "gw-muted", "style": style}, note)
