"""The kernels that ``latency.py`` edits: flash attention, once in each framework, and a hundred small ones."""

from __future__ import annotations

from captures import KERNEL, NAMES

TILES = 16

TYPED = f'''"""Flash attention, one tile of queries."""

import numpy as np

from stile_engine import dim, kernel
import stile_engine.numpy as tnp

q, n, d = dim("q", 16), dim("n", {16 * TILES}), dim("d", 16)
TILE = 16

SPEC = "(softmax[n]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)"


@kernel(SPEC, typed=True)
def attention(Q, K, V):
    edition = 0
    result = tnp.TypedResult(SPEC)
    maximum, total, output = -np.inf, 0, 0
    for column in range(0, n, TILE):
        k_tile = K.slice(n, column, column + TILE)
        v_tile = V.slice(n, column, column + TILE)
        scores = tnp.einsum(k_tile, Q, "n d, q d -> n q") / np.sqrt(d)
        new_maximum = tnp.maximum(maximum, scores.max(n))
        weights = tnp.exp(scores - new_maximum.repeat(n[column : column + TILE]))
        rescale = tnp.exp(maximum - new_maximum)
        total = total * rescale + weights.sum(n)
        output = output * rescale.repeat(d) + tnp.einsum(weights, v_tile, "n q, n d -> d q")
        maximum = new_maximum
    result.assign((output / total.repeat(d)).rearrange(q, d))
    result.done()
    return result
'''

WRONG = TYPED.replace("total * rescale + weights", "total + weights")

TRITON = """
import triton
import triton.language as tl
from stile_engine import cdiv, dim, kernel

T, N = dim("T"), dim("N")
D = dim("D", 16)


@kernel(
    {"out_ptr": "(softmax[N]((Q:T D, K:N D -> T N) / 4), V:N D -> T D)"},
    inputs={"q_ptr": "Q:T D", "k_ptr": "K:N D", "v_ptr": "V:N D"},
    scalars={"t": T, "n": N},
    consts={"D": 16, "BM": 16, "BN": 16},
    grid=lambda c: (cdiv(T, c["BM"]),),
)
@triton.jit
def attention(q_ptr, k_ptr, v_ptr, out_ptr, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    edition = 0
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        s = tl.where(columns[None, :] < n, tl.dot(q, k) / 4.0, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)
"""


def plain(framework: str, tiles: int) -> str:
    imported, lib, axis, keep, largest = NAMES[framework]
    text = KERNEL.format(imported=imported, lib=lib, axis=axis, keep=keep, largest=largest, keys=16 * tiles)
    return text.replace("(Q, K, V):\n", "(Q, K, V):\n    edition = 0\n")


def many(count: int) -> str:
    """Typed attention so many times in one file; only the first has an ``edition``."""
    head, kernel = TYPED.split("@kernel", 1)
    others = "".join(
        "\n\n@kernel" + kernel.replace("def attention", f"def other_{number}").replace("    edition = 0\n", "")
        for number in range(count - 1)
    )
    return f"{head}@kernel{kernel}{others}"
