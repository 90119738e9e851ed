"""What a page's kernel carries, and what it must not."""

import subprocess
import sys

import pytest

PAGE = """
import sys
from gladius_widgets.serve.ipykernel_launcher import leave_out
leave_out()
from gladius_widgets import JobsPage, LossChart, TrainingConsole
heavy = {"torch", "transformers", "accelerate", "matplotlib", "scipy", "pandas", "debugpy"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
import bqplot, pyarrow
assert pyarrow.chunked_array([[1.0, None]]).to_numpy().shape == (2,)
"""
NOTEBOOK = """
from gladius_widgets import LossChart
import sys, bqplot, pandas
assert not {"torch", "transformers"} & set(sys.modules)
"""
# What is imported with the first panel, not before: with it, the import took twice bqplot's time.
NAME = """
import bqplot, anywidget, pyarrow, sys
before = set(sys.modules)
from gladius_widgets import LossChart
later = {"annotated_types", "gladius_widgets.client", "gladius_widgets.engines",
         "gladius_widgets.panels.live.feed", "gladius_widgets.supervisor", "multiprocessing",
         "psutil", "pydantic", "pydantic_core", "ruamel", "sqlalchemy", "sqlite3", "typer", "voila",
         "watchfiles"}
loaded = sorted(later & (set(sys.modules) - before))
assert not loaded, loaded
"""


@pytest.mark.parametrize("script", [PAGE, NOTEBOOK, NAME])
def test_in_a_new_process(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
