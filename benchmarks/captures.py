"""Flash attention in NumPy, JAX, PyTorch and Pallas, from text to proof: ``python benchmarks/captures.py``.

One tile of 64 queries and 64 tiles of 16 keys, written as a Python loop. Each framework has a process of its own, which
has checked the same text once before, so that imports are not timed. Then the same rolled: as a loop of JAX, as a loop
in a Pallas kernel, and along the grid of one. Of these the processor time of the whole check counts, the look at other
sizes included. The exit status is 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any

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


ROLLED_TARGET = 0.1
"""Seconds of processor time for the whole check, whatever the number of tiles."""

ROLLED_TILES = (8, 64, 4096)

ROLLED_HEAD = """
import jax, jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import tpu as pltpu
from stile_engine import dim, kernel

q, n, d = dim("q", {keys}), dim("n", {keys}), dim("d", 16)
BLOCK, ROOT = 16, 4.0

def step(q, k, v, carry):
    m, l, acc = carry
    s = q @ k.T / ROOT
    new = jnp.maximum(m, s.max(axis=1))
    scale, p = jnp.exp(m - new), jnp.exp(s - new[:, None])
    return new, l * scale + p.sum(axis=1), acc * scale[:, None] + p @ v

def start(rows):
    return jnp.full((rows,), -jnp.inf), jnp.zeros((rows,)), jnp.zeros((rows, d))

def tile(x, j):
    return lax.dynamic_slice(x, (j * BLOCK, 0), (BLOCK, d))

def in_rows(body, q, k, v, grid, keys, scratch=()):
    rows = pl.BlockSpec((BLOCK, d), lambda i, *j: (i, 0))
    out = jax.ShapeDtypeStruct(q.shape, q.dtype)
    return pl.pallas_call(
        body, grid=grid, in_specs=[rows, keys, keys], out_specs=rows, out_shape=out, scratch_shapes=list(scratch)
    )(q, k, v)

@kernel("(softmax[n]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)")
"""

ROLLED = {
    "fori_loop": """def flash(Q, K, V):
    def body(j, carry):
        return step(Q, tile(K, j), tile(V, j), carry)

    m, l, acc = lax.fori_loop(0, K.shape[0] // BLOCK, body, start(Q.shape[0]))
    return acc / l[:, None]
""",
    "scan": """def flash(Q, K, V):
    def body(carry, tiles):
        return step(Q, *tiles, carry), None

    tiles = K.reshape(-1, BLOCK, d), V.reshape(-1, BLOCK, d)
    (m, l, acc), _ = lax.scan(body, start(Q.shape[0]), tiles)
    return acc / l[:, None]
""",
    "Pallas, a loop": """def flash(Q, K, V):
    def body(q_ref, k_ref, v_ref, o_ref):
        def one(j, carry):
            here = pl.ds(j * BLOCK, BLOCK)
            return step(q_ref[...], k_ref[here, :], v_ref[here, :], carry)

        m, l, acc = lax.fori_loop(0, k_ref.shape[0] // BLOCK, one, start(BLOCK))
        o_ref[...] = acc / l[:, None]

    return in_rows(body, Q, K, V, (Q.shape[0] // BLOCK,), pl.BlockSpec(K.shape, lambda i: (0, 0)))
""",
    "Pallas, the grid": """def flash(Q, K, V):
    def body(q_ref, k_ref, v_ref, o_ref, m_ref, l_ref, acc_ref):
        @pl.when(pl.program_id(1) == 0)
        def _():
            m_ref[...], l_ref[...], acc_ref[...] = start(BLOCK)

        carry = m_ref[...], l_ref[...], acc_ref[...]
        m_ref[...], l_ref[...], acc_ref[...] = step(q_ref[...], k_ref[...], v_ref[...], carry)

        @pl.when(pl.program_id(1) == pl.num_programs(1) - 1)
        def _():
            o_ref[...] = acc_ref[...] / l_ref[...][:, None]

    scratch = [pltpu.VMEM(s, jnp.float32) for s in ((BLOCK,), (BLOCK,), (BLOCK, d))]
    grid = Q.shape[0] // BLOCK, K.shape[0] // BLOCK
    return in_rows(body, Q, K, V, grid, pl.BlockSpec((BLOCK, d), lambda i, j: (j, 0)), scratch)
""",
}

RUN_ROLLED = """
import json, sys, time
from stile_engine.check import check
from stile_engine.trace.report import CheckRequest

text, count = json.load(sys.stdin)
found = []
for _ in range(count + 1):
    start = time.process_time()
    kernel = check(CheckRequest("kernel.py", text, details=False)).kernels[0]
    found.append(time.process_time() - start)
    assert kernel.status == "proved", kernel.message
print(json.dumps(min(found[1:])))
"""


def processed(way: str, tiles: int, count: int) -> float:
    """Processor seconds of the whole check, in the best of ``count`` runs. Raises ``RuntimeError``."""
    return float(_run(RUN_ROLLED, ROLLED_HEAD.format(keys=16 * tiles) + ROLLED[way], count, way))


def measured(framework: str, tiles: int, count: int) -> tuple[float, float]:
    """Seconds of the capture and of the proof, in the best of ``count`` runs. Raises ``RuntimeError``."""
    imported, lib, axis, keep, largest = NAMES[framework]
    text = KERNEL.format(imported=imported, lib=lib, axis=axis, keep=keep, largest=largest, keys=16 * tiles)
    capture, proof = _run(RUN, text, count, framework)
    return capture, proof


def _run(program: str, text: str, count: int, what: str) -> Any:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    given = json.dumps([text, count])
    done = subprocess.run([sys.executable, "-c", program], input=given, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{what}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=64)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--rolled", type=int, nargs="*", default=ROLLED_TILES, help="numbers of tiles of rolled loops")
    given = parser.parse_args()
    table = Table(title=f"{given.tiles} tiles, best of {given.count}; {setting()}")
    for heading in ("framework", "capture", "proof", "both", "target"):
        table.add_column(heading, justify="left" if heading == "framework" else "right")
    missed = False
    for framework, target in TARGETS.items():
        capture, proof = measured(framework, given.tiles, given.count)
        missed |= capture + proof > target
        table.add_row(framework, *(time_text(t) for t in (capture, proof, capture + proof)), f"≤ {target} s")
    console = Console()
    console.print(table)
    rolled = Table(title=f"Rolled, the whole check, processor time; best of {given.count}")
    for heading in ("way", *(f"{n:,} tiles" for n in given.rolled), "target"):
        rolled.add_column(heading, justify="left" if heading == "way" else "right")
    for way in ROLLED:
        times = [processed(way, tiles, given.count) for tiles in given.rolled]
        missed |= max(times) > ROLLED_TARGET
        rolled.add_row(way, *(time_text(t) for t in times), f"≤ {ROLLED_TARGET} s")
    console.print(rolled)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
