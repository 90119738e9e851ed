"""`gladius data`: what a job would read and learn, before anything is queued."""

import json
import re
import sys

import pytest
from typer.testing import CliRunner

from gladius_widgets.cli import app, main
from gladius_widgets.client.data_preview import answer
from gladius_widgets.core.errors import GladiusError

CONFIG = """
model:
  name: tiny
  train_tokenizer_vocab: 300
  from_scratch: {model_type: qwen3, hidden_size: 32}
data: {path: rows.jsonl, max_length: 64}
"""


def chat(number, answer="31 metres."):
    turns = [{"role": "user", "content": f"How deep is lake {number}?"}]
    return {"messages": [*turns, {"role": "assistant", "content": answer}], "note": "x"}


@pytest.fixture
def config(tmp_path):
    (tmp_path / "c.yaml").write_text(CONFIG)
    return tmp_path / "c.yaml"


def run(config, *options):
    home = config.parent / "home"
    return CliRunner().invoke(app, ["data", str(config), "--home", str(home), *options])


def test_json_has_files_splits_what_is_left_out_and_what_is_learnt(config):
    rows = config.parent / "rows.jsonl"
    lines = [json.dumps(chat(i)) for i in range(40)]
    rows.write_text("\n".join([*lines, "{broken"]))
    done = run(config, "--json", "--rows", "2", "--set", "data.validation_share=0.1")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert list(found) == [
        "files", "rows", "bad", "unused_columns", "answers", "answers_ended", "tokens", "samples",
    ]  # fmt: skip
    assert found["files"] == [{"path": str(rows), "split": "train", "rows": 41}]
    assert found["rows"] == {"train": 34, "validation": 4, "test": 2, "bad": 1}
    assert found["bad"] == [{"row": 41, "reason": "a line is not JSON"}]
    assert found["tokens"]["lost"] == 0
    assert 0 < found["tokens"]["learnt"] < found["tokens"]["total"]
    assert len(found["samples"]) == 2
    sample = found["samples"][0]
    assert sample["turns"] == [
        {"role": turn["role"], "text": turn["content"]} for turn in chat(0)["messages"]
    ]
    assert "".join(t for t, learnt in sample["tokens"] if learnt).strip() == "31 metres.<|im_end|>"
    assert not (config.parent / "home" / "cache").exists(), "it only looks"


def test_words_for_people_have_no_orders_for_the_terminal(config):
    hostile = "31\x1b]52;c;aGk=\x07 metres\u202e."
    rows = [json.dumps(chat(i, hostile)) for i in range(20)]
    (config.parent / "rows.jsonl").write_text("\n".join(rows))
    done = run(config, "--rows", "1")
    assert done.exit_code == 0, done.output
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.output)
    assert "18 train, 1 validation, 1 test, 0 left out" in done.output
    assert "⟦31" in done.output


def test_nothing_to_learn_is_a_sentence_and_exit_1(config):
    (config.parent / "rows.jsonl").write_text(json.dumps({"messages": chat(0)["messages"][:1]}))
    done = run(config)
    assert done.exit_code == 1
    assert "None of the 1 rows can be learnt from; row 1: " in done.output
    found = json.loads(run(config, "--json").stdout)
    assert found["error"].startswith("None of the 1 rows")
    assert found["rows"]["bad"] == 1


def test_data_that_a_job_refuses_is_a_problem_too(config):
    lines = [json.dumps(chat(i)) for i in range(30)]
    (config.parent / "rows.jsonl").write_text("\n".join([*lines, *["{broken"] * 10]))
    done = run(config)
    assert done.exit_code == 1
    assert done.output.count("10 of 40 rows of ") == 1
    assert "Mend the data, or raise data.max_bad_share." in done.output
    done = run(config, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert "10 of 40 rows of " in found["error"]
    assert found["hint"] == "Mend the data, or raise data.max_bad_share."
    assert found["rows"]["bad"] == 10
    allowed = run(config, "--json", "--set", "data.max_bad_share=0.3")
    assert allowed.exit_code == 0
    assert "error" not in json.loads(allowed.stdout)


def test_no_data_is_a_sentence_and_exit_1(config, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gladius", "data", str(config)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert "there is no file or folder rows.jsonl" in capsys.readouterr().err


def test_a_preview_that_broke_says_why_and_leads_nobody_into_the_same_failure():
    with pytest.raises(GladiusError) as failed:
        answer(b"", b"Traceback\nValueError: Stop argument must be an integer.\n", 1)
    assert failed.value.message == (
        "The preview failed: ValueError: Stop argument must be an integer."
    )
    assert failed.value.hint.startswith("The job reads its data in the same way")
