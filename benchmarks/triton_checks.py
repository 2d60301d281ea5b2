"""Triton kernels over all sizes, from text to verdict: ``python benchmarks/triton_checks.py``.

Causal flash attention and matmul as they stand in ``samples/``, then kernels that read where their elements lie from
data. A check is what the editor waits for: the text is run, Triton's compiler makes TTIR of the kernel, TTIR is read,
the obligations are shown, and the result is proved. It is made in a fork of a process that is warm and has met no such
kernel, as in the worker. The processor time of the whole check counts, in the best of some runs. The exit status is 1
if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from measurement import ROOT, setting, time_text
from rich.console import Console
from rich.table import Table

SAMPLES = ROOT / "samples" / "triton_kernels.py"
DATA = ROOT / "tests" / "unit" / "triton_data_kernels.txt"


@dataclass(frozen=True, slots=True)
class Row:
    """A kernel of a file. ``target``: seconds of processor time."""

    title: str
    file: Path
    kernel: str
    target: float


ROWS = (
    Row("causal flash attention", SAMPLES, "causal_attention", 0.25),
    Row("matmul", SAMPLES, "matmul", 0.25),
    Row("grouped matmul", DATA, "grouped_matmul", 2),
    Row("paged decode", DATA, "paged_decode", 2),
    Row("packed sequences", DATA, "packed_attention_of_all", 2),
)

RUN = """
import json, os, sys, time
from stile_engine.check import check
from stile_engine.index.work import budget
from stile_engine.trace.report import CheckRequest
from stile_engine.worker.warming import prepare

text, kernel, count = json.load(sys.stdin)
missing, _ = prepare(["triton"])
if missing:
    sys.exit("Triton is not installed: pip install 'triton>=3.8'")

def checked():
    clock, start = time.perf_counter(), time.process_time()
    with budget(None) as meter:
        found = check(CheckRequest("kernel.py", text, details=False, select=(kernel,))).kernels[0]
    used, clock = time.process_time() - start, time.perf_counter() - clock
    assert found.status == "proved", found.message
    return used, clock, found.prove_milliseconds / 1e3, meter.spent

samples = []
for _ in range(count):
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.write(writing, json.dumps(checked()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        told = answer.read()
    os.waitpid(process, 0)
    samples.append(json.loads(told))
print(json.dumps(min(samples)), flush=True)
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds: processor time of the whole check, the same by the clock, and by the clock what the proof took."""

    used: float
    clock: float
    proof: float
    operations: int


def measured(row: Row, count: int) -> Measured:
    """The best of ``count`` runs. Raises ``RuntimeError``."""
    given = json.dumps([row.file.read_text(encoding="utf-8"), row.kernel, count])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", RUN], input=given, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{row.title}: {done.stderr}")
    return Measured(*json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--kernels", nargs="*", help="only kernels of these names")
    given = parser.parse_args()
    table = Table(title=f"Triton kernels for all sizes, best of {given.count}")
    for heading in ("kernel", "check", "clock", "proof", "steps", "target"):
        table.add_column(heading, justify="left" if heading == "kernel" else "right", no_wrap=True)
    missed = False
    for row in ROWS:
        if given.kernels and row.kernel not in given.kernels:
            continue
        found = measured(row, given.count)
        missed |= found.used > row.target
        times = (found.used, found.clock, found.proof)
        target = f"≤ {row.target} s{' missed' if found.used > row.target else ''}"
        table.add_row(row.title, *map(time_text, times), f"{found.operations:,}", target)
    table.caption = setting()
    Console().print(table)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
