"""What a rolled loop costs, by its number of rounds: ``python benchmarks/loops.py``.

Plain JAX flash attention as a ``lax.scan`` over tiles of keys, proved by induction, each in a process of its own. The
kernel is traced once before, so that what is timed is the trace and the proof and not the imports of JAX. Then causal
attention over 64 × 64 tiles written out, as typed and as plain NumPy (2,080 tiles). The exit status is 1 if a target is
missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import textwrap

from measurement import ROOT, setting, time_text
from rich.console import Console
from rich.table import Table

ROUNDS = (4, 64, 4_096, 1_000_000, 1_000_000_000)
PROOF_SECONDS = 0.050
CAUSAL_SECONDS = 5.0
FLAT = 2.0
"""The slowest size may take so many times the time of the fastest."""

LOOP = """
import jax.numpy as jnp
from jax import lax
from stile_engine import dim, kernel

q, d, n = dim("q", 64), dim("d", 16), dim("n", {keys})

@kernel("(softmax[n]((Q:q d, K:n d -> q n)), V:n d -> q d)")
def flash(Q, K, V):
    def body(carry, tile):
        m, l, acc = carry
        k, v = tile
        s = Q @ k.T
        new = jnp.maximum(m, s.max(axis=1))
        scale = jnp.exp(m - new)
        p = jnp.exp(s - new[:, None])
        return (new, l * scale + p.sum(axis=1), acc * scale[:, None] + p @ v), None

    start = jnp.full((64,), -jnp.inf), jnp.zeros((64,)), jnp.zeros((64, 16))
    tiles = K.reshape({rounds}, 16, 16), V.reshape({rounds}, 16, 16)
    m, l, acc = lax.scan(body, start, tiles)[0]
    return acc / l[:, None]
"""

PLAIN_CAUSAL = """
import numpy as np
from stile_engine import dim, kernel

TILES, T = {tiles}, 8
q, n, d = dim("q", TILES * T), dim("n", TILES * T), dim("d", 8)

@kernel("(softmax[n where n <= q]((Q:q d, K:n d -> q n)), V:n d -> q d)")
def causal(Q, K, V):
    out = np.empty((TILES * T, 8))
    for i in range(0, TILES * T, T):
        m, l, acc = np.full(T, -np.inf), np.zeros(T), np.zeros((T, 8))
        for j in range(0, i + T, T):
            s = Q[i : i + T] @ K[j : j + T].T
            s = np.where(j + np.arange(T)[None, :] <= i + np.arange(T)[:, None], s, -np.inf)
            new = np.maximum(m, s.max(axis=1))
            scale = np.exp(m - new)
            p = np.exp(s - new[:, None])
            l = l * scale + p.sum(axis=1)
            acc = acc * scale[:, None] + p @ V[j : j + T]
            m = new
        out[i : i + T] = acc / l[:, None]
    return out
"""

CAUSAL = """
import math
import stile_engine.numpy as tnp
from stile_engine import dim, kernel

TILES, T = {tiles}, 8
q, n, d = dim("q", TILES * T), dim("n", TILES * T), dim("d", 8)
SPEC = "(softmax[n where n <= q]((Q:q d, K:n d -> q n)), V:n d -> q d)"

@kernel(SPEC, typed=True)
def causal(Q, K, V):
    result = tnp.TypedResult(SPEC)
    for i in range(0, TILES * T, T):
        rows = Q.slice(q, i, i + T)
        m, l, acc = -math.inf, 0, 0
        for j in range(0, i + T, T):
            s = tnp.einsum(rows, K.slice(n, j, j + T), "q d, n d -> q n")
            if j == i:
                s = s + tnp.mask(s.type.st, "n <= q", 0, -math.inf)
            new = tnp.maximum(s.max(n), m)
            scale = tnp.exp(m - new)
            p = tnp.exp(s - new.repeat(n[j : j + T]).rearrange(q, n))
            l = l * scale + p.sum(n)
            scaled = acc * scale.repeat(d).rearrange(q, d) if j else 0
            acc = scaled + tnp.einsum(p, V.slice(n, j, j + T), "q n, n d -> q d")
            m = new
        result.assign(acc / l.repeat(d).rearrange(q, d))
    result.done()
    return result
"""

RUN = """
import json, sys, time
from stile_engine.check import check
from stile_engine.trace.report import CheckRequest
first, second = json.loads(sys.stdin.read())
if first:
    check(CheckRequest("first.py", first, details=False))
start = time.perf_counter()
(kernel,) = check(CheckRequest("second.py", second, details=False)).kernels
print(json.dumps([str(kernel.status), time.perf_counter() - start, kernel.trace_milliseconds / 1e3,
                  kernel.prove_milliseconds / 1e3]))
"""

# Another loop, which shares no term with the one that is timed: it only warms up JAX.
WARM_UP = """
import jax.numpy as jnp
from jax import lax
from stile_engine import dim, kernel

a, b = dim("a", 8), dim("b", 32)

@kernel("sum[b](X:a b)")
def total(X):
    return lax.scan(lambda c, x: (c + x.sum(axis=1), None), jnp.zeros(8), X.reshape(8, 8, 4).transpose(1, 0, 2))[0]
"""


def timed(first: str, second: str) -> tuple[float, float]:
    """Seconds of the trace and of the proof, in a fresh process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    texts = json.dumps([textwrap.dedent(first), textwrap.dedent(second)])
    done = subprocess.run(
        [sys.executable, "-c", RUN], input=texts, capture_output=True, text=True, env=environment, check=True
    )
    status, _, trace, proof = json.loads(done.stdout)
    if status != "proved":
        raise RuntimeError(f"the kernel is {status}")
    return trace, proof


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=5, help="runs of each size, of which the best counts")
    parser.add_argument("--causal-tiles", type=int, default=64)
    options = parser.parse_args()

    table = Table(title=f"Flash attention as a rolled loop, best of {options.count}")
    for name in ("rounds", "trace", "proof"):
        table.add_column(name, justify="right")
    proofs: list[float] = []
    for rounds in ROUNDS:
        text = LOOP.format(rounds=rounds, keys=rounds * 16)
        runs = [timed(WARM_UP, text) for _ in range(options.count)]
        trace, proof = (min(values) for values in zip(*runs, strict=True))
        proofs.append(proof)
        table.add_row(f"{rounds:,}", time_text(trace), time_text(proof))
    tiles = options.causal_tiles
    trace, proof = timed("", CAUSAL.format(tiles=tiles))
    plain_trace, plain_proof = timed("", PLAIN_CAUSAL.format(tiles=tiles))
    table.caption = setting()

    console = Console()
    console.print(table)
    console.print(f"causal, {tiles} × {tiles} tiles written out: trace {time_text(trace)}, proof {time_text(proof)}")
    console.print(f"the same in plain NumPy: trace {time_text(plain_trace)}, proof {time_text(plain_proof)}")
    targets = (
        (f"slowest proof {time_text(max(proofs))}", f"≤ {time_text(PROOF_SECONDS)}", max(proofs) <= PROOF_SECONDS),
        (f"slowest to fastest {max(proofs) / min(proofs):.2f}", f"≤ {FLAT:g}", max(proofs) <= FLAT * min(proofs)),
        (f"causal {time_text(proof)}", f"≤ {time_text(CAUSAL_SECONDS)}", proof <= CAUSAL_SECONDS),
    )
    for what, target, reached in targets:
        console.print(f"{what}  (target {target}: {'[green]reached' if reached else '[red]missed'}[/])")
    return 0 if all(reached for _, _, reached in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
