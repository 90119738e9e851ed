"""Merges adapters: `python -m gladius_widgets.training.checkpoint.merge --run DIR --out FOLDER`.

A process of its own, as it imports torch; the command line starts it.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from gladius_widgets.core.atomic import read_json
from gladius_widgets.core.config.load import load_config
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.core.write_errors import cannot_write, system_error


def merge(run: RunDirectory, out: Path, step: int | None = None) -> Path:
    """Write a checkpoint's model, adapters merged, as a folder that `from_pretrained` loads.

    A fully trained model has nothing to merge; its weights are written as they are.

    Args:
        run: the run directory.
        out: a folder that does not exist yet, or is empty.
        step: which checkpoint; None takes the newest.

    Raises:
        GladiusError: no such checkpoint, a damaged one, its base is gone, or `out` is taken.
    """
    from gladius_widgets.store.run.checkpoints import verify

    _check_free(out)
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
    building = out.with_name(f".{out.name}.tmp")
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir(parents=True)  # where it cannot be made, no model has to be read first
        _write(run, folder, building)
        building.rename(out)
    except GladiusError:
        raise
    except Exception as error:  # of the disk, of peft, of transformers
        if (failed := system_error(error)) and _is_of(failed, building, out):
            raise cannot_write(out, failed) from None
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise GladiusError(
            f"The model of {folder.name} cannot be written: {reason}.",
            "Check that there is room on the disk, and that its base model is whole.",
        ) from None
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return out


def _check_free(out: Path) -> None:
    try:
        is_taken = out.exists() and (not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise cannot_write(out, error) from None
    if is_taken:
        raise GladiusError(f"{out} is there already.", "Name a new folder.")


def _is_of(error: OSError, *folders: Path) -> bool:
    """Whether an error came of writing: one of a file that was read names that file."""
    if not isinstance(error.filename, str):
        return True
    named = Path(error.filename)
    return any(named.is_relative_to(one) or one.is_relative_to(named) for one in folders)


def _write(run: RunDirectory, checkpoint: Path, out: Path) -> None:
    os.environ.setdefault("TQDM_DISABLE", "1")
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
    from transformers.utils import GENERATION_CONFIG_NAME

    from gladius_widgets.training.model.lora import ADAPTER_FILE

    if (checkpoint / ADAPTER_FILE).exists():
        base = AutoModelForCausalLM.from_pretrained(_base(run, checkpoint), trust_remote_code=False)
        model = PeftModel.from_pretrained(base, checkpoint).merge_and_unload()
        if (checkpoint / GENERATION_CONFIG_NAME).exists():  # older checkpoints have none
            model.generation_config = GenerationConfig.from_pretrained(checkpoint)
    else:
        model = AutoModelForCausalLM.from_pretrained(checkpoint, trust_remote_code=False)
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(checkpoint, trust_remote_code=False).save_pretrained(out)


def _base(run: RunDirectory, checkpoint: Path) -> str:
    """The folder of the base model, wherever it lies by now."""
    from gladius_widgets.training.checkpoint.contents import STATE
    from gladius_widgets.training.model.sources import source_again

    if run.base.is_dir():
        return str(run.base)
    record = (read_json(checkpoint / STATE) or {}).get("source")
    source = source_again(record, load_config(run.config).model, run.home, lambda _text: None)
    if source is None:
        raise GladiusError(
            f"The untrained base model of {checkpoint.name} was not kept.",
            "Train the run anew: it is kept from then on.",
        )
    return source.folder


def main(argv: list[str] | None = None) -> int:
    """Merge and print the folder; 1 when it cannot be."""
    parser = argparse.ArgumentParser(
        prog="gladius_widgets.training.checkpoint.merge", description=__doc__
    )
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
