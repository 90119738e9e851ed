"""Writes README's file tree from what the files say of themselves: one line a file.

A module says it in the first sentence of its docstring, a script, stylesheet or config in its
first comment. `python scripts/file_tree.py` rewrites the section; a test checks that it holds.
"""

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- files: written by scripts/file_tree.py -->\n", "<!-- /files -->"

# What cannot say it itself: JSON, lock files, bundles, pictures, notebooks.
SAID_HERE = {
    ".ci/run": "what CI runs: lint and test on a fresh clone",
    ".gitignore": "what git leaves alone",
    "LICENSE": "Apache-2.0",
    "Makefile": "run, test, bench, lint",
    "README.md": "this page",
    "binder/runtime.txt": "the Python version there",
    "constraints.txt": "the tested version of every dependency",
    "pyproject.toml": "package, extras, lint and test settings",
    "gladius_widgets/components/static/allowed.json": "tags and attributes a tree may hold",
    "gladius_widgets/components/static/icons.svg": "the icon sprite",
    "gladius_widgets/components/static/terminal.js": "built: xterm.js and our toolbar",
    "gladius_widgets/components/static/terminal.css": "built: styles of xterm.js",
    "gladius_widgets/components/static/theme.js": "built: theme and element renderer",
    "gladius_widgets/frontend/package.json": "what the build needs",
    "gladius_widgets/frontend/package-lock.json": "its exact versions",
    "gladius_widgets/frontend/src/terminal/terminal.css": "what xterm.js leaves unstyled",
    "gladius_widgets/frontend/tsconfig.json": "type checks of the JavaScript",
    "gladius_widgets/serve/share/voila/templates/gladius/conf.json": "what the template builds on",
    "notebooks/console.ipynb": "the training console of one job",
    "notebooks/compare.ipynb": "jobs side by side",
    "notebooks/job.ipynb": "the dashboard of one job",
    "notebooks/jobs.ipynb": "the jobs page",
    "notebooks/new.ipynb": "the form for a new job",
}
# Folders shown as one line, and folders that have no __init__.py to speak for them.
FOLDED = {
    "docs/": "pictures of the pages",
    "tests/": "unit, contract, processes, training, notebooks, browser, js, gpu",
}
FOLDERS = {
    "binder/": "the example on Binder, without installing anything",
    "configs/": "runs to start from; the first line of each is its launch command",
    "notebooks/": "three-line notebooks: JupyterLab, Voila and nbval open the same ones",
    "scripts/": "what the Makefile and the README are made with",
    "gladius_widgets/components/static/": "what the browser gets",
    "gladius_widgets/serve/share/voila/templates/gladius/": "the page around a page notebook",
    "gladius_widgets/frontend/": "sources of what is built into components/static",
    "gladius_widgets/frontend/src/": "theme, element renderer and what components share",
    "gladius_widgets/frontend/src/chart/": "the overlay over a figure",
    "gladius_widgets/frontend/src/terminal/": "the terminal around xterm.js",
}
COMMENT = re.compile(r"\s*(?:#(?!!)|//+|/\*+|\*(?!/)|<!--) ?(.*?)\s*(?:\*/|-->)?$")


def tree(root: Path = ROOT) -> str:
    """The tree as text: folders with what they are for, and below each its files."""
    lines = []
    for folder, names in _by_folder(root).items():
        if folder in FOLDED:
            lines.append((folder, FOLDED[folder]))
            continue
        if folder:
            lines.append((folder, FOLDERS.get(folder) or says(root, folder + "__init__.py")))
        indent = "  " if folder else ""
        lines += [
            (indent + name, says(root, folder + name)) for name in names if name != "__init__.py"
        ]
    width = max(len(name) for name, _ in lines) + 2
    return "".join(f"{name:<{width}}{what}".rstrip() + "\n" for name, what in lines)


def section(root: Path = ROOT) -> str:
    """The part of the README between the marks, with them."""
    return f"{BEGIN}```\n{tree(root)}```\n{END}"


def says(root: Path, name: str) -> str:
    """The first sentence of a file about itself; empty when it says none."""
    if name in SAID_HERE:
        return SAID_HERE[name]
    path = root / name
    if not path.is_file():
        return ""
    text = path.read_text(errors="replace")
    if name.endswith(".py"):
        return _sentence(ast.get_docstring(ast.parse(text)) or "")
    return _sentence(_first_comment(text))


def _by_folder(root: Path) -> dict[str, list[str]]:
    """Folder → names of its files; the root's own files come first."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    folders: dict[str, list[str]] = {"": []}
    for name in sorted(name for name in listing.stdout.split("\n") if (root / name).is_file()):
        folded = next((folder for folder in FOLDED if name.startswith(folder)), None)
        at_root = "/" not in name or name.startswith(".")
        folder = folded or ("" if at_root else name.rpartition("/")[0] + "/")
        folders.setdefault(folder, []).append(name.removeprefix(folder))
    return dict(sorted(folders.items()))


def _first_comment(text: str) -> str:
    """The first block of comment lines, joined, without a config's launch line."""
    block: list[str] = []
    for line in text.split("\n")[:40]:
        match = COMMENT.fullmatch(line)
        words = match.group(1) if match else ""
        if words and not words.startswith("gladius submit"):
            block.append(words)
        elif block:
            break
    return " ".join(block)


def _sentence(text: str) -> str:
    first = re.split(r"(?<=[^.])\.(?:\s|$)|\n\n", text.strip(), maxsplit=1)[0]
    return " ".join(first.split())


if __name__ == "__main__":
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    readme.write_text(before + section() + rest.partition(END)[2])
