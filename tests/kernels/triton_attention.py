"""Triton: attention, tile by tile over the keys, for all lengths."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

T, N = dim("T"), dim("N")
D = dim("D", 16)

ATTENTION = {
    "inputs": {"q_ptr": "Q:T D", "k_ptr": "K:N D", "v_ptr": "V:N D"},
    "scalars": {"t": T, "n": N},
    "consts": {"D": 16, "BM": 16, "BN": 16},
    "grid": lambda c: (cdiv(T, c["BM"]),),
}
FULL = "(softmax[N]((Q:T D, K:N D -> T N) * scalar(scale)), V:N D -> T D)"
CAUSAL = "(softmax[N where N <= T]((Q:T D, K:N D -> T N) / 4), V:N D -> T D)"
WINDOW = "(softmax[N where T - 8 < N && N <= T]((Q:T D, K:N D -> T N) / 4), V:N D -> T D)"


@kernel({"out_ptr": FULL}, **ATTENTION)
@triton.jit
def attention(q_ptr, k_ptr, v_ptr, out_ptr, scale, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # proved
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        s = tl.where(columns[None, :] < n, tl.dot(q, k) * scale, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": FULL}, **ATTENTION)
@triton.jit
def attention_without_rescaling(q_ptr, k_ptr, v_ptr, out_ptr, scale, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        s = tl.where(columns[None, :] < n, tl.dot(q, k) * scale, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": FULL}, **ATTENTION)
@triton.jit
def attention_total_without_rescaling(q_ptr, k_ptr, v_ptr, out_ptr, scale, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        s = tl.where(columns[None, :] < n, tl.dot(q, k) * scale, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": FULL}, **ATTENTION)
@triton.jit
def attention_keeps_the_first_maximum(q_ptr, k_ptr, v_ptr, out_ptr, scale, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        s = tl.where(columns[None, :] < n, tl.dot(q, k) * scale, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": FULL}, **ATTENTION)
@triton.jit
def attention_ragged_keys_count(q_ptr, k_ptr, v_ptr, out_ptr, scale, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        s = tl.dot(q, k) * scale
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": FULL}, **ATTENTION)
@triton.jit
def attention_unmasked_values(q_ptr, k_ptr, v_ptr, out_ptr, scale, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted: out of bounds
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):  # warning[unsupported]
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        s = tl.where(columns[None, :] < n, tl.dot(q, k) * scale, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :])  # error[out-of-bounds]
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": CAUSAL}, **ATTENTION)
@triton.jit
def causal_attention(q_ptr, k_ptr, v_ptr, out_ptr, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # proved
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, min((tl.program_id(0) + 1) * BM, n), BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        visible = (columns[None, :] < n) & (rows[:, None] >= columns[None, :])
        s = tl.where(visible, tl.dot(q, k) * (0.25 * 1.44269504), -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp2(s - new[:, None])
        alpha = tl.exp2(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": CAUSAL}, **ATTENTION)
@triton.jit
def causal_attention_over_all_tiles(q_ptr, k_ptr, v_ptr, out_ptr, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # proved
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        visible = (columns[None, :] < n) & (rows[:, None] >= columns[None, :])
        s = tl.where(visible, tl.dot(q, k) * (0.25 * 1.44269504), -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp2(s - new[:, None])
        alpha = tl.exp2(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": CAUSAL}, **ATTENTION)
@triton.jit
def causal_attention_off_by_one(q_ptr, k_ptr, v_ptr, out_ptr, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        visible = (columns[None, :] < n) & (rows[:, None] > columns[None, :])
        s = tl.where(visible, tl.dot(q, k) * (0.25 * 1.44269504), -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp2(s - new[:, None])
        alpha = tl.exp2(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": CAUSAL}, **ATTENTION)
@triton.jit
def causal_attention_stops_early(q_ptr, k_ptr, v_ptr, out_ptr, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, min(tl.program_id(0) * BM, n), BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        visible = (columns[None, :] < n) & (rows[:, None] >= columns[None, :])
        s = tl.where(visible, tl.dot(q, k) * (0.25 * 1.44269504), -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp2(s - new[:, None])
        alpha = tl.exp2(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": CAUSAL}, **ATTENTION)
@triton.jit
def causal_attention_in_base_e(q_ptr, k_ptr, v_ptr, out_ptr, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, min((tl.program_id(0) + 1) * BM, n), BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        visible = (columns[None, :] < n) & (rows[:, None] >= columns[None, :])
        s = tl.where(visible, tl.dot(q, k) * (0.25 * 1.44269504), -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": CAUSAL}, **ATTENTION)
@triton.jit
def causal_attention_swaps_keys_and_values(q_ptr, k_ptr, v_ptr, out_ptr, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, min((tl.program_id(0) + 1) * BM, n), BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        visible = (columns[None, :] < n) & (rows[:, None] >= columns[None, :])
        s = tl.where(visible, tl.dot(q, k) * (0.25 * 1.44269504), -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp2(s - new[:, None])
        alpha = tl.exp2(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(k_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


# The first tiles hold no key of the later rows: -inf - -inf in their running maximum.
@kernel({"out_ptr": WINDOW}, **ATTENTION)
@triton.jit
def sliding_window_from_the_tile_of_the_first_row(q_ptr, k_ptr, v_ptr, out_ptr, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted: ∞ - ∞
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    low = max(tl.program_id(0) * BM - 8, 0) // BN * BN
    for start in range(low, min((tl.program_id(0) + 1) * BM, n), BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        visible = (columns[None, :] < n) & (rows[:, None] >= columns[None, :]) & (columns[None, :] > rows[:, None] - 8)
        s = tl.where(visible, tl.dot(q, k) * (0.25 * 1.44269504), -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp2(s - new[:, None])
        alpha = tl.exp2(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": WINDOW}, **ATTENTION)
@triton.jit
def sliding_window_over_all_tiles(q_ptr, k_ptr, v_ptr, out_ptr, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted: ∞ - ∞
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        visible = (columns[None, :] < n) & (rows[:, None] >= columns[None, :]) & (columns[None, :] > rows[:, None] - 8)
        s = tl.where(visible, tl.dot(q, k) * (0.25 * 1.44269504), -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp2(s - new[:, None])
        alpha = tl.exp2(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)
