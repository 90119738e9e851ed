"""Where the pages are. They link to each other by file name, as Voila serves them side by side."""

from collections.abc import Iterable
from urllib.parse import urlencode

JOBS_PAGE = "jobs.ipynb"
CONSOLE_PAGE = "console.ipynb"
NEW_JOB_PAGE = "new.ipynb"
JOB_PAGE = "job.ipynb"
COMPARE_PAGE = "compare.ipynb"


def console_url(job_id: str, *, find_error: bool = False) -> str:
    """The console of a job, relative to any page; `find_error` opens it at the first error."""
    query = {"job": job_id} | ({"find": "ERROR"} if find_error else {})
    return f"{CONSOLE_PAGE}?{urlencode(query)}"


def job_url(job_id: str, *, tab: str | None = None) -> str:
    """The dashboard of a job, relative to any page; `tab` is overview or event-log."""
    query = {"job": job_id} | ({"tab": tab} if tab else {})
    return f"{JOB_PAGE}?{urlencode(query)}"


def errors_url(job_id: str) -> str:
    """The errors in a job's event log."""
    query = {"job": job_id, "tab": "event-log", "type": "error"}
    return f"{JOB_PAGE}?{urlencode(query)}"


def compare_url(job_ids: Iterable[str]) -> str:
    """These jobs side by side."""
    return f"{COMPARE_PAGE}?{urlencode({'jobs': ','.join(job_ids)}, safe=',')}"


def new_job_url(clone: str | None = None) -> str:
    """The form for a new job; filled in from the job `clone`, if given."""
    return f"{NEW_JOB_PAGE}?{urlencode({'clone': clone})}" if clone else NEW_JOB_PAGE
