"""Where the pages are. They link to each other by file name, as Voila serves them side by side."""

from urllib.parse import urlencode

JOBS_PAGE = "jobs.ipynb"
CONSOLE_PAGE = "console.ipynb"


def console_url(job_id: str) -> str:
    """The console of a job, relative to any page."""
    return f"{CONSOLE_PAGE}?{urlencode({'job': job_id})}"
