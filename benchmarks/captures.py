"""Unrolled flash attention in NumPy, JAX and PyTorch, from text to proof: ``python benchmarks/captures.py``.

One tile of 64 queries and 64 tiles of 16 keys, written as a Python loop. Each framework has a process of its own, which
has checked the same text once before, so that imports are not timed. The exit status is 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from measurement import ROOT, setting, time_text
from rich.console import Console
from rich.table import Table

TARGETS = {"numpy": 0.5, "jax": 0.5, "torch": 2.5}
"""Seconds for capture and proof together."""

NAMES = {
    "numpy": ("import numpy as np", "np", "axis", "keepdims", "max"),
    "jax": ("import jax.numpy as jnp", "jnp", "axis", "keepdims", "max"),
    "torch": ("import torch", "torch", "dim", "keepdim", "amax"),
}

KERNEL = """
{imported}
from stile_engine import dim, kernel

q, d, n = dim("q", 64), dim("d", 16), dim("n", {keys})

@kernel("(softmax[n]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)")
def flash(Q, K, V):
    m, l, out = {lib}.full((64, 1), -{lib}.inf), {lib}.zeros((64, 1)), {lib}.zeros((64, 16))
    for j in range(0, n, 16):
        s = Q @ K[j : j + 16].T / 4.0
        new = {lib}.maximum(m, s.{largest}({axis}=1, {keep}=True))
        scale, p = {lib}.exp(m - new), {lib}.exp(s - new)
        l = l * scale + p.sum({axis}=1, {keep}=True)
        out = out * scale + p @ V[j : j + 16]
        m = new
    return out / l
"""

RUN = """
import json, sys
from stile_engine.check import check
from stile_engine.trace.report import CheckRequest

text, count = json.load(sys.stdin)
found = []
for _ in range(count + 1):
    kernel = check(CheckRequest("kernel.py", text)).kernels[0]
    assert kernel.status == "proved", kernel.message
    found.append((kernel.trace_milliseconds / 1e3, kernel.prove_milliseconds / 1e3))
print(json.dumps(min(found[1:], key=sum)))
"""


def measured(framework: str, tiles: int, count: int) -> tuple[float, float]:
    """Seconds of the capture and of the proof, in the best of ``count`` runs. Raises ``RuntimeError``."""
    imported, lib, axis, keep, largest = NAMES[framework]
    text = KERNEL.format(imported=imported, lib=lib, axis=axis, keep=keep, largest=largest, keys=16 * tiles)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps([text, count]), capture_output=True, text=True, env=environment
    )
    if done.returncode != 0:
        raise RuntimeError(f"{framework}: {done.stderr}")
    capture, proof = json.loads(done.stdout.splitlines()[-1])
    return capture, proof


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=64)
    parser.add_argument("--count", type=int, default=5)
    given = parser.parse_args()
    table = Table(title=f"{given.tiles} tiles, best of {given.count}; {setting()}")
    for heading in ("framework", "capture", "proof", "both", "target"):
        table.add_column(heading, justify="left" if heading == "framework" else "right")
    missed = False
    for framework, target in TARGETS.items():
        capture, proof = measured(framework, given.tiles, given.count)
        missed |= capture + proof > target
        table.add_row(framework, *(time_text(t) for t in (capture, proof, capture + proof)), f"≤ {target} s")
    Console().print(table)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
