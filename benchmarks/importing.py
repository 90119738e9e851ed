"""What `from gladius_widgets import LossChart` costs, as a multiple of what it cannot do without.

Processor time of new processes, one of each in turn, since others may share the machine.

python -m benchmarks.importing
"""

import resource
import statistics
import subprocess
import sys

NEEDED = "import bqplot, anywidget, pyarrow"
OURS = "from gladius_widgets import LossChart"
TIMES = 15
QUICK = {"TIMES": 1}


def main() -> None:
    """Measure and print one line a figure."""
    for script in (NEEDED, OURS):  # once for the files' sake: compiled, and in memory
        processor_s(script)
    pairs = [(processor_s(NEEDED), processor_s(OURS)) for _ in range(TIMES)]
    needed_s, ours_s = map(statistics.median, zip(*pairs, strict=True))
    print(f"Processor time of an import, median of {TIMES}")
    print(f"  {NEEDED:<48}{needed_s * 1e3:>10,.0f} ms")
    print(f"  {OURS:<48}{ours_s * 1e3:>10,.0f} ms")
    print(f"  {'ratio (at most 1.2)':<48}{ours_s / needed_s:>10,.2f}")


def processor_s(script: str) -> float:
    """Seconds of all cores that a new interpreter takes for a script, its start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", script], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main()
