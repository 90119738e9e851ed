"""Where the page notebooks are, and which of them are pages.

They stand at the top of a checkout, where JupyterLab users look for them, and inside the package
when it was installed from a wheel. `python -m gladius_widgets.serve.notebooks` prints the folder,
so that they open in JupyterLab either way.
"""

from pathlib import Path

from gladius_widgets.core.errors import GladiusError

PAGES = ("jobs.ipynb", "job.ipynb", "console.ipynb", "new.ipynb", "compare.ipynb")
"""The notebooks that the server runs, the start page first."""

SELDOM = frozenset({"new.ipynb", "compare.ipynb"})
"""Pages for which no kernel is held ready: it would cost 100 MB and more, and they load without."""


def directory() -> Path:
    """The folder that holds the page notebooks.

    Raises:
        GladiusError: the installation lacks them.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / PAGES[0]).is_file():
            return folder
    raise GladiusError(
        "The page notebooks are missing from this installation.",
        "Install gladius-widgets again.",
    )


if __name__ == "__main__":
    print(directory())  # noqa: T201  the folder is what this command is asked for
