"""What a page's kernel carries, and what it must not."""

import os
import subprocess
import sys

import pytest

PAGE = """
import sys
from gladius_widgets import JobsPage, LossChart, TrainingConsole
heavy = {"torch", "transformers", "accelerate", "matplotlib", "scipy", "pandas.core"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
import numpy, pyarrow
assert pyarrow.chunked_array([[1.0, None]]).to_numpy().shape == (2,)
"""
NOTEBOOK = """
from gladius_widgets import LossChart
import bqplot, pandas
from bqplot.market_map import MarketMap
frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
assert MarketMap(names=["x", "y"], ref_data=frame).ref_data.equals(frame)
"""


@pytest.mark.parametrize(("script", "variables"), [(PAGE, {"GLADIUS_PAGE": "1"}), (NOTEBOOK, {})])
def test_in_a_new_process(script, variables):
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | variables
    )
    assert done.returncode == 0, done.stderr
