"""What the jobs list shows where it has no rows: bones, and why it is empty."""

from collections.abc import Mapping

from gladius_widgets.components import Node, h, icon
from gladius_widgets.components.empty import empty
from gladius_widgets.panels.jobs.rows import plain_head
from gladius_widgets.panels.text.links import new_job_url

_NAMES_PX = (184, 140, 208)


def bones() -> Node:
    """The table's shape, before the first look; a quick page never shows it."""
    table = {"class": "gw-table gw-table--jobs", "aria-label": "Loading jobs"}
    return h(
        "section",
        {"class": "gw-card gw-late", "aria-busy": True, "aria-label": "Loading jobs"},
        h(
            "table",
            table,
            plain_head(),
            h("tbody", None, [_bone_row(width) for width in _NAMES_PX]),
        ),
    )


def no_jobs() -> Node:
    """The very first visit."""
    return empty(
        "inbox",
        "No training jobs yet",
        "Create a job to fine-tune a model. Its progress, cost and logs will show here.",
        h(
            "a",
            {"class": "gw-btn gw-btn--primary", "href": new_job_url()},
            icon("plus"),
            "Create Your First Training Job",
            on={"click": "new"},
        ),
    )


def none_here(tab: str) -> Node:
    """A tab without jobs, though nothing is filtered."""
    words = {
        "active": (
            "No active jobs",
            "Queued jobs start as slots become free.",
        ),
        "completed": ("No completed jobs yet", "Jobs that reach their last step show here."),
    }
    title, text = words.get(tab, ("No jobs here", "Jobs will show here."))
    return empty("inbox", title, text)


def _bone_row(name_px: int) -> Node:
    def bone(width: int, height: int = 12, style: Mapping[str, str] | None = None) -> Node:
        size = {"width": f"{width}px", "height": f"{height}px"}
        return h("span", {"class": "gw-skel", "style": size | dict(style or {})})

    return h(
        "tr",
        None,
        h("td", {"class": "gw-col-pick"}),
        h("td", {"class": "gw-col-name"}, bone(name_px), bone(112, 10, {"margin-top": "8px"})),
        h("td", None, bone(104, 22, {"border-radius": "11px"})),
        h("td", {"class": "gw-col-creator"}, bone(48)),
        h("td", {"class": "gw-col-started"}, bone(112)),
        h("td", {"class": "gw-col-duration"}, bone(64)),
        h("td", None, bone(56, 12, {"margin-left": "auto"})),
        h("td"),
    )
