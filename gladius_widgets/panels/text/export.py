"""Events as files: JSON, or CSV for spreadsheets."""

import csv
import io
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime

import orjson

from gladius_widgets.panels.text.csv import cell
from gladius_widgets.store.run.events import Event

COLUMNS = ("time", "time_unix_s", "type", "message", "source", "attempt", "payload")
MIME = {"json": "application/json", "csv": "text/csv"}
_LONGEST_NAME = 80


def to_json(events: Iterable[Event]) -> bytes:
    """A list of events, as they stand in events.jsonl."""
    return orjson.dumps(list(events), option=orjson.OPT_INDENT_2)


def to_csv(events: Iterable[Event]) -> bytes:
    """One line an event, UTF-8 with a mark that spreadsheets need; times in ISO 8601, UTC."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for event in events:
        values = [event.type, event.message, event.source, event.attempt, event.payload_text]
        writer.writerow([_moment(event.time), repr(event.time), *map(cell, values)])
    return out.getvalue().encode("utf-8-sig")


def filename(job_name: str, kind: str, now: float, what: str = "events") -> str:
    """`{job_name}-events-{timestamp}.json`, whatever the job is called."""
    name = re.sub(r"[^\w.+-]+", "-", job_name).strip("-.")[:_LONGEST_NAME] or "job"
    return f"{name}-{what}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}.{kind}"


def _moment(time_s: float) -> str:
    try:
        return datetime.fromtimestamp(time_s, UTC).isoformat("T", "milliseconds")
    except (ValueError, OverflowError, OSError):
        return ""
