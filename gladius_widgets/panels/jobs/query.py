"""Which jobs the list shows: tab, filters, order and page, and how the address says it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gladius_widgets.core.states import ACTIVE, JobStatus

_S = JobStatus
TABS = {"all": "All Jobs", "queue": "Queue", "active": "Active", "completed": "Completed"}
STATUSES: dict[str, tuple[str, frozenset[JobStatus] | None]] = {
    "": ("All", None),
    "active": ("Active", ACTIVE),
    "queued": ("Queued", frozenset({_S.QUEUED})),
    "paused": ("Paused", frozenset({_S.PAUSED})),
    "completed": ("Completed", frozenset({_S.COMPLETED})),
    "stopped": ("Stopped", frozenset({_S.STOPPED})),
    "failed": ("Failed", frozenset({_S.FAILED, _S.LOST})),
    "cancelled": ("Cancelled", frozenset({_S.CANCELLED})),
}
_OF_TAB = {
    "queue": frozenset({_S.QUEUED}),
    "active": ACTIVE,
    "completed": frozenset({_S.COMPLETED}),
}
DATES = {"7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days", "all": "All time"}
PAGE_SIZES = (25, 50, 100)
# column → the direction that a first press sorts in
SORTS = {
    "name": False,
    "status": False,
    "created_by": False,
    "started_at": True,
    "duration": True,
    "cost": True,
}
_NEWEST = "created_at"
_DAY_S = 86400.0
_LONGEST_SEARCH = 200
# field → its name in the address
_NAMES = {
    "tab": "tab",
    "status": "status",
    "dates": "dates",
    "search": "q",
    "creator": "by",
    "sort": "sort",
    "page": "page",
    "size": "size",
}


@dataclass(frozen=True)
class JobsQuery:
    """What the reader wants to see.

    Attributes:
        tab: one of `TABS`.
        status: one of `STATUSES`; only the tab of all jobs has this filter.
        dates: one of `DATES`; "" is the tab's default: active jobs of any age, others of 30 days.
        search: part of the name.
        creator: an account; "" is everybody.
        sort: one of `SORTS`; "" is newest first.
        page: from 1.
        size: rows a page.
    """

    tab: str = "all"
    status: str = ""
    dates: str = ""
    search: str = ""
    creator: str = ""
    sort: str = ""
    descending: bool = True
    page: int = 1
    size: int = PAGE_SIZES[0]

    @property
    def shown_dates(self) -> str:
        """The date range in force."""
        return self.dates or ("all" if self.tab == "active" else "30")

    @property
    def offset(self) -> int:
        """How many jobs come before this page."""
        return (self.page - 1) * self.size

    def changed(self, **changes: Any) -> "JobsQuery":
        """Another query; whatever changes what is listed begins at the first page."""
        if "page" not in changes:
            changes["page"] = 1
        return replace(self, **changes)

    def on_tab(self, tab: str) -> "JobsQuery":
        """Another tab: other filters stay, the status is the tab's, newest first."""
        return self.changed(tab=tab, status="", sort="", descending=True)

    def sorted_by(self, column: str) -> "JobsQuery":
        """A press on a column's head: its first direction, the other one, then newest first."""
        first = SORTS[column]
        if self.sort != column:
            return self.changed(sort=column, descending=first)
        if self.descending == first:
            return self.changed(descending=not first)
        return self.changed(sort="", descending=True)

    def without_filters(self) -> "JobsQuery":
        """Everything of this tab."""
        return self.changed(status="", dates="all", search="", creator="")

    def filters(self, now: float) -> dict[str, Any]:
        """Keyword filters of `Client.jobs` and `Client.count`; `now` in unix s."""
        statuses = _OF_TAB.get(self.tab) or STATUSES[self.status][1]
        days = self.shown_dates
        return {
            "statuses": sorted(statuses) if statuses else None,
            "search": self.search or None,
            "created_by": self.creator or None,
            "since": None if days == "all" else now - int(days) * _DAY_S,
        }

    def order(self) -> dict[str, Any]:
        """Keyword arguments of `Client.jobs` for the order."""
        return {"sort": self.sort or _NEWEST, "descending": self.descending}

    def filter_words(self, user: str) -> list[str]:
        """The filters that leave something out, in words; `user` reads as you."""
        words = [STATUSES[self.status][0]] if self.status and self.tab == "all" else []
        words += [DATES[self.shown_dates]] if self.shown_dates != "all" else []
        words += [f"name has “{self.search}”"] if self.search else []
        creator = "you" if self.creator == user else self.creator
        words += [f"created by {creator}"] if self.creator else []
        return words

    def to_address(self) -> dict[str, str | None]:
        """The parameters of the address; None for what is as by default."""
        values = {field: getattr(self, field) for field in _NAMES}
        if self.sort:
            values["sort"] = f"-{self.sort}" if self.descending else self.sort
        default = JobsQuery()
        return {
            name: None if values[field] == getattr(default, field) else str(values[field])
            for field, name in _NAMES.items()
        }


def from_address(parameters: Mapping[str, str]) -> JobsQuery:
    """The query that an address asks for; what it says wrongly is as by default."""
    given = {field: parameters.get(name, "") for field, name in _NAMES.items()}
    sort = given["sort"].removeprefix("-")
    size = _whole(given["size"])
    return JobsQuery(
        tab=given["tab"] if given["tab"] in TABS else "all",
        status=given["status"] if given["status"] in STATUSES else "",
        dates=given["dates"] if given["dates"] in DATES else "",
        search=given["search"].strip()[:_LONGEST_SEARCH],
        creator=given["creator"],
        sort=sort if sort in SORTS else "",
        descending=given["sort"].startswith("-") if sort in SORTS else True,
        page=max(1, _whole(given["page"])),
        size=size if size in PAGE_SIZES else PAGE_SIZES[0],
    )


@dataclass(frozen=True)
class Page:
    """Where a page stands among all that match. `first` and `last` count rows from 1."""

    number: int
    count: int
    first: int
    last: int
    total: int

    @property
    def words(self) -> str:
        """`Showing 1–25 of 287 jobs`."""
        jobs = f"{self.total:,} job{'' if self.total == 1 else 's'}"
        return f"Showing {self.first:,}–{self.last:,} of {jobs}" if self.total else "No jobs"


def page_of(query: JobsQuery, total: int) -> Page:
    """The query's page; the last one when there are fewer by now."""
    count = max(1, math.ceil(total / query.size))
    number = min(query.page, count)
    first = (number - 1) * query.size + 1 if total else 0
    return Page(number, count, first, min(total, number * query.size), total)


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
