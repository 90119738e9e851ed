"""Raw rows of a loss curve as CSV."""

import io

import numpy as np
import pyarrow as pa
from pyarrow import csv

from gladius_widgets.panels.loss.axis import LossAxis, Range


def loss_csv(axis: LossAxis, shown: Range | None) -> bytes:
    """Every row of the visible range, none decimated, as UTF-8.

    Columns: step, epoch, time (unix s), tokens (trained on until then), training_loss,
    validation_loss (empty where none was made). What is not finite reads `nan` or `inf`.
    """
    history = axis.history
    rows = axis.rows_inside(shown)
    train = {name: history.train[name][rows].copy() for name in history.train.names}
    validation = np.full(len(train["step"]), np.nan)
    is_known = np.zeros(len(validation), dtype=bool)
    at = np.searchsorted(train["step"], history.validation["step"])
    inside = at < len(train["step"])
    inside[inside] = train["step"][at[inside]] == history.validation["step"][inside]
    validation[at[inside]] = history.validation["loss"][inside]
    is_known[at[inside]] = True
    table = pa.table(
        {
            "step": pa.array(train["step"].astype(np.int64)),
            "epoch": train["epoch"],
            "time": train["time"],
            "tokens": pa.array(train["tokens"].astype(np.int64)),
            "training_loss": train["loss"],
            "validation_loss": pa.array(validation, mask=~is_known),
        }
    )
    out = io.BytesIO()
    csv.write_csv(table, out, csv.WriteOptions(quoting_style="none"))
    return out.getvalue()
