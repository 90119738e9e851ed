"""The first lines of the log."""

from importlib.metadata import version
from typing import Any

from transformers import PreTrainedTokenizerBase

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.config import TrainingConfig
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.run_state import RunStatus
from gladius_widgets.training.log_lines import count_word
from gladius_widgets.training.token_files import bad_rows_text


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
        f"✓ Dataset: {config.data.path} ({data['rows']:,} examples)",
        f"✓ Model: {config.model.name} ({size})",
        f"✓ Tokenizer: {type(tokenizer).__name__} (vocab_size={len(tokenizer):,})",
        f"✓ Device: {status.device}",
    ]
    if data["bad_rows"]:
        reasons = bad_rows_text(data["bad_reasons"])
        lines.append(f"[WARN] {data['bad_rows']:,} rows left out: {reasons}")
    if data["cut_rows"]:
        lines.append(f"[INFO] {data['cut_rows']:,} rows cut to {config.data.max_length} tokens")
    return lines
