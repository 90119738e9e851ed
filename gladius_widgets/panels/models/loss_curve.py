"""The loss curve in words, for those who do not see it."""

from gladius_widgets.panels import format as fmt
from gladius_widgets.panels.history import History
from gladius_widgets.panels.models import loss


def summary(history: History) -> str:
    """Its accessible name: range, newest and best values."""
    train, validation = history.train, history.validation
    if not len(train):
        return "Loss curve. No step yet."
    first, last = int(train["step"][0]), int(train["step"][-1])
    said = f"Loss curve, steps {first:,} to {last:,}. Training loss {fmt.loss(train['loss'][-1])}"
    if len(validation):
        said += f", validation loss {fmt.loss(validation['loss'][-1])}"
    best = loss.best(history)
    if best is not None and best.source == "validation":
        said += f". Best validation loss {fmt.loss(best.loss)} at step {int(best.step):,}"
    return said + "."
