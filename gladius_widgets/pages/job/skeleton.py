"""What the job dashboard shows before it has a job: grey bars where things will be."""

from gladius_widgets.components import Node, h
from gladius_widgets.pages.shared import bars


def loading() -> Node:
    """Bones in the final shape of the page; seen only when the page takes its time."""
    return h(
        "div",
        {"class": "gw-app"},
        h("header", {"class": "gw-appbar"}, bars.brand("Gladius"), bars.spacer()),
        h(
            "main",
            {"class": "gw-main gw-late", "aria-busy": True, "aria-label": "The job is loading"},
            _head(),
            _progress(),
            h("div", {"class": "gw-stages"}, [_bone("100%", 68) for _ in range(4)]),
            h("div", {"class": "gw-two"}, _chart(), _figures()),
        ),
    )


def _bone(width: str, height: int, **style: str) -> Node:
    sizes = {"width": width, "height": f"{height}px"}
    return h(
        "span",
        {"class": "gw-skel", "style": sizes | {k.replace("_", "-"): v for k, v in style.items()}},
    )


def _card(*content: Node) -> Node:
    return h(
        "div", {"class": "gw-card", "style": {"padding": "20px"}, "aria-hidden": True}, *content
    )


def _head() -> Node:
    title = h(
        "div",
        {"class": "gw-head__t"},
        _bone("180px", 10),
        _bone("260px", 24, margin_top="10px"),
    )
    return h("div", {"class": "gw-head"}, title, _bone("32px", 32), _bone("112px", 32))


def _progress() -> Node:
    facts = [_bone(f"{width}px", 12) for width in (120, 84, 96, 128)]
    return _card(
        h("div", {"class": "gw-row"}, _bone("160px", 24), bars.spacer(), _bone("96px", 28)),
        _bone("100%", 16, margin="14px 0"),
        h("div", {"class": "gw-row gw-row--wrap", "style": {"gap": "24px"}}, facts),
    )


def _chart() -> Node:
    return _card(
        _bone("112px", 16),
        _bone("220px", 10, margin_top="10px"),
        _bone("100%", 316, margin_top="20px"),
    )


def _figures() -> Node:
    rows = [
        h(
            "div",
            {"class": "gw-row", "style": {"height": "52px"}},
            _bone(f"{width}px", 12),
            bars.spacer(),
            _bone("64px", 16),
        )
        for width in (96, 112, 88, 104)
    ]
    cost = _card(
        _bone("104px", 16),
        _bone("112px", 28, margin_top="16px"),
        _bone("100%", 12, margin_top="16px"),
        _bone("150px", 12, margin_top="12px"),
    )
    return h("div", {"class": "gw-stack"}, _card(_bone("128px", 16), *rows), cost)
