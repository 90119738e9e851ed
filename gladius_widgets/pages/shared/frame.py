"""A page that has nothing to show yet, or cannot."""

from gladius_widgets.client import Client
from gladius_widgets.components import Node, h, icon
from gladius_widgets.core.errors import GladiusError, JobNotFoundError
from gladius_widgets.pages.shared import bars
from gladius_widgets.panels.live.snapshot import JobSnapshot
from gladius_widgets.panels.text.job import one_line
from gladius_widgets.panels.text.links import JOBS_PAGE


def frame(content: Node, title: str = "Gladius") -> Node:
    """A bar with the product's name, and the content below."""
    header = h(
        "header",
        {"class": "gw-appbar gw-appbar--console"},
        bars.brand(title, hides=True),
        bars.spacer(),
        bars.theme_button(),
    )
    return h("div", {"class": "gw-app"}, header, h("main", {"class": "gw-main"}, content))


def problem(error: GladiusError) -> Node:
    """What is wrong and what to do, in place of the page."""
    to_list = h("a", {"class": "gw-btn gw-btn--primary", "href": JOBS_PAGE}, "Open the jobs list")
    return frame(
        h(
            "section",
            {"class": "gw-card", "role": "alert"},
            h(
                "div",
                {"class": "gw-empty"},
                h("span", {"class": "gw-empty__ic"}, icon("search", 24)),
                h("h3", None, error.message),
                h("p", None, error.hint) if error.hint else None,
                to_list if isinstance(error, JobNotFoundError) else None,
            ),
        )
    )


def gone(job: JobSnapshot, client: Client) -> GladiusError:
    """What to say of a job that was there a moment ago: deleted, or its folder taken away."""
    name = one_line(job.name)
    if any(deleted.id == job.id for deleted in client.trash()):
        hint = f"`gladius restore {job.id}` brings it back."
        return JobNotFoundError(f"'{name}' has been deleted.", hint)
    try:
        client.job(job.id)
    except GladiusError:
        return JobNotFoundError(f"'{name}' has been deleted.")
    folder = client.home.run(job.id).root
    return JobNotFoundError(
        f"The folder of '{name}' is gone: {folder}.", "Put it back, then load this page again."
    )
