"""Fetch model and data of configs ahead: `python -m gladius_widgets.training.prefetch X.yaml …`.

Afterwards a run of these configs needs no network.
"""

import argparse
import os
import sys
from pathlib import Path

from gladius_widgets.core.config.file_paths import with_absolute_paths
from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.config.schema import TrainingConfig
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home


def prepare(config: TrainingConfig, home: Home) -> None:
    """Download the model and tokenize the data of one config into the home's cache.

    Raises:
        GladiusError: something is not to be had.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")
    from gladius_widgets.training.data.prepare import prepare_data
    from gladius_widgets.training.model.sources import resolve_source

    source = resolve_source(config.model, home, _say)
    tokenizer = source.folder if source else config.model.tokenizer or ""
    stats = prepare_data(config, home, tokenizer, _say).stats
    _say(f"ready: {stats['rows']:,} rows, {stats['tokens']:,} tokens")


def main(argv: list[str] | None = None) -> int:
    """Prepare each config; 1 when one of them cannot be."""
    parser = argparse.ArgumentParser(prog="gladius_widgets.training.prefetch", description=__doc__)
    parser.add_argument("config", nargs="+", type=Path)
    parser.add_argument("--home", type=Path, help="default: $GLADIUS_HOME or ~/.gladius")
    args = parser.parse_args(argv)
    for path in args.config:
        try:
            _say(f"{path}:")
            prepare(with_absolute_paths(load_config(path), path.parent), Home(args.home))
        except GladiusError as error:
            print(f"Error: {error}", file=sys.stderr)  # noqa: T201  # a command line
            return 1
    return 0


def _say(text: str) -> None:
    print(f"  {text}", flush=True)  # noqa: T201  # a command line


if __name__ == "__main__":
    sys.exit(main())
