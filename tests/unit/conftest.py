"""What the unit tests share."""

import sys
from collections.abc import Iterator

import pytest

import gladius_widgets.client.client as client_module
from gladius_widgets import cli


@pytest.fixture
def in_process(home, monkeypatch, capfd):
    """The command line in this process, without a supervisor: returns (exit code, out, err)."""
    monkeypatch.setattr(client_module, "ensure_supervisor", lambda _home: None)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["gladius", *map(str, arguments)])
        cli.chosen.home, cli.chosen.as_json, cli.chosen.told = None, False, ""
        cli.chosen.to_tell = ""
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture(autouse=True)
def no_toasts_of_others() -> Iterator[None]:
    """What one test has told the reader, none finds after it: a kernel has one set of toasts."""
    yield
    module = sys.modules.get("gladius_widgets.components.toasts")
    if module is not None and module._current is not None:
        module._current.items = []
