"""Where runs happen: one module a kind of machine, all behind the same few calls."""

from gladius_widgets.core.errors import GladiusError
from gladius_widgets.core.paths import Home
from gladius_widgets.core.text.suggest import did_you_mean
from gladius_widgets.engines.base import Engine, EngineState
from gladius_widgets.engines.local import LocalEngine

__all__ = ["ENGINES", "Engine", "EngineState", "LocalEngine", "make_engine"]

ENGINES: dict[str, type[LocalEngine]] = {"local": LocalEngine}


def make_engine(name: str, home: Home) -> Engine:
    """The engine of that name.

    Raises:
        GladiusError: there is none.
    """
    if name not in ENGINES:
        raise GladiusError(f"There is no engine '{name}'.", did_you_mean(name, ENGINES))
    return ENGINES[name](home)
