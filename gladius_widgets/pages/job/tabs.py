"""The tabs of the job dashboard, and how many events nobody has looked at."""

from collections.abc import Mapping
from itertools import count

from gladius_widgets.components import Node, h

TABS = {"overview": "Overview", "event-log": "Event Log"}
_MOST_SHOWN = 99
_numbers = count(1)


def tab_of(name: str | None) -> str:
    """The tab that an address means; the first one for whatever is none."""
    return name if name in TABS else next(iter(TABS))


class JobTabs:
    """The tab bar and the panels it leads to."""

    def __init__(self) -> None:
        self._id = f"gw-job-{next(_numbers)}"

    def bar(self, chosen: str, unseen: int) -> Node:
        """The tab bar; `unseen` events have come since the event log was looked at."""
        tabs = [
            self._tab(name, label, is_chosen=name == chosen, unseen=unseen)
            for name, label in TABS.items()
        ]
        return h("div", {"class": "gw-tabs", "role": "tablist", "aria-label": "Job detail"}, tabs)

    def panels(self, chosen: str, contents: Mapping[str, Node]) -> list[Node]:
        """The tabs' contents. Those that are not chosen are hidden, and stay as they are."""
        return [
            h(
                "div",
                {
                    "class": "gw-stack",
                    "role": "tabpanel",
                    "id": f"{self._id}-{name}-panel",
                    "aria-labelledby": f"{self._id}-{name}",
                    "hidden": name != chosen,
                },
                content,
                key=name,
            )
            for name, content in contents.items()
        ]

    def _tab(self, name: str, label: str, *, is_chosen: bool, unseen: int) -> Node:
        badge, spoken = None, label
        if name == "event-log" and unseen and not is_chosen:
            number = f"{unseen}" if unseen <= _MOST_SHOWN else f"{_MOST_SHOWN}+"
            words = f"{number} new event{'s' if unseen != 1 else ''}"
            badge = h("span", {"class": "gw-badge gw-badge--plain gw-tone-blue"}, words)
            spoken = f"{label}, {words}"
        return h(
            "button",
            {
                "type": "button",
                "class": "gw-tab",
                "role": "tab",
                "id": f"{self._id}-{name}",
                "aria-selected": is_chosen,
                "aria-controls": f"{self._id}-{name}-panel",
                "aria-label": spoken if badge else None,
                "tabindex": 0 if is_chosen else -1,
                "data-tab": name,
            },
            label,
            badge,
            on={"click": "tab"},
            key=name,
        )
