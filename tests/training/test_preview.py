"""The preview of a data source, as the form launches it: a process of its own."""

import json
import os
import subprocess
import sys

import pytest

from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.paths import Home
from gladius_widgets.training.data.prepare import prepare_data


def ask(home, data, model=None, **limits):
    question = {"data": data, "model": model, "home": str(home), "limit_s": 60, **limits}
    done = subprocess.run(
        [sys.executable, "-m", "gladius_widgets.training.preview"],
        input=json.dumps(question), capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_rows_and_bad_rows_without_a_tokenizer(tmp_path):
    source = tmp_path / "data.jsonl"
    good = {"messages": [{"role": "user", "content": "x" * 1000}, {"role": "gpt", "content": "é"}]}
    lines = [json.dumps(good), "{broken", json.dumps({"messages": []}), json.dumps(good)]
    source.write_text("\n".join(lines))
    seen = ask(tmp_path, {"path": str(source), "format": "chat"}, rows=1, characters=100)
    assert seen["rows"] == {"train": 1, "validation": 1, "test": 0, "bad": 2}
    assert seen["files"] == [{"path": str(source), "split": "train", "rows": 4}]
    assert seen["complete"]
    assert [bad["row"] for bad in seen["bad"]] == [2, 3]
    assert seen["bad_reasons"]["a line is not JSON"] == {"rows": 1, "first": 2}
    assert "2 of 4 rows" in seen["refusal"]
    ((question,),) = [sample["turns"] for sample in seen["samples"]]
    assert question == {"role": "user", "text": "x" * 100 + "…"}
    assert seen["tokens"] == {"total": None, "learnt": None, "lost": None}
    assert seen["note"] == "Name a model to count tokens."


def test_tokens_are_those_of_the_tokenizer_that_the_job_will_train(tmp_path):
    source = tmp_path / "data.jsonl"
    answered = [{"role": "user", "content": "hé 👋"}, {"role": "assistant", "content": "yes, 🤖"}]
    rows = [{"messages": answered}] * 8 + [{"messages": answered[:1]}] * 2
    source.write_text("\n".join(map(json.dumps, rows)))
    model = {"name": "new", "train_tokenizer_vocab": 300, "from_scratch": {"model_type": "qwen3"}}
    data = {"path": str(source), "max_length": 64, "max_bad_share": 0.5}
    seen = ask(tmp_path, data, model, rows=2)
    prepared = prepare_data(
        TrainingConfig.model_validate({"model": model, "data": data}),
        Home(tmp_path / "home"), "", lambda _text: None,
    ).stats  # fmt: skip
    assert seen["tokens"] == {
        "total": prepared["tokens"], "learnt": prepared["supervised_tokens"], "lost": 0,
    }  # fmt: skip
    assert seen["rows"] == prepared["split_rows"] | {"bad": 2}
    assert (seen["note"], seen["refusal"]) == ("", "")
    assert len(seen["samples"]) == 2
    tokens = seen["samples"][0]["tokens"]
    assert "".join(text for text, _ in tokens) == (
        "<|im_start|>user\nhé 👋<|im_end|>\n<|im_start|>assistant\nyes, 🤖<|im_end|>\n"
    )
    assert "".join(text for text, learnt in tokens if learnt) == "yes, 🤖<|im_end|>\n"
    assert len(tokens) > 12, "one piece a token"


def test_a_part_of_a_large_source_says_so(tmp_path):
    source = tmp_path / "data.jsonl"
    source.write_text('{"text": "a b c"}\n' * 500)
    seen = ask(tmp_path, {"path": str(source)}, most=100)
    assert (sum(seen["rows"].values()), seen["complete"]) == (100, False)
    seen = ask(tmp_path, {"path": str(source), "max_samples": 100})
    assert (sum(seen["rows"].values()), seen["complete"]) == (100, True)


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
