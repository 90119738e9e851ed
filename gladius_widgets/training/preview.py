"""A look at a data source before a job trains on it: first rows, bad rows, lengths, as JSON.

Launched as `python -m gladius_widgets.training.preview`, with one JSON object on standard input:
`{"data": …, "model": … or null, "home": folder, "rows": 5, "scan": 20000, "limit_s": 60}`. It
answers with one JSON object on standard output, `{"error": …, "hint": …}` when there is nothing to
see. It reads what is on this machine; it never downloads.
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from gladius_widgets.core.config import DataSection, ModelSection
from gladius_widgets.core.config_names import Package
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home
from gladius_widgets.training.row_files import read_rows
from gladius_widgets.training.rows import BadRowError, Row
from gladius_widgets.training.sources import packaged_folder

_SHOWN_CHARACTERS = 280
_SHOWN_TURNS = 6
_TOKENIZED_ROWS = 1_000
_TOKENIZED_AT_ONCE = 50
_LARGEST_JSON_BYTES = 512 * 1024**2  # read as a whole
_NO_CUT = 1_048_576


def preview(
    data: DataSection,
    model: ModelSection | None,
    home: Home,
    *,
    rows: int = 5,
    scan: int = 20_000,
    limit_s: float = 60,
) -> dict[str, Any]:
    """The first rows of a data source and how long its rows are.

    Args:
        data: where the rows are and how they are read.
        model: whose tokenizer counts tokens; None counts none.
        home: its cache may hold a model.
        rows: how many usable rows to show.
        scan: read at most so many rows.
        limit_s: read for at most half this time; the figures are then of the rows so far.

    Returns:
        `rows` (each a list of {role, content, cut}), `scanned`, `usable`, `bad`, `bad_reasons`,
        `complete` (all rows were read), `characters` and `tokens` ({min, p50, p95, max} of a
        row), `tokenized` (rows), `unlearnable` ({reason: rows} among them, such as those without
        an answer), `over_length` (share of them that is cut at max_length), `token_note` (why
        there are no tokens, or whose they are).

    Raises:
        GladiusError: the source is not there or not readable, or holds no row.
    """
    _check_size(data.path)
    deadline = time.monotonic() + limit_s / 2
    kept: list[Row] = []
    bad: Counter[str] = Counter()
    lengths: list[int] = []
    most = min(scan, data.max_samples or scan)
    complete = False
    source = read_rows(data)
    for row in islice(source, most):
        if isinstance(row, BadRowError):
            bad[str(row)] += 1
        else:
            lengths.append(sum(len(turn["content"]) for turn in row.messages) or len(row.text))
            if len(kept) < _TOKENIZED_ROWS:
                kept.append(row)
        if time.monotonic() > deadline:
            break
    else:
        complete = most == data.max_samples or next(source, None) is None
    scanned = len(lengths) + bad.total()
    if not scanned:
        raise GladiusError(f"{data.path} holds no rows.", "Check the path.")
    return {
        "rows": [_shown(row) for row in kept[:rows]],
        "scanned": scanned,
        "complete": complete,
        "usable": len(lengths),
        "bad": bad.total(),
        "bad_reasons": dict(bad.most_common(5)),
        "characters": _percentiles(lengths),
        **_tokens(kept, data, model, home, deadline + limit_s / 4),
    }


def main() -> int:
    """Answer one question from standard input."""
    try:
        question = json.load(sys.stdin)
        signal.alarm(int(question["limit_s"]) + 5)  # should nobody be left to end us
        # Libraries print as they please; only the answer may reach standard output.
        with contextlib.redirect_stdout(sys.stderr):
            answer = _answer(question)
    except GladiusError as error:
        answer = {"error": error.message, "hint": error.hint}
    except OSError as error:
        answer = {"error": f"The data cannot be read: {error.strerror}.", "hint": "Check it."}
    print(json.dumps(answer))  # noqa: T201  the answer
    return 0


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ[name] = "1"
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    data = DataSection.model_validate(question["data"])
    model = ModelSection.model_validate(question["model"]) if question["model"] else None
    names = ("rows", "scan", "limit_s")
    limits = {name: question[name] for name in names if name in question}
    try:
        return preview(data, model, Home(question["home"]), **limits)
    except GladiusError as error:
        if "hub data set" not in error.message:
            raise
        raise GladiusError(
            f"There is no file or folder '{data.path}', and as a hub data set it is not on this "
            "machine yet.",
            "The job will look for it on the hub; a preview downloads nothing.",
        ) from None
    except ModuleNotFoundError as error:
        raise GladiusError(
            f"Reading this data needs {error.name}, which is not installed here.",
            "pip install 'gladius-widgets[train]'.",
        ) from None


def _check_size(source: str) -> None:
    path = Path(source).expanduser()
    is_json = path.suffix.lower() == ".json" and path.is_file()
    if is_json and path.stat().st_size > _LARGEST_JSON_BYTES:
        raise GladiusError(f"{path} is too large for a preview.", "As .jsonl it could be seen.")


def _shown(row: Row) -> list[dict[str, Any]]:
    turns = list(row.messages) or [{"role": "text", "content": row.text}]
    shown = [
        {
            "role": turn["role"][:40],
            "content": turn["content"][:_SHOWN_CHARACTERS],
            "cut": max(0, len(turn["content"]) - _SHOWN_CHARACTERS),
        }
        for turn in turns[:_SHOWN_TURNS]
    ]
    if len(turns) > _SHOWN_TURNS:
        shown.append({"role": "", "content": "", "cut": len(turns) - _SHOWN_TURNS})
    return shown


def _percentiles(lengths: Sequence[int]) -> dict[str, int] | None:
    if not lengths:
        return None
    p50, p95 = np.percentile(lengths, [50, 95])
    return {"min": min(lengths), "p50": int(p50), "p95": int(p95), "max": max(lengths)}


def _tokens(
    rows: list[Row], data: DataSection, model: ModelSection | None, home: Home, deadline: float
) -> dict[str, Any]:
    """Lengths in tokens, where a tokenizer is on this machine."""
    nothing: dict[str, Any] = {
        "tokens": None, "tokenized": 0, "unlearnable": {}, "over_length": None,
    }  # fmt: skip
    if model is None:
        return nothing | {"token_note": "Name a model to count tokens."}
    try:
        tokenizer, note = _tokenizer(rows, model, home)
    except ModuleNotFoundError as error:
        return nothing | {"token_note": f"Tokens are not counted: {error.name} is not installed."}
    except GladiusError as error:
        return nothing | {"token_note": f"Tokens are not counted. {error.message}"}
    lengths, unlearnable = _encoded(rows, data, tokenizer, deadline)
    over = sum(length > data.max_length for length in lengths)
    return {
        "tokens": _percentiles(lengths),
        "tokenized": len(lengths),
        "unlearnable": dict(unlearnable.most_common(5)),
        "over_length": over / len(lengths) if lengths else None,
        "token_note": note,
    }


def _tokenizer(rows: list[Row], model: ModelSection, home: Home) -> tuple[Any, str]:
    from gladius_widgets.training.tokenizer import load_tokenizer, train_tokenizer

    if model.train_tokenizer_vocab:
        note = f"Tokens of a tokenizer trained on {len(rows):,} rows; the job trains its own."
        return train_tokenizer(rows, model.train_tokenizer_vocab), note
    source = model.tokenizer or _offline_folder(model, home)
    if source is None:
        raise GladiusError(f"The tokenizer of {model.name} is not on this machine yet.")
    return load_tokenizer(source, model.revision), ""


def _encoded(
    rows: list[Row], data: DataSection, tokenizer: Any, deadline: float
) -> tuple[list[int], Counter[str]]:
    """Uncut lengths of the rows, as far as the time goes, and why others teach nothing."""
    from gladius_widgets.training.tokenization import encode_rows

    lengths: list[int] = []
    unlearnable: Counter[str] = Counter()
    for start in range(0, len(rows), _TOKENIZED_AT_ONCE):
        chunk = rows[start : start + _TOKENIZED_AT_ONCE]
        for item in encode_rows(
            chunk, tokenizer, max_length=_NO_CUT, answer_only=data.answer_only_loss
        ):
            if isinstance(item, BadRowError):
                unlearnable[str(item)] += 1
            else:
                lengths.append(sum(len(sample.ids) for sample in item))
        if time.monotonic() > deadline:
            break
    return lengths, unlearnable


def _offline_folder(model: ModelSection, home: Home) -> str | None:
    """The model's folder, if it is on this machine: its own, the fallback's, or the hub's cache."""
    if Path(model.name).expanduser().is_dir():
        return str(Path(model.name).expanduser())
    if model.fallback:
        cached = packaged_folder(Package.parse(model.fallback), home)
        if (cached / "config.json").exists():
            return str(cached)
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(model.name, revision=model.revision, local_files_only=True)
    except Exception:  # not cached, no valid name: the client raises many unrelated kinds
        return None


if __name__ == "__main__":
    sys.exit(main())
