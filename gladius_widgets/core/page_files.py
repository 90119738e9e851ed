"""What the browser runs and wears: files of `components/static`, and how a page gets them.

A page of `gladius serve` asks the server, at an address that names the content, and the browser
keeps them. Elsewhere (JupyterLab) the kernel sends their text with its widgets.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parents[1] / "components" / "static"
SERVED = "GLADIUS_PAGE"
"""The environment variable of kernels whose page asks the server for files."""

_STYLES = (
    "tokens.css", "gladius.css", "extra.css", "panels.css", "jobs.css", "queue.css", "form.css",
    "compare.css", "events.css", "metrics.css", "results.css",
)  # fmt: skip
FILES = ("host.js", "page.js", "terminal.js", "styles.css")
"""The files that a page asks for; `styles.css` is all our styles in one."""


@cache
def text(file: str) -> str:
    """The text of a file of `static`, or of all styles."""
    parts = _STYLES if file == "styles.css" else (file,)
    return "".join((STATIC / part).read_text(encoding="utf-8") for part in parts)


@cache
def name(file: str) -> str:
    """What a page calls the file, so that no other content ever had the name: page-1f2e3d.js."""
    stem, _, kind = file.partition(".")
    return f"{stem}-{hashlib.sha256(text(file).encode()).hexdigest()[:16]}.{kind}"


def code(file: str) -> str:
    """The text, where a page cannot ask for the file; else nothing."""
    return "" if os.environ.get(SERVED) else text(file)
