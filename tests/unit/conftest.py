"""What the tests of the command line share."""

import sys

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
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        out, err = capfd.readouterr()
        return code, out, err

    return call
