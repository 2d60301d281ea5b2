"""Triton: running sums over rows and chunks, and kernels in which two dims have one size."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

R, N, C, T = dim("R"), dim("N", max=1024), dim("C"), dim("T")
J, I = dim("J", N), dim("I", T)
D = dim("D", 16)


@triton.jit
def plus(a, b):
    return a + b


@kernel({"out_ptr": "sum[I where I // 16 == T // 16 && I <= T](at[T := I](g:T C)) -> T C"}, inputs={"g_ptr": "g:T C"}, scalars={"t": T, "c": C}, consts={"BT": 16, "BC": 32}, grid=lambda k: (cdiv(T, k["BT"]), cdiv(C, k["BC"])))
@triton.jit
def chunk_cumsum(g_ptr, out_ptr, t, c, BT: tl.constexpr, BC: tl.constexpr):  # proved
    rows = tl.program_id(0) * BT + tl.arange(0, BT)
    cols = tl.program_id(1) * BC + tl.arange(0, BC)
    o = rows[:, None] * c + cols[None, :]
    mask = (rows[:, None] < t) & (cols[None, :] < c)
    g = tl.load(g_ptr + o, mask=mask, other=0.0)
    tl.store(out_ptr + o, tl.cumsum(g, axis=0), mask=mask)


@kernel({"out_ptr": "sum[J where J <= N](at[N := J](X:R N))"}, inputs={"x_ptr": "X:R N"}, scalars={"n": N}, consts={"BLOCK": 1024}, grid=(R,))
@triton.jit
def prefix_by_scan(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
    tl.store(out_ptr + row * n + c, tl.associative_scan(x, 0, plus), mask=c < n)


@kernel({"out_ptr": "sum[J where J <= N](at[N := J](X:R N))"}, inputs={"x_ptr": "X:R N"}, scalars={"n": N}, consts={"BLOCK": 64}, grid=(R,))
@triton.jit
def prefix_by_tiles(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    before = 0.0
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
        tl.store(out_ptr + row * n + c, tl.cumsum(x, 0) + before, mask=c < n)
        before += tl.sum(x, 0)


@kernel({"out_ptr": "sum[J where J <= N](at[N := J](X:R N))"}, inputs={"x_ptr": "X:R N"}, scalars={"n": N}, consts={"BLOCK": 16}, grid=(R,))
@triton.jit
def prefix_by_tiles_without_carry(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    before = 0.0
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
        tl.store(out_ptr + row * n + c, tl.cumsum(x, 0) + before, mask=c < n)
        before = tl.sum(x, 0)


@kernel({"out_ptr": "sum[I where I // 16 == T // 16 && I >= T](at[T := I](g:T C)) -> T C"}, inputs={"g_ptr": "g:T C"}, scalars={"t": T, "c": C}, consts={"BT": 16, "BC": 32}, grid=lambda k: (cdiv(T, k["BT"]), cdiv(C, k["BC"])))
@triton.jit
def chunk_cumsum_forwards(g_ptr, out_ptr, t, c, BT: tl.constexpr, BC: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BT + tl.arange(0, BT)
    cols = tl.program_id(1) * BC + tl.arange(0, BC)
    o = rows[:, None] * c + cols[None, :]
    mask = (rows[:, None] < t) & (cols[None, :] < c)
    g = tl.load(g_ptr + o, mask=mask, other=0.0)
    tl.store(out_ptr + o, tl.cumsum(g, axis=0), mask=mask)


# One length for queries and keys.
@kernel({"out_ptr": "(softmax[I where I <= T]((Q:T D, at[T := I](K:T D) -> T I) / 4), at[T := I](V:T D) -> T D)"}, inputs={"q_ptr": "Q:T D", "k_ptr": "K:T D", "v_ptr": "V:T D"}, scalars={"t": T}, consts={"D": 16, "BM": 16, "BN": 16}, grid=lambda c: (cdiv(T, c["BM"]),))
@triton.jit
def self_attention(q_ptr, k_ptr, v_ptr, out_ptr, t, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # proved
    pid = tl.program_id(0)
    rows = pid * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, min((pid + 1) * BM, t), BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < t, other=0.0)
        visible = (columns[None, :] < t) & (columns[None, :] <= rows[:, None])
        s = tl.where(visible, tl.dot(q, k) * (0.25 * 1.44269504), -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp2(s - new[:, None])
        alpha = tl.exp2(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < t, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": "(softmax[I where I <= T]((Q:T D, at[T := I](K:T D) -> T I) / 4), at[T := I](V:T D) -> T D)"}, inputs={"q_ptr": "Q:T D", "k_ptr": "K:T D", "v_ptr": "V:T D"}, scalars={"t": T}, consts={"D": 16, "BM": 16, "BN": 16}, grid=lambda c: (cdiv(T, c["BM"]),))
@triton.jit
def self_attention_without_itself(q_ptr, k_ptr, v_ptr, out_ptr, t, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    pid = tl.program_id(0)
    rows = pid * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, min((pid + 1) * BM, t), BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < t, other=0.0)
        visible = (columns[None, :] < t) & (columns[None, :] < rows[:, None])
        s = tl.where(visible, tl.dot(q, k) * (0.25 * 1.44269504), -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp2(s - new[:, None])
        alpha = tl.exp2(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < t, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)
