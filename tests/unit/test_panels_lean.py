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


@pytest.mark.parametrize("script", [PAGE, NOTEBOOK])
def test_in_a_new_process(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
