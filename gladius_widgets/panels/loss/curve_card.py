"""The card around the loss curve: buttons, legend, plot, and what the curve shows and how."""

from dataclasses import dataclass, field

from gladius_widgets.components import Node, h, icon
from gladius_widgets.panels.loss.axis import X_KINDS, X_NAMES, XKind

SPANS = (0, 5, 10, 25, 50, 100, 250, 500, 1000)  # of the moving average, steps; 0 is off

_ZOOMS = (
    ("zoom-in", "zin", "Zoom In"),
    ("zoom-out", "zout", "Zoom Out"),
    ("reset", "reset", "Reset"),
)
_LINES = (
    ("train", "train", "Training Loss", "left"),
    ("validation", "val", "Validation Loss", "right"),
)


@dataclass(frozen=True)
class CardState:
    """What the card's controls show."""

    kind: XKind = "step"
    log: bool = False
    shared_scale: bool = True
    span: int | None = None
    is_zoomed: bool = False
    is_empty: bool = False
    shown: frozenset[str] = field(default_factory=lambda: frozenset({"train", "validation"}))


def card(state: CardState) -> Node:
    """The whole card; the plot is its slot `plot`."""
    return h(
        "section",
        {"class": "gw-card gw-card--raised gw-card--column gw-curve", "aria-label": "Loss curve"},
        h(
            "div",
            {"class": "gw-card__h"},
            h(
                "div",
                None,
                h("h2", {"class": "gw-card__t"}, "Loss Curve"),
                h("p", {"class": "gw-card__s"}, "Training and validation loss over time"),
            ),
            h("span", {"class": "gw-spacer"}),
            _export("png", "PNG", "Save the chart as a picture (PNG)", state),
            _export("csv", "CSV", "Save the raw rows of the visible range (CSV)", state),
        ),
        h(
            "div",
            {"class": "gw-card__b gw-curve__b"},
            h(
                "div",
                {"class": "gw-row gw-row--wrap gw-curve__top"},
                _zooms(state),
                _spacer(),
                _legend(state),
            ),
            h("slot", {"name": "plot"}),
            h("p", {"class": "gw-card__s gw-curve__x"}, X_NAMES[state.kind]),
            _settings(state),
        ),
    )


def _spacer() -> Node:
    return h("span", {"class": "gw-spacer"})


def _zooms(state: CardState) -> Node:
    def button(name: str, picture: str, label: str) -> Node:
        off = state.is_empty or (name != "zoom-in" and not state.is_zoomed)
        attrs = {
            "class": "gw-btn gw-btn--sm gw-btn--icon",
            "aria-label": label,
            "title": label,
            "aria-disabled": off or None,
        }
        return h("button", attrs, icon(picture, 14), on={"click": name})

    return h(
        "div",
        {"class": "gw-group", "role": "group", "aria-label": "Zoom"},
        [button(*z) for z in _ZOOMS],
    )


def _legend(state: CardState) -> Node:
    """Each line's button shows and hides it."""

    def item(name: str, look: str, words: str, side: str) -> Node:
        picture = h(
            "svg",
            {"viewBox": "0 0 22 8", "aria-hidden": True},
            h("path", {"class": f"gw-l gw-l--{look}", "d": "M0 4h22"}),
            h("path", {"class": f"gw-d gw-d--{look}", "d": "M11 4h0"}),
        )
        attrs = {
            "class": "gw-legend__b",
            "aria-pressed": name in state.shown,
            "title": f"{'Hide' if name in state.shown else 'Show'} {words.lower()}",
            "data-line": name,
        }
        return h("button", attrs, picture, f"{words} ({side})", on={"click": "toggle"})

    return h("div", {"class": "gw-legend"}, [item(*one) for one in _LINES])


def _settings(state: CardState) -> Node:
    return h(
        "div",
        {
            "class": "gw-row gw-row--wrap gw-curve__set",
            "role": "group",
            "aria-label": "How the curve is drawn",
        },
        _x_choice(state),
        _switch("log", "Log scale", on=state.log),
        _switch("axes", "Separate axes", on=not state.shared_scale),
        _spacer(),
        _smoothing(state),
    )


def _x_choice(state: CardState) -> Node:
    words = {"step": "Step", "epoch": "Epoch", "time": "Time", "tokens": "Tokens"}
    options = [
        h("option", {"value": kind, "selected": kind == state.kind}, words[kind])
        for kind in X_KINDS
    ]
    field_ = h("select", {"class": "gw-select gw-curve__sel"}, options, on={"change": "x"})
    return h("label", {"class": "gw-row gw-curve__lab"}, "X axis", field_)


def _switch(name: str, words: str, *, on: bool) -> Node:
    attrs = {"class": "gw-switch", "role": "switch", "aria-checked": on, "aria-label": words}
    knob = h("span", {"class": "gw-switch__t"})
    return h("button", attrs, knob, h("span", {"class": "gw-curve__w"}, words), on={"click": name})


def _smoothing(state: CardState) -> Node:
    span = state.span or 0
    said = f"{span} steps" if span else "off"
    attrs = {
        "type": "range",
        "class": "gw-curve__range",
        "min": "0",
        "max": str(len(SPANS) - 1),
        "step": "1",
        "value": str(SPANS.index(span)),
        "aria-label": "Smoothing, span of the moving average",
        "aria-valuetext": said,
        "data-debounce": "80",
    }
    words = h("span", {"class": "gw-curve__span"}, said)
    return h(
        "label",
        {"class": "gw-row gw-curve__lab"},
        "Smoothing",
        h("input", attrs, on={"input": "span"}),
        words,
    )


def _export(name: str, words: str, title: str, state: CardState) -> Node:
    attrs = {
        "class": "gw-btn gw-btn--sm gw-btn--ghost",
        "title": title,
        "aria-label": title,
        "disabled": state.is_empty,
    }
    return h("button", attrs, icon("download", 14), words, on={"click": name})
