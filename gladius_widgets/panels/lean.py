"""Keep pandas out of page kernels: it would be a third of their memory (50 of 150 MB).

Nothing on a page needs it. bqplot imports it for two figures that no panel draws, and pyarrow
whenever it converts a column, if it is there. `gladius serve` says by GLADIUS_PAGE that a kernel
runs nothing but a page; in JupyterLab, where the user's own code runs too, nothing is changed.
"""

import os
import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from types import ModuleType

PAGE_VARIABLE = "GLADIUS_PAGE"


class _Frame:
    """Stands for the types that bqplot names while it is imported."""


class _NotHere(MetaPathFinder):
    """Answers for pandas, before the finders that would find it."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Refuse pandas; the other finders see to everything else."""
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is left out of page kernels", name="pandas")


def leave_pandas_out() -> None:
    """Import bqplot without pandas, and have pandas count as not installed from then on."""
    if "pandas" in sys.modules or "bqplot" in sys.modules:
        return
    stand_in = ModuleType("pandas")
    for name in ("DataFrame", "Series", "Timestamp", "NaT"):
        setattr(stand_in, name, type(name, (_Frame,), {}))
    sys.modules["pandas"] = stand_in
    try:
        import_module("bqplot")
    finally:
        del sys.modules["pandas"]
        sys.meta_path.insert(0, _NotHere())


if os.environ.get(PAGE_VARIABLE):
    leave_pandas_out()
