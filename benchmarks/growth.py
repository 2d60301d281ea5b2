"""How a proof grows with its kernel: ``python benchmarks/growth.py``.

Typed flash attention with one tile of queries and 64 … 4096 tiles of keys. Each proof runs in a process of its own,
so that no cache of a smaller one helps. The exponent is the slope of the least-squares line through the logarithms
of tiles and best times. The exit status is 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import math
import sys

from flash_kernel import FORMS
from measurement import Measured, best, prove_in_fresh_process, setting, time_text
from rich.console import Console
from rich.table import Table

SIZES = (64, 256, 1024, 4096)
EXPONENT = 1.15
DRIFT = 0.10
"""How far the operations per tile may lie apart, as a share of the least."""

LARGEST = 4096
SECONDS, MEMORY = 6.0, 1 << 30
"""What the proof of ``LARGEST`` tiles may take, its trace and imports included in the memory."""


def slope(points: list[tuple[float, float]]) -> float:
    """The least-squares slope of log y over log x."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x, mean_y = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def measure(form: str, sizes: list[int], count: int) -> dict[int, Measured]:
    """Round by round over all sizes: what disturbs the machine for a while then meets every size."""
    rounds = [{tiles: prove_in_fresh_process("stile", form, tiles) for tiles in sizes} for _ in range(count)]
    return {tiles: best([found[tiles] for found in rounds]) for tiles in sizes}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of tiles, two at least")
    parser.add_argument("--form", choices=sorted(FORMS), default="every-tile")
    parser.add_argument("--count", type=int, default=5, help="proofs of each size, of which the best counts")
    options = parser.parse_args()
    if len(set(options.sizes)) < 2:
        parser.error("a slope needs two different sizes")

    found = measure(options.form, options.sizes, options.count)
    table = Table(title=f"Proof of typed flash attention by number of tiles, best of {options.count}")
    for name in ("tiles", "proof", "per tile", "operations", "operations per tile", "memory"):
        table.add_column(name, justify="right")
    rates: list[float] = []
    for tiles, m in found.items():
        assert m.operations is not None
        rates.append(m.operations / tiles)
        per_tile = f"{m.seconds / tiles * 1e3:.2f} ms"
        table.add_row(
            str(tiles), time_text(m.seconds), per_tile, str(m.operations), f"{rates[-1]:.2f}", f"{m.memory >> 20} MiB"
        )
    table.caption = setting()

    exponent = slope([(tiles, m.seconds) for tiles, m in found.items()])
    drift = max(rates) / min(rates) - 1
    console = Console()
    console.print(table)
    targets = [
        (f"fitted exponent {exponent:.2f}", f"≤ {EXPONENT}", exponent <= EXPONENT),
        (f"operations per tile differ by {drift:.1%}", f"≤ {DRIFT:.0%}", drift <= DRIFT),
    ]
    last = found.get(LARGEST)
    if last is not None:
        targets += [
            (f"{LARGEST} tiles {time_text(last.seconds)}", f"≤ {time_text(SECONDS)}", last.seconds <= SECONDS),
            (f"{LARGEST} tiles {last.memory >> 20} MiB", f"≤ {MEMORY >> 20} MiB", last.memory <= MEMORY),
        ]
    for what, target, reached in targets:
        console.print(f"{what}  (target {target}: {'[green]reached' if reached else '[red]missed'}[/])")
    return 0 if all(reached for _, _, reached in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
