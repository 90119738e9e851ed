"""Adapters into their base: `python -m gladius_widgets.training.merge --run DIR --out FOLDER`.

A process of its own, as it imports torch; the command line starts it.
"""

import argparse
import os
import sys
from pathlib import Path

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import RunDirectory


def merge(run: RunDirectory, out: Path, step: int | None = None) -> Path:
    """Write a checkpoint's model, adapters merged, as a folder that `from_pretrained` loads.

    A fully trained model has nothing to merge; its weights are written as they are.

    Args:
        run: the run directory.
        out: a folder that does not exist yet, or is empty.
        step: which checkpoint; None takes the newest.

    Raises:
        GladiusError: no such checkpoint, a damaged one, or `out` is taken.
    """
    from gladius_widgets.training.checkpoint_store import verify

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise GladiusError(f"{out} is there already.", "Name a new folder.")
    steps = run.checkpoint_steps()
    chosen = step if step is not None else (steps[-1] if steps else None)
    if chosen is None or chosen not in steps:
        raise GladiusError(
            "The run has no such checkpoint.",
            f"It has those of step {', '.join(map(str, steps))}." if steps else "It has none yet.",
        )
    folder = run.checkpoint(chosen)
    _, problem = verify(folder)
    if problem:
        raise GladiusError(f"{folder.name} is not whole: {problem}.", "Take an earlier one.")
    return _write(folder, out)


def _write(checkpoint: Path, out: Path) -> Path:
    os.environ.setdefault("TQDM_DISABLE", "1")
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from gladius_widgets.training.lora import ADAPTER_FILE

    if (checkpoint / ADAPTER_FILE).exists():
        model = AutoPeftModelForCausalLM.from_pretrained(checkpoint).merge_and_unload()
    else:
        model = AutoModelForCausalLM.from_pretrained(checkpoint)
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(out)
    return out


def main(argv: list[str] | None = None) -> int:
    """Merge and print the folder; 1 when it cannot be."""
    parser = argparse.ArgumentParser(prog="gladius_widgets.training.merge", description=__doc__)
    parser.add_argument("--run", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--step", type=int)
    args = parser.parse_args(argv)
    try:
        print(merge(RunDirectory(args.run), args.out, args.step))  # noqa: T201  # a command line
    except GladiusError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201  # a command line
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
