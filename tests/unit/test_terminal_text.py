"""No text of a run gives orders to a terminal: colours pass in logs, all else becomes visible."""

import json
import re
import unicodedata

import pytest

from gladius_widgets.client import Client
from gladius_widgets.core.atomic import read_json, write_json
from gladius_widgets.core.text.terminal_text import LogText, colours_only, json_safe, visible
from gladius_widgets.store.run.events import append_event

TITLE, CLIPBOARD = "\x1b]0;owned\x07", "\x1b]52;c;cm0gLXJm\x1b\\"
BIDI = "\u202egpj.exe\u2066\u2069\u200e\u200f\u061c"
HOSTILE = (
    f"a{TITLE}{CLIPBOARD}\x1b[2J\x1b[1A\x1bcb\x9b31m\x9d0;x\x9c\x90q\x9c\x00\x08\x7f"
    f"{BIDI}\u2028\u2029\ufeff\u200b\U000e0041\x1b[31mred"
)
COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


def assert_harmless(text: str, allowed: str = "\n\r\t\u200c\u200d") -> None:
    """Only colours, line breaks and what a reader sees."""
    rest = COLOUR.sub("", text)
    unseen = {c for c in rest if unicodedata.category(c) in ("Cc", "Cs", "Cf", "Zl", "Zp")}
    assert unseen <= set(allowed), unseen


def test_one_line_has_neither_colours_nor_breaks() -> None:
    assert_harmless(visible(HOSTILE + "\n\t"), allowed="")
    assert "\x1b" not in visible(HOSTILE)
    assert "�]52;c;cm0gLXJm�" in visible(HOSTILE)


@pytest.mark.parametrize(
    "text",
    [
        "plain", "größer → 3 × 10⁻⁵ ✓", "日本語", "עברית", "नमस्ते\u200dक", "👩\u200d🚀 ❤\ufe0f",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    ],
)  # fmt: skip
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert visible(text) == text
    assert colours_only(f"{text}\n\t{text}\r") == f"{text}\n\t{text}\r"
    assert json.loads(json_safe(json.dumps(text, ensure_ascii=False))) == text


def test_json_reads_back_as_it_was() -> None:
    value = {"name": HOSTILE + "\ud800", "n": 1.5, HOSTILE: ["x\ny"]}
    text = json_safe(json.dumps(value, indent=2, ensure_ascii=False))
    assert_harmless(text, allowed="\n")
    assert "\x1b" not in text
    assert json.loads(text) == value


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_log_in_pieces_is_the_log_in_one(size: int) -> None:
    data = f"\x1b[1;32mgrün\x1b[0m {HOSTILE}\r50%\x1b[38;5;1m日".encode() + b"\xff\x1b[3"
    log = LogText()
    pieces = [log.feed(data[i : i + size]) for i in range(0, len(data), size)]
    whole = LogText()
    text = whole.feed(data) + whole.end()
    assert "".join(pieces) + log.end() == text
    assert_harmless(text)
    assert text.startswith("\x1b[1;32mgrün\x1b[0m a�]0;owned��]52;")
    assert text.endswith("\r50%\x1b[38;5;1m日��[3\x1b[0m")  # a colour that is left on ends


@pytest.fixture
def hostile_job(home, tmp_path, in_process) -> str:  # in process: no supervisor is started
    """A job whose every text is hostile, as a copied run directory may have them."""
    config = tmp_path / "tiny.yaml"
    config.write_text("model:\n  name: org/model\ndata:\n  path: org/data\n")
    client = Client(home, user="ada")
    job = client.submit(config)
    run = client.run(job.id)
    error = {"type": HOSTILE, "message": HOSTILE}
    texts = {"name": HOSTILE, "created_by": HOSTILE, "config_line": HOSTILE, "cost_note": HOSTILE}
    client._registry.update(job.id, status="failed", error=error, **texts)
    for kind in ("status", "warning", "error"):
        append_event(run, kind, HOSTILE, {"kind": HOSTILE, HOSTILE: HOSTILE}, source="trainer")
    run.log.write_bytes(b"\x1b[33mwarm\x1b[0m\n" + HOSTILE.encode() + b"\n")
    return job.id


@pytest.mark.parametrize("as_json", [False, True])
def test_no_command_prints_what_a_terminal_obeys(hostile_job, in_process, as_json) -> None:
    for words in (
        ("jobs",), ("show", hostile_job), ("logs", hostile_job), ("logs", hostile_job, "-n", "1"),
        ("events", hostile_job), ("ledger", hostile_job), ("queue",), ("clone", hostile_job),
        ("pause", hostile_job), ("show", HOSTILE), ("estimate", hostile_job), ("trash",),
        ("delete", hostile_job), ("trash",), ("restore", hostile_job), ("doctor",), ("reindex",),
    ):  # fmt: skip
        _, out, err = in_process(*words, *(["--json"] if as_json else []))
        assert out + err
        assert_harmless(out + err)
        assert words[0] == "logs" or "\x1b" not in out, words


def test_colours_of_a_log_pass(hostile_job, in_process) -> None:
    assert in_process("logs", hostile_job)[1].startswith("\x1b[33mwarm\x1b[0m\na�]0;owned�")


def test_names_are_made_visible_where_runs_are_indexed(home, hostile_job, in_process) -> None:
    record = Client(home).run(hostile_job).job
    write_json(record, read_json(record) | {"name": HOSTILE, "created_by": f"eve{BIDI}"})
    assert in_process("reindex")[0] == 0
    job = Client(home).job(hostile_job)
    assert_harmless(job.name + job.created_by, allowed="")
    assert job.created_by.startswith("eve�gpj.exe")
