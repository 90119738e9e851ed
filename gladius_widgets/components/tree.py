"""Building element trees in Python: `h("div", {"class": "gw-card"}, "text")`.

A tree is plain JSON that the browser turns into DOM nodes, text always as text. Tags, attributes
and styles are allow-listed here (an unknown one raises, naming the nearest) and once more in the
browser (`static/allowed.json` is the list), so job data can be put anywhere in a tree.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from gladius_widgets.core.page_files import STATIC
from gladius_widgets.core.text.suggest import did_you_mean

Node = dict[str, Any]
Child = Node | str | int | float | None | Iterable["Child"]

_ALLOWED = {
    kind: frozenset(words)
    for kind, words in json.loads((STATIC / "allowed.json").read_text(encoding="utf-8")).items()
}
CLOCKS = frozenset(["duration", "ago", "age", "in"])

_PREFIXED = re.compile(r"(aria|data)-[a-z0-9_.-]+")
_UNSAFE_STYLE = re.compile(r"[;{}<>\\]|url\(|expression|/\*", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
ICONS = frozenset(re.findall(r'id="i-([^"]+)"', (STATIC / "icons.svg").read_text(encoding="utf-8")))


def h(
    tag: str,
    attrs: Mapping[str, Any] | None = None,
    *children: Child,
    on: Mapping[str, str] | None = None,
    key: str | int | None = None,
) -> Node:
    """One element of a tree.

    Args:
        tag: an HTML or SVG tag; `slot` with a `name` stands for a child widget.
        attrs: `class`, `role`, `href` and so on; None or False leaves one out, True sets it.
            `style` is a dict of properties. `data-flash` marks a value: when it changes, the
            element gets the class `is-updated` for a second. `autofocus` focuses without
            scrolling, with `data-reveal` it scrolls there. When `data-show` changes, the
            element is scrolled to. In a `tbody` with `data-rows`, arrow keys move among the rows
            that have a `tabindex`, and one of them is a stop of the Tab key.
        children: elements, texts, numbers, or lists of them; None is left out.
        on: event → name of the message, e.g. `{"click": "pause", "keydown:Enter": "apply"}`.
            `dismiss` fires on Escape or a press outside; `visible` when the element comes into
            view or leaves it (payload `visible`; it counts as in view at first). A click on a
            control inside does not count as a click on its container. `data-debounce` (ms) delays
            `input`. `drop` is for a container with `data-drop="group"`: a keyed child was dragged
            to another place, by a `draggable` handle in it with `data-drag="group"`. A button with
            `data-copy="id"` copies the text of that element, and its `click` says whether it could.
        key: identity among its siblings, so that a moved row keeps its focus and state.

    Raises:
        ValueError: unknown tag, attribute, style, event or an unsafe link; names the nearest.
    """
    _require(tag, _ALLOWED["tags"], "element")
    node: Node = {"t": tag}
    if attrs and (clean := _attributes(tag, attrs)):
        node["a"] = clean
    flat: list[Node | str] = []
    _flatten(children, flat)
    if flat:
        if "data-clock" in node.get("a", ()):
            raise ValueError("An element with data-clock has no children: the clock is its text.")
        node["c"] = flat
    if on:
        for event in on:
            _require(event.partition(":")[0], _ALLOWED["events"], "event")
        node["on"] = dict(on)
    if key is not None:
        node["k"] = str(key)
    return node


def icon(name: str, size: int = 16, *, classes: str = "", label: str | None = None) -> Node:
    """An icon of the sprite: hidden from screen readers unless it has a `label`.

    Args:
        name: without its prefix, e.g. "pause"; `ICONS` has all.
        size: 12, 14, 16, 20 or 24 px.
        classes: further CSS classes.
        label: its accessible name.

    Raises:
        ValueError: no such icon or size.
    """
    _require(name, ICONS, "icon")
    if size not in (12, 14, 16, 20, 24):
        raise ValueError(f"No icon size {size}. Valid: 12, 14, 16, 20, 24.")
    words = ["gw-i", f"gw-i--{size}" if size != 16 else "", classes]
    attrs: dict[str, Any] = {"class": " ".join(filter(None, words))}
    attrs |= {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    return h("svg", attrs, h("use", {"href": f"#i-{name}"}))


def clock(time_s: float, kind: str = "duration", *, classes: str | None = None) -> Node:
    """A text that keeps itself current in the browser, nothing being sent.

    Args:
        time_s: a moment, unix seconds.
        kind: `duration` "6h 23m" since then, `ago` "2 minutes ago", `age` "3m ago",
            `in` "in 8 minutes" or "in 3h 20m" until then.
        classes: CSS classes of its span.
    """
    _require(kind, CLOCKS, "kind of clock")
    spec = json.dumps({"since": round(time_s, 3), "kind": kind})
    return h("span", {"class": classes, "data-clock": spec})


def _require(word: str, valid: frozenset[str], kind: str) -> None:
    if word not in valid:
        raise ValueError(f"There is no {kind} '{word}' here. {did_you_mean(word, valid)}")


def _flatten(children: Iterable[Child], out: list[Node | str]) -> None:
    for child in children:
        if child is None or child == "" or child is False:
            continue
        if isinstance(child, str | int | float):
            out.append(str(child))
        elif isinstance(child, dict):
            if "t" not in child:
                raise ValueError(f"Not an element: {child!r}. Build elements with h(tag, …).")
            out.append(cast("Node", child))
        else:
            _flatten(child, out)


def _attributes(tag: str, attrs: Mapping[str, Any]) -> dict[str, Any]:
    clean: dict[str, Any] = {}
    for name, value in attrs.items():
        if not _PREFIXED.fullmatch(name):
            _require(name, _ALLOWED["attributes"], "attribute")
        if (made := _value(name, value)) is not None:
            clean[name] = made
    if "href" in clean:
        clean["href"] = _link(tag, clean["href"])
    if tag == "input":
        _require(clean.get("type", "text"), _ALLOWED["input_types"], "input type")
    if clean.get("target"):
        clean["rel"] = "noopener noreferrer"
    return clean


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "style":
        return _style(value)
    if name in _ALLOWED["boolean"]:
        return True if value else None
    if isinstance(value, bool):  # aria-expanded=False must read "false"
        return "true" if value else "false"
    return str(value)


def _style(style: Mapping[str, Any]) -> dict[str, str]:
    if not isinstance(style, Mapping):
        raise TypeError('style takes a dict, such as {"width": "42%"}.')
    clean: dict[str, str] = {}
    for name, value in style.items():
        if not name.startswith("--"):
            _require(name, _ALLOWED["styles"], "style property")
        if value is None:
            continue
        if _UNSAFE_STYLE.search(str(value)):
            raise ValueError(f"The value of style '{name}' may hold no url, brace or semicolon.")
        clean[name] = str(value)
    return clean


def _link(tag: str, href: str) -> str:
    """The href, if it leads to http(s) or a place on this server."""
    trimmed = re.sub(r"[\x00-\x20]", "", href)
    if tag == "use":
        allowed = trimmed.startswith("#")
    else:
        scheme = _SCHEME.match(trimmed)
        allowed = not scheme or scheme[0].lower() in ("http:", "https:")
        allowed = allowed and not trimmed.startswith(("//", "\\", "/\\"))
    if not allowed:
        raise ValueError(f"A link may lead to http, https or a relative address, not to '{href}'.")
    return trimmed
