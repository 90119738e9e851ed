"""The first lines of the log."""

from importlib.metadata import version
from typing import Any

from transformers import PreTrainedTokenizerBase

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.config.schema import DataSection, TrainingConfig
from gladius_widgets.core.data_files import NO_ROWS
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.training.data.token_writer import bad_rows_text
from gladius_widgets.training.output.log_lines import count_word

_TOLD_FILES = 20
_MUCH_LOST = 0.05  # share of all tokens


def banner(
    config: TrainingConfig,
    run: RunDirectory,
    data: dict[str, Any],
    tokenizer: PreTrainedTokenizerBase,
    status: RunStatus,
) -> list[str]:
    """What is trained on what, where."""
    model = status.model
    experts = f", {model['experts']} experts" if model.get("experts") else ""
    size = f"{count_word(model['parameters'])} params{experts}"
    file = (read_json(run.job) or {}).get("config_file") or run.config.name
    lines = [
        f"Initializing GLADIUS Training Pipeline {version('gladius-widgets')}",
        "═" * 60,
        f"✓ Config loaded: {str(file).rsplit('/', 1)[-1]}",
        f"✓ Dataset: {config.data.path} ({sizes_text(data)})",
        f"✓ Model: {config.model.name} ({size})",
        f"✓ Tokenizer: {type(tokenizer).__name__} (vocab_size={len(tokenizer):,})",
        f"✓ Device: {status.device}",
    ]
    return lines + data_lines(config.data, data)


def data_lines(config: DataSection, data: dict[str, Any]) -> list[str]:
    """Which files were read, and what of them is not in the training, as lines of the log.

    Args:
        config: the data section.
        data: the stats of the prepared data; what older versions did not count is not told.
    """
    lines = [
        f"[INFO] Read {file['path']}: {file['rows']:,} rows for {file['split']}"
        for file in data.get("files", [])[:_TOLD_FILES]
    ]
    if (more := len(data.get("files", [])) - _TOLD_FILES) > 0:
        lines.append(f"[INFO] Read {more:,} more files")
    for path, why in data.get("passed_over", [])[:_TOLD_FILES]:
        level = "INFO" if why in NO_ROWS else "WARN"
        lines.append(f"[{level}] Passed over {path}: {why}")
    if data["bad_rows"]:
        reasons = bad_rows_text(data["bad_reasons"])
        lines.append(f"[WARN] {data['bad_rows']:,} rows left out: {reasons}")
    if columns := data.get("unused_columns"):
        lines.append(f"[INFO] Columns that are not used: {', '.join(columns)}")
    if repeated := data.get("repeated_rows"):
        held = data["split_rows"]["validation"] + data["split_rows"]["test"]
        lines.append(
            f"[WARN] {repeated:,} of {held:,} validation and test rows stand in the training rows "
            "too, so that their loss says little"
        )
    if data["cut_rows"]:
        lines.append(_lost_line(config.max_length, data))
    return lines


def split_rows(data: dict[str, Any]) -> dict[str, int]:
    """How many rows each split has, from the stats of the prepared data."""
    return data.get("split_rows", data["splits"])


def sizes_text(data: dict[str, Any]) -> str:
    """The same in words."""
    rows = split_rows(data)
    return f"{rows['train']:,} train, {rows['validation']:,} validation, {rows['test']:,} test rows"


def _lost_line(max_length: int, data: dict[str, Any]) -> str:
    words = f"{data['cut_rows']:,} rows cut to {max_length:,} tokens"
    lost = data.get("lost_tokens")
    if not lost:
        return f"[INFO] {words}"
    total = lost + data["tokens"]
    level = "WARN" if lost > _MUCH_LOST * total else "INFO"
    return f"[{level}] {words}: {lost:,} of {total:,} tokens ({lost / total:.1%}) are lost"
