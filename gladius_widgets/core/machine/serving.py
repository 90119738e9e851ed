"""Where the pages of a home are served, if they are: kept in the home while the server runs."""

from contextlib import suppress
from urllib.parse import quote

from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.machine.identity import ProcessIdentity
from gladius_widgets.core.paths import Home

_JOB_PAGE = "voila/render/job.ipynb?job="


def announce(home: Home, url: str) -> None:
    """Note that this process serves the pages at `url`, which must not hold the token."""
    with suppress(OSError):
        write_json(
            home.serving, {"url": url, "process": ProcessIdentity.of().to_dict()}, durable=False
        )


def withdraw(home: Home) -> None:
    """Take the note back, if it is ours."""
    record = read_json(home.serving)
    if isinstance(record, dict) and record.get("process") == ProcessIdentity.of().to_dict():
        with suppress(OSError):
            home.serving.unlink()


def job_page(home: Home, job_id: str) -> str | None:
    """The address of a job's page, without the token; None when nobody serves."""
    record = read_json(home.serving)
    if not isinstance(record, dict) or not isinstance(record.get("url"), str):
        return None
    process = ProcessIdentity.from_dict(record.get("process"))
    if process is None or not process.alive():
        return None
    return f"{record['url'].rstrip('/')}/{_JOB_PAGE}{quote(job_id)}"
