"""README's links lead somewhere, and every source file says what it is."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What is built, or cannot carry a comment.
SPOKEN = {".py", ".js", ".mjs", ".css", ".sh"}
SILENT = re.compile(r"static/(theme|terminal|chart_overlay|boot|host)\.(js|css)$|\.d\.ts$")


def test_links_lead_to_files():
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_source_file_says_what_it_is():
    listed = subprocess.run(
        ["git", "ls-files", "gladius_widgets/*", "scripts/*", "benchmarks/*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    files = [
        name
        for name in listed
        if Path(name).suffix in SPOKEN and (ROOT / name).exists() and not SILENT.search(name)
    ]
    assert len(files) > 250
    silent = [
        name
        for name in files
        if not re.match(r'\s*(#!.*\n)?\s*(r?"""|#|//|/\*)', (ROOT / name).read_text())
    ]
    assert silent == []
