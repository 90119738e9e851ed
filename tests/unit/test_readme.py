"""README keeps its promises: its file tree is the tree, its links lead somewhere."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def file_tree():
    spec = importlib.util.spec_from_file_location("file_tree", ROOT / "scripts/file_tree.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_file_tree_is_up_to_date():
    readme = (ROOT / "README.md").read_text()
    assert file_tree().section() in readme, "run: python scripts/file_tree.py"


def test_every_file_says_what_it_is():
    silent = [line for line in file_tree().tree().splitlines() if "  " not in line.strip()]
    assert silent == []


def test_links_lead_to_files():
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
