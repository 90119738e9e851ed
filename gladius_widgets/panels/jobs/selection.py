"""The rows that the reader has selected, over several pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Selection:
    """Ids of jobs, and the row from which a press with Shift reaches."""

    ids: frozenset[str] = frozenset()
    anchor: str = ""

    def __contains__(self, job_id: str) -> bool:
        return job_id in self.ids

    def __len__(self) -> int:
        return len(self.ids)

    def picked(self, job_id: str, chosen: bool, rows: Sequence[str], reach: bool) -> "Selection":
        """One row chosen or not; with `reach` all rows from the last one pressed to it.

        Args:
            job_id: the row.
            chosen: whether it is to be selected now.
            rows: the ids on the page, in their order.
            reach: Shift was held.
        """
        touched = {job_id}
        if reach and self.anchor in rows and job_id in rows:
            first, last = sorted((rows.index(self.anchor), rows.index(job_id)))
            touched = set(rows[first : last + 1])
        return Selection(self.ids | touched if chosen else self.ids - touched, job_id)

    def all_picked(self, rows: Iterable[str], chosen: bool) -> "Selection":
        """All rows of the page chosen or not."""
        ids = frozenset(rows)
        return replace(self, ids=self.ids | ids if chosen else self.ids - ids)

    def without(self, gone: Iterable[str]) -> "Selection":
        """Less the jobs that are gone."""
        return replace(self, ids=self.ids - frozenset(gone))

    def share(self, rows: Sequence[str]) -> "Share":
        """How much of a page is selected."""
        on_page = sum(1 for row in rows if row in self.ids)
        return Share(bool(rows) and on_page == len(rows), 0 < on_page < len(rows))


@dataclass(frozen=True)
class Share:
    """All, some or none of a page."""

    all: bool = field()
    some: bool = field()
