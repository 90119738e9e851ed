"""Runs every benchmark, or those named: `python -m benchmarks [--quick] [store training live]`.

`--quick` runs each on little, to see that it runs: its figures mean nothing. A benchmark's `QUICK`
holds the settings that are others then.
"""

import importlib
import sys
from pathlib import Path

from gladius_widgets.core.suggest import did_you_mean


def main() -> int:
    """Run them one after another; a mistyped name is answered with the nearest."""
    known = sorted(p.stem for p in Path(__file__).parent.glob("[!_]*.py"))
    chosen = [name for name in sys.argv[1:] if name != "--quick"] or known
    for name in chosen:
        if name not in known:
            nearest = did_you_mean(name, [*known, "--quick"])
            print(f"There is no benchmark '{name}'. {nearest}", file=sys.stderr)
            return 2
    for name in chosen:
        print(f"\n== {name} ==", flush=True)
        module = importlib.import_module(f"benchmarks.{name}")
        if "--quick" in sys.argv[1:]:
            for setting, value in getattr(module, "QUICK", {}).items():
                assert hasattr(module, setting), f"{name} has no {setting}"
                setattr(module, setting, value)
        module.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
