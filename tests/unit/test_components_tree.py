"""Element trees: what they may hold, and how they say that something may not be."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gladius_widgets.components import clock, h, icon


def test_a_tree_is_plain_json():
    tree = h("div", {"class": "gw-card"}, icon("pause", 14), "Pause", 3, None, ["a", [h("b")]])
    assert json.loads(json.dumps(tree)) == tree
    assert [child if isinstance(child, str) else child["t"] for child in tree["c"]] == [
        "svg", "Pause", "3", "a", "b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: h("dvi"), "Did you mean 'div'?"),
        (lambda: h("script"), "There is no element 'script'"),
        (lambda: h("img"), "There is no element 'img'"),
        (lambda: h("iframe"), "There is no element 'iframe'"),
        (lambda: h("div", {"clas": "x"}), "Did you mean 'class'?"),
        (lambda: h("div", {"onclick": "x"}), "There is no attribute 'onclick'"),
        (lambda: h("div", {"srcdoc": "x"}), "There is no attribute 'srcdoc'"),
        (lambda: h("div", {"style": {"widht": 1}}), "Did you mean 'width'?"),
        (lambda: h("div", {"style": {"--x": "url(http://a)"}}), "may hold no url"),
        (lambda: h("div", {"style": {"width": "1px;color:red"}}), "may hold no url"),
        (lambda: h("div", on={"clik": "x"}), "Did you mean 'click'?"),
        (lambda: h("input", {"type": "password"}), "There is no input type 'password'"),
        (lambda: icon("paus"), "Did you mean 'pause'?"),
        (lambda: icon("pause", 15), "No icon size 15"),
        (lambda: clock(0, "durations"), "Did you mean 'duration'?"),
        (lambda: h("span", {"data-clock": "{}"}, "x"), "has no children"),
        (lambda: h("div", None, {"class": "x"}), "Build elements with h"),
    ],
)
def test_what_is_not_allowed_is_named(make, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)", "JavaScript:alert(1)", " java\nscript:alert(1)",
        "data:text/html,x", "vbscript:x", "//evil.example", "\\\\evil.example", "/\\evil.example",
    ],
)  # fmt: skip
def test_links_lead_nowhere_else(href):
    with pytest.raises(ValueError, match="A link may lead"):
        h("a", {"href": href})


@pytest.mark.parametrize("href", ["/jobs", "?job=1", "#x", "job?id=a:b", "https://a.b", "../x"])
def test_ordinary_links_are_kept(href):
    assert h("a", {"href": href})["a"]["href"] == href


def test_attributes_are_written_as_html_wants_them():
    attrs = h("button", {"disabled": False, "aria-expanded": False, "title": None, "tabindex": 0})
    assert attrs["a"] == {"aria-expanded": "false", "tabindex": "0"}
    assert h("button", {"disabled": True})["a"] == {"disabled": True}
    assert h("a", {"target": "_blank", "href": "/x"})["a"]["rel"] == "noopener noreferrer"


@given(st.text())
def test_any_text_stays_text(text):
    tree = h("div", {"title": text, "data-x": text}, text)
    assert tree.get("c", [""]) == [text]
    assert tree["a"] == {"title": text, "data-x": text}
