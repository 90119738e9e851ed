"""Runs every benchmark, or those named: `python -m benchmarks [store training live]`."""

import importlib
import sys
from pathlib import Path

from gladius_widgets.core.suggest import did_you_mean


def main() -> int:
    """Run them one after another; a mistyped name is answered with the nearest."""
    known = sorted(p.stem for p in Path(__file__).parent.glob("[!_]*.py"))
    chosen = sys.argv[1:] or known
    for name in chosen:
        if name not in known:
            print(f"There is no benchmark '{name}'. {did_you_mean(name, known)}", file=sys.stderr)
            return 2
    for name in chosen:
        print(f"\n== {name} ==")
        importlib.import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
