"""Triton kernels as they stand above their launch: proved for every size, program and lane, without a GPU."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

T, N, K = dim("T"), dim("N"), dim("K")
D = dim("D", 16)

ATTENTION = {
    "inputs": {"q_ptr": "Q:T D", "k_ptr": "K:N D", "v_ptr": "V:N D"},
    "scalars": {"t": T, "n": N},
    "consts": {"D": 16, "BM": 16, "BN": 16},
    "grid": lambda c: (cdiv(T, c["BM"]),),
}


@kernel({"out_ptr": "(softmax[N where N <= T]((Q:T D, K:N D -> T N) / 4), V:N D -> T D)"}, **ATTENTION)
@triton.jit
def causal_attention(q_ptr, k_ptr, v_ptr, out_ptr, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # proved
    pid = tl.program_id(0)
    rows = pid * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, min((pid + 1) * BM, n), BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        visible = (columns[None, :] < n) & (columns[None, :] <= rows[:, None])
        s = tl.where(visible, tl.dot(q, k) * (0.25 * 1.44269504), -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp2(s - new[:, None])
        alpha = tl.exp2(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


PRODUCT = {
    "inputs": {"a_ptr": "A:T K", "b_ptr": "B:K N"},
    "scalars": {"m": T, "n": N, "k": K},
    "strides": {"a_ptr": ("sam", "sak"), "b_ptr": ("sbk", "sbn"), "c_ptr": ("scm", "scn")},
    "consts": {"BM": 32, "BN": 16, "BK": 16},
    "grid": lambda c: (cdiv(T, c["BM"]) * cdiv(N, c["BN"]),),
}


@kernel({"c_ptr": "(A:T K, B:K N -> T N)"}, **PRODUCT)
@triton.jit
def matmul(  # proved
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    pid = tl.program_id(0)
    tiles = tl.cdiv(n, BN)
    rows = (pid // tiles) * BM + tl.arange(0, BM)
    columns = (pid % tiles) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    a_ptrs = a_ptr + (rows % m)[:, None] * sam + inner[None, :] * sak
    b_ptrs = b_ptr + inner[:, None] * sbk + (columns % n)[None, :] * sbn
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for step in range(0, tl.cdiv(k, BK)):
        a = tl.load(a_ptrs, mask=inner[None, :] < k - step * BK, other=0.0)
        b = tl.load(b_ptrs, mask=inner[:, None] < k - step * BK, other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    mask = (rows[:, None] < m) & (columns[None, :] < n)
    tl.store(c_ptr + rows[:, None] * scm + columns[None, :] * scn, acc, mask=mask)


@kernel({"out_ptr": "X:N + Y:N"}, inputs={"x_ptr": "X:N", "y_ptr": "Y:N"}, scalars={"n": N}, consts={"BLOCK": 32}, grid=lambda c: (cdiv(N, c["BLOCK"]),))
@triton.jit
def add_without_a_mask(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: reads x_ptr out of bounds
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets)  # error[out-of-bounds]
    y = tl.load(y_ptr + offsets, mask=offsets < n)
    tl.store(out_ptr + offsets, x + y, mask=offsets < n)
