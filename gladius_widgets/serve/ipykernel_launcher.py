"""ipykernel without what a page never needs: a page's kernel is a third smaller for it.

- pandas (50 MB): bqplot imports it for two figures that no panel draws, and pyarrow whenever it
  converts a column, if it is there. Here it counts as not installed.
- the debugger (8 MB).

In JupyterLab, where the user's own code runs too, kernels are as always.
"""

import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from types import ModuleType

_LEFT_OUT = frozenset({"pandas", "debugpy"})


class _NotHere(MetaPathFinder):
    """Answers before the finders that would find it."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Refuse what is left out; the other finders see to everything else."""
        if fullname in _LEFT_OUT:
            raise ModuleNotFoundError(f"{fullname} is left out of page kernels", name=fullname)


def leave_out() -> None:
    """Import bqplot with a stand-in for pandas; from then on neither pandas nor debugpy is had."""
    stand_in = ModuleType("pandas")
    for name in ("DataFrame", "Series", "Timestamp", "NaT"):  # bqplot names them as it is imported
        setattr(stand_in, name, type(name, (), {}))
    sys.modules["pandas"] = stand_in
    try:
        import_module("bqplot")
    finally:
        del sys.modules["pandas"]
        sys.meta_path.insert(0, _NotHere())


def main() -> None:
    """Run the kernel.

    ipywidgets came with bqplot, before there was a kernel it could register with. Without that, a
    page asks for the state of each widget by itself instead of all at once.
    """
    leave_out()
    from ipykernel.kernelapp import IPKernelApp

    application = IPKernelApp.instance()
    application.initialize()
    import_module("ipywidgets").register_comm_target()
    application.start()


if __name__ == "__main__":
    main()
