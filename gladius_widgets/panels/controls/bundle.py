"""All metrics, the log and the config of a run in one ZIP file."""

import os
import tempfile
import time
import zipfile
from pathlib import Path

from gladius_widgets.core.atomic import discard
from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import RunDirectory
from gladius_widgets.store.metrics import export
from gladius_widgets.store.metrics.schemas import TABLES

FORMATS = ("csv", "json", "parquet")


def bundle(run: RunDirectory, kind: str) -> Path:
    """Write `exports/<job>-<time>-<kind>.zip` and return its path.

    In a run that cannot be written it goes to a new folder for temporary files. It holds each
    metric table that has rows, train.log and config.yaml.

    Raises:
        GladiusError: an unknown format, or the disk is full.
    """
    folder = _folder(run)
    made = folder / f"{run.id}-{time.strftime('%Y%m%d-%H%M%S')}-{kind}.zip"
    parts: list[Path] = []
    try:
        for table in TABLES:
            part = folder / f".{made.stem}-{table}.{kind}"
            parts.append(part)
            if not export(run, table, kind, part).rows:
                part.unlink(missing_ok=True)
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for table, part in zip(TABLES, parts, strict=True):
                if part.exists():
                    archive.write(part, f"{table}.{kind}")
            for file in (run.log, run.config):
                if file.exists():
                    archive.write(file, file.name)
    except OSError as error:
        discard(made)
        raise GladiusError(
            f"The export could not be written: {error.strerror or error}.",
            "Check the disk's space and your permissions.",
        ) from None
    finally:
        for part in parts:
            discard(part)
    return made


def _folder(run: RunDirectory) -> Path:
    try:
        run.exports.mkdir(exist_ok=True)
    except OSError:  # it can be looked at, but not changed; or its disk is full
        return Path(tempfile.mkdtemp(prefix="gladius-export-"))
    may_write = os.access(run.exports, os.W_OK)
    return run.exports if may_write else Path(tempfile.mkdtemp(prefix="gladius-export-"))
