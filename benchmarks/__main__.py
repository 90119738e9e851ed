"""Runs every benchmark, or those named: `python -m benchmarks [--quick] [store training live]`.

`--quick` runs each on little, two side by side, to see that they run: their figures mean nothing.
A benchmark's `QUICK` holds the settings that are others then.
"""

import importlib
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gladius_widgets.core.text.suggest import did_you_mean


def main() -> int:
    """Run them one after another; a mistyped name is answered with the nearest."""
    known = sorted(p.stem for p in Path(__file__).parent.glob("[!_]*.py"))
    chosen = [name for name in sys.argv[1:] if name != "--quick"] or known
    for name in chosen:
        if name not in known:
            nearest = did_you_mean(name, [*known, "--quick"])
            print(f"There is no benchmark '{name}'. {nearest}", file=sys.stderr)
            return 2
    is_quick = "--quick" in sys.argv[1:]
    if is_quick and len(chosen) > 1:
        return side_by_side(reversed(chosen))  # the longest is the last
    for name in chosen:
        print(f"\n== {name} ==", flush=True)
        module = importlib.import_module(f"benchmarks.{name}")
        if is_quick:
            for setting, value in getattr(module, "QUICK", {}).items():
                assert hasattr(module, setting), f"{name} has no {setting}"
                setattr(module, setting, value)
        module.main()
    return 0


def side_by_side(names: Iterable[str]) -> int:
    """Each on little in a process of its own, two at once; returns the worst exit status."""

    def run(name: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "benchmarks", "--quick", name]
        return subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)

    worst = 0
    with ThreadPoolExecutor(2) as pool:
        for done in pool.map(run, names):
            print(done.stdout, end="", flush=True)
            worst = max(worst, abs(done.returncode))
    return worst


if __name__ == "__main__":
    sys.exit(main())
