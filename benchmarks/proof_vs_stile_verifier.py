"""The proof of one kernel, here and in stile-verifier: ``python benchmarks/proof_vs_stile_verifier.py``.

Typed flash attention with one tile of queries. Both verifiers get the same text (flash_kernel.py), trace it, and
parse the spec; only the proof is timed, each in a process of its own, in turn. stile-verifier is installed into a
virtual environment of its own under ``--cache``. The exit status is 1 if the target is missed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from flash_kernel import FORMS
from measurement import Measured, best, prove_in_fresh_process, setting, time_text
from rich.console import Console
from rich.table import Table

REQUIREMENTS = ("stile-verifier==0.1.4", "numpy", "einops")
TARGET = 1000.0
TARGET_FORM = "every-tile"
"""The form in which stile-verifier's own tests and documentation write the kernel."""

WORDS = {"every-tile": "divided at every tile", "end": "divided at the end"}
"""Where the kernel divides its output by the sum of the weights."""


def install(folder: Path) -> str:
    """The interpreter of the other verifier's environment, which is made where it is not there yet."""
    interpreter = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        venv.create(folder, with_pip=True, clear=True)
        command = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS]
        subprocess.run(command, check=True)
        ready.touch()
    return str(interpreter)


def compare(interpreter: str, form: str, tiles: int, count: int, other_count: int) -> tuple[Measured, Measured]:
    """The best proof of each; they take turns, so that both meet the same disturbances."""
    mine: list[Measured] = []
    theirs: list[Measured] = []
    for turn in range(max(count, other_count)):
        if turn < count:
            mine.append(prove_in_fresh_process("stile", form, tiles))
        if turn < other_count:
            theirs.append(prove_in_fresh_process("stile-verifier", form, tiles, interpreter))
    return best(mine), best(theirs)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiles", type=int, default=64)
    parser.add_argument("--forms", nargs="+", choices=sorted(FORMS), default=list(FORMS))
    parser.add_argument("--count", type=int, default=5, help="proofs here, of which the best counts")
    parser.add_argument("--other-count", type=int, default=1, help="proofs in stile-verifier, likewise")
    parser.add_argument("--cache", type=Path, help="folder for the environment of stile-verifier, kept for later runs")
    options = parser.parse_args()

    title = f"Proof of typed flash attention, one tile of queries, {options.tiles} tiles of keys"
    table = Table(title=title)
    table.add_column("kernel")
    for name in ("here", "stile-verifier", "ratio", "target"):
        table.add_column(name, justify="right")
    missed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if options.cache is None else options.cache
        interpreter = install(folder / "stile-verifier")
        for form in options.forms:
            mine, theirs = compare(interpreter, form, options.tiles, options.count, options.other_count)
            ratio = theirs.seconds / mine.seconds
            goal = ""
            if form == TARGET_FORM:
                missed = ratio < TARGET
                goal = f"≥ {TARGET:.0f} ×: {'[red]missed' if missed else '[green]reached'}"
            table.add_row(WORDS[form], time_text(mine.seconds), time_text(theirs.seconds), f"{ratio:.0f} ×", goal)
    counts = f"best of {options.count} here, of {options.other_count} in {REQUIREMENTS[0].replace('==', ' ')}"
    table.caption = f"{counts}; {setting()}"
    Console().print(table)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
