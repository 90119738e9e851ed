"""The preview of a data source, as the form launches it: a process of its own."""

import json
import os
import subprocess
import sys

import pytest
from support import REPOSITORY

from gladius_widgets.core.config_file import load_config

CONFIG = load_config(REPOSITORY / "configs" / "moe_chitchat.yaml")


def ask(home, data, model=None, **limits):
    question = {"data": data, "model": model, "home": str(home), "limit_s": 60, **limits}
    done = subprocess.run(
        [sys.executable, "-m", "gladius_widgets.training.preview"],
        input=json.dumps(question), capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_rows_bad_rows_and_lengths(tmp_path):
    source = tmp_path / "data.jsonl"
    good = {"messages": [{"role": "user", "content": "x" * 1000}, {"role": "gpt", "content": "é"}]}
    lines = [json.dumps(good), "{broken", json.dumps({"messages": []}), json.dumps(good)]
    source.write_text("\n".join(lines))
    seen = ask(tmp_path, {"path": str(source), "format": "chat"}, rows=1)
    assert (seen["scanned"], seen["usable"], seen["bad"], seen["complete"]) == (4, 2, 2, True)
    assert seen["bad_reasons"] == {"a line is not JSON": 1, "no messages": 1}
    assert seen["characters"] == {"min": 1001, "p50": 1001, "p95": 1001, "max": 1001}
    ((question, answer),) = seen["rows"]
    assert (question["role"], len(question["content"]), question["cut"]) == ("user", 280, 720)
    assert (answer["role"], answer["content"], answer["cut"]) == ("assistant", "é", 0)
    assert seen["tokens"] is None
    assert seen["token_note"] == "Name a model to count tokens."


def test_tokens_of_a_tokenizer_that_the_job_will_train(tmp_path):
    source = tmp_path / "data.jsonl"
    answered = [{"role": "user", "content": "hello " * 30}, {"role": "assistant", "content": "yes"}]
    rows = [{"messages": answered}] * 8 + [{"messages": answered[:1]}] * 2
    source.write_text("\n".join(map(json.dumps, rows)))
    data = {"path": str(source), "max_length": 8}
    seen = ask(tmp_path, data, {"name": "new", "train_tokenizer_vocab": 300})
    assert seen["tokenized"] == 8
    assert seen["unlearnable"] == {"no answer to learn from": 2}
    assert seen["tokens"]["max"] > 8
    assert seen["over_length"] == 1.0
    assert "trained on 10 rows" in seen["token_note"]


def test_a_part_of_a_large_source_says_so(tmp_path):
    source = tmp_path / "data.jsonl"
    source.write_text('{"text": "a b c"}\n' * 500)
    seen = ask(tmp_path, {"path": str(source)}, scan=100)
    assert (seen["scanned"], seen["complete"]) == (100, False)
    seen = ask(tmp_path, {"path": str(source), "max_samples": 100})
    assert (seen["scanned"], seen["complete"]) == (100, True)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("missing.jsonl", None, "There is no data file"),
        ("some/hub-name", None, "as a hub data set it is not on this machine yet"),
        ("/etc/passwd", None, "is of no known data format"),
        ("../../../no/such", None, "There is no data file"),
        ("empty.jsonl", b"", "holds no rows"),
        ("list.json", b"{", "is not JSON"),
        ("notes.txt", b"hello", "is of no known data format"),
        ("bad.parquet", b"nothing of the sort", "cannot be read as parquet"),
        ("folder", "folder", "holds no data file"),
        ("pypi:unheard-of", None, "No reader is known for the package"),
    ],
)
def test_what_cannot_be_seen_is_one_sentence(tmp_path, name, content, sentence):
    path = name
    if content == "folder":
        (tmp_path / name).mkdir()
        path = str(tmp_path / name)
    elif content is not None:
        (tmp_path / name).write_bytes(content)
        path = str(tmp_path / name)
    seen = ask(tmp_path, {"path": path})
    assert sentence in seen["error"]
    assert "\n" not in seen["error"]
    assert seen["hint"]


def test_a_source_without_end_ends_by_itself(tmp_path):
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    done = subprocess.run(
        [sys.executable, "-m", "gladius_widgets.training.preview"],
        input=json.dumps({"data": {"path": str(pipe)}, "model": None, "home": ".", "limit_s": -4}),
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode < 0  # its alarm
