"""Jobs as CSV for spreadsheets."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime

from gladius_widgets.store.registry.registry import Job

COLUMNS = (
    "id", "name", "status", "progress", "created_by", "created_at", "started_at", "ended_at",
    "duration_s", "cost", "currency", "hourly_rate", "gpus", "config", "engine", "attempt",
    "step", "total_steps", "error",
)  # fmt: skip
# A spreadsheet takes a text that begins with one of these for a formula and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def to_csv(jobs: Iterable[Job], now: float) -> bytes:
    """One line a job, UTF-8 with a mark that spreadsheets need; times in ISO 8601, UTC.

    Args:
        jobs: in their order.
        now: unix s; how long running jobs have run until then.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for job in jobs:
        writer.writerow([cell(value) for value in _values(job, now)])
    return out.getvalue().encode("utf-8-sig")


def _values(job: Job, now: float) -> list[str | float | None]:
    duration_s = job.duration_s(now)
    error = job.error or {}
    return [
        job.id,
        job.name,
        str(job.status),
        None if job.progress is None else round(job.progress, 4),
        job.created_by,
        _moment(job.created_at),
        _moment(job.started_at),
        _moment(job.ended_at),
        None if duration_s is None else round(duration_s, 1),
        None if job.cost is None else round(job.cost, 4),
        job.currency,
        job.hourly_rate,
        job.gpus,
        job.config_line,
        job.engine,
        job.attempt,
        job.step,
        job.total_steps,
        ": ".join(str(error[key]) for key in ("type", "message") if error.get(key)),
    ]


def cell(value: str | float | None) -> str | float:
    """Text as text: a quote keeps a spreadsheet from running it."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _moment(time_s: float | None) -> str:
    return "" if time_s is None else datetime.fromtimestamp(time_s, UTC).isoformat("T", "seconds")
