"""How long ``stile prove`` takes on a small pair, the start of the process included: ``python benchmarks/start.py``.

A few pairs of a line, each in a process of its own, in turn; what counts is the median. The bytecode of the sources
is there from a first run, as it is after an installation. The exit status is 1 if the target is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

from measurement import ROOT, setting, time_text
from rich.console import Console
from rich.table import Table

SECONDS = 0.4
PAIRS = {
    "a sum in two parts": ("sum[N](X:N)", "sum[N where N < 3](X:N) + sum[N where N >= 3](X:N)", "N=8"),
    "softmax, safe and plain": ("softmax[N](X:N)", "exp(X:N) / sum[N](exp(X:N))", "N=64"),
    "for every size": ("mean[N](X:N)", "sum[N](X:N) / size(N)", "N=k"),
    "a wrong sum": ("sum[N](exp(X:N))", "sum[N where N != 3](exp(X:N))", "N=8"),
}


def seconds(pair: tuple[str, str, str], interpreter: str) -> float:
    """From the start of one process to its end."""
    first, second, size = pair
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    command = [interpreter, "-m", "stile_engine", "prove", first, second, "--dim", size]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    taken = time.perf_counter() - start
    if done.returncode not in (0, 1) or not done.stdout.startswith(("✓", "✗")):
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=15, help="processes for each pair")
    parser.add_argument("--interpreter", default=sys.executable, help="another environment, such as a user's")
    options = parser.parse_args()

    for pair in PAIRS.values():
        seconds(pair, options.interpreter)
    taken: dict[str, list[float]] = {name: [] for name in PAIRS}
    for _ in range(options.count):
        for name, pair in PAIRS.items():
            taken[name].append(seconds(pair, options.interpreter))
    table = Table(title=f"stile prove, {options.count} processes each")
    for heading in ("pair", "median", "best", "target"):
        table.add_column(heading, justify="left" if heading == "pair" else "right")
    missed = False
    for name, times in taken.items():
        median = statistics.median(times)
        missed |= median > SECONDS
        reached = "[red]missed" if median > SECONDS else "[green]reached"
        table.add_row(name, time_text(median), time_text(min(times)), f"≤ {time_text(SECONDS)}: {reached}")
    table.caption = setting()
    Console().print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
