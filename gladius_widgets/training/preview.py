"""A look at a config's data before a job trains on it, as JSON.

Launched as `python -m gladius_widgets.training.preview`, with one JSON object on standard input:
`{"data": …, "model": … or null, "home": folder, "rows": 5, "most": 5000, "limit_s": 60,
"characters": 600}`; the last three may be null for no limit. It answers with one JSON object on
standard output, `{"error": …, "hint": …}` when there is nothing to see. It reads what is on this
machine; it never downloads.
"""

import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from gladius_widgets.core.config.names import Package
from gladius_widgets.core.config.schema import DataSection, ModelSection
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home
from gladius_widgets.training.data.preview_samples import shown_samples
from gladius_widgets.training.data.tokenize_all import TokenizedData, tokenize_data
from gladius_widgets.training.model.sources import packaged_folder
from gladius_widgets.training.rows.rows import Row

_TOKENIZER_ROWS = 1_000  # enough for a look, where rows are limited
_LARGEST_JSON_BYTES = 512 * 1024**2  # read as a whole


def preview(
    data: DataSection,
    model: ModelSection | None,
    home: Home,
    *,
    rows: int = 5,
    most: int | None = None,
    limit_s: float | None = None,
    characters: int | None = None,
) -> dict[str, Any]:
    """What a job would read, keep, split and learn.

    Args:
        data: where the rows are and how they are read.
        model: whose tokenizer counts tokens; None counts none.
        home: its cache may hold a model.
        rows: how many usable rows to show.
        most: read so many rows and no more.
        limit_s: read and encode for about so long.
        characters: show so many of a row and no more.

    Returns:
        `files` ({path, split, rows}), `rows` (usable ones of each split, and `bad`), `bad` ({row,
        reason} of the first 1,000), `unused_columns`, `answers`, `answers_ended`, `tokens` ({total,
        learnt, lost}), `samples` ({turns: {role, text}, tokens: [text, learnt]} of the first
        rows); and for people `passed_over` ([path, reason]), `bad_reasons`, `repeated_rows` (held
        out, and in the training rows too), `length` (tokens of a sample), `complete` (all rows
        were read), `refusal` and `refusal_hint` (why a job would not begin, and what to do), `note`
        and `missing` (a module that counting tokens needs).

    Raises:
        GladiusError: the source is not there or not readable, or holds no row.
    """
    if limit_s is not None:
        _check_size(data.path)
    make, note, missing = _tokenizer(model, home, _TOKENIZER_ROWS if most is not None else None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = tokenize_data(
            data, make, folder, lambda _text: None,
            keep=rows, most=most, limit_s=limit_s and limit_s / 4,
        )  # fmt: skip
        stats = found.stats
        return {
            "files": stats["files"],
            "rows": stats["split_rows"] | {"bad": stats["bad_rows"]},
            "bad": found.writer.bad,
            "unused_columns": stats["unused_columns"],
            **_token_figures(stats, is_counted=make is not None),
            "samples": shown_samples(found.first, folder, found.tokenizer, characters),
            **{name: stats[name] for name in ("passed_over", "bad_reasons", "repeated_rows")},
            "length": stats["length"],
            "complete": found.complete,
            **_refusal(found),
            "note": " ".join(filter(None, [note, *stats["warnings"]])),
            "missing": missing,
        }


def main() -> int:
    """Answer one question from standard input."""
    try:
        question = json.load(sys.stdin)
        if question["limit_s"] is not None:
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
    names = ("rows", "most", "limit_s", "characters")
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


def _token_figures(stats: dict[str, Any], *, is_counted: bool) -> dict[str, Any]:
    if not is_counted:
        nothing = dict.fromkeys(("total", "learnt", "lost"))
        return {"answers": None, "answers_ended": None, "tokens": nothing}
    lost = stats["lost_tokens"]
    return {
        "answers": stats["answers"],
        "answers_ended": stats["answers_ended"],
        "tokens": {
            "total": stats["tokens"] + lost, "learnt": stats["supervised_tokens"], "lost": lost,
        },
    }  # fmt: skip


def _refusal(found: TokenizedData) -> dict[str, str]:
    """Why a job would refuse the data, and what to do; empty texts when it would not."""
    try:
        found.writer.check()
    except GladiusError as error:
        return {"refusal": error.message, "refusal_hint": error.hint}
    return {"refusal": "", "refusal_hint": ""}


_Make = Callable[[Iterator[Row]], Any]


def _tokenizer(
    model: ModelSection | None, home: Home, most: int | None
) -> tuple[_Make | None, str, str]:
    """What makes the tokenizer from the training rows, a note, and what is not installed."""
    if model is None:
        return None, "Name a model to count tokens.", ""
    try:
        from gladius_widgets.training.data.tokenizer import load_tokenizer, train_tokenizer

        if vocab := model.train_tokenizer_vocab:
            note = f"Of a tokenizer trained on {most or 0:,} rows at most; the job trains its own."
            return (
                lambda rows: train_tokenizer(islice(rows, most), vocab, model.chat_template),
                note if most else "",
                "",
            )
        source = model.tokenizer or _offline_folder(model, home)
        if source is None:
            return None, f"The tokenizer of {model.name} is not on this machine yet.", ""
        told: list[str] = []
        tokenizer = load_tokenizer(source, model.revision, model.chat_template, told.append)
    except ModuleNotFoundError as error:
        return None, f"Tokens are not counted: {error.name} is not installed.", error.name or ""
    except GladiusError as error:
        return None, f"Tokens are not counted. {error.message}", ""
    return lambda _rows: tokenizer, " ".join(told), ""


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
