"""Triton: heads that share their keys, rotary embeddings of batches, low-rank updates, convolutions in time."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

T, N, B, H, G, M, K = dim("T"), dim("N"), dim("B"), dim("H"), dim("G"), dim("M"), dim("K")
D = dim("D", 16)
HQ, HK, KH = dim("HQ", 8), dim("HK", 2), dim("KH")
P, R, W, C = dim("P", 8), dim("R", 16), dim("W", 4), dim("C")

ROPE = {"x_ptr": "where(D < 8, X:B T H D * C:T D - at[D := (D + 8) % 16](X:B T H D) * S:T D, X:B T H D * C:T D + at[D := (D + 8) % 16](X:B T H D) * S:T D)"}
ROPE_ARGS = dict(inputs={"x_ptr": "X:B T H D", "cos_ptr": "C:T D", "sin_ptr": "S:T D"}, scalars={"t": T, "heads": H}, consts={"D": 16}, grid=(B * T, H))


@kernel({"o_ptr": "(softmax[N]((Q:HQ T D, at[HK := HQ // 4](K:HK N D) -> HQ T N) * scalar(scale)), at[HK := HQ // 4](V:HK N D) -> HQ T D)"}, inputs={"q_ptr": "Q:HQ T D", "k_ptr": "K:HK N D", "v_ptr": "V:HK N D"}, scalars={"t": T, "n": N}, consts={"D": 16, "BM": 16, "BN": 16, "GROUP": 4}, grid=lambda c: (cdiv(T, 16), 8))
@triton.jit
def grouped_heads(q_ptr, k_ptr, v_ptr, o_ptr, scale, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, GROUP: tl.constexpr):  # proved
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    h = tl.program_id(1)
    hk = h // GROUP
    d = tl.arange(0, D)
    q = tl.load(q_ptr + h * t * D + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        cols = start + tl.arange(0, BN)
        k = tl.load(k_ptr + hk * n * D + cols[None, :] * D + d[:, None], mask=cols[None, :] < n, other=0.0)
        s = tl.where(cols[None, :] < n, tl.dot(q, k) * scale, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + hk * n * D + cols[:, None] * D + d[None, :], mask=cols[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p, v)
        m = new
    tl.store(o_ptr + h * t * D + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"o_ptr": "(softmax[N]((Q:HQ T D, at[HK := HQ // 4](K:HK N D) -> HQ T N) * scalar(scale)), at[HK := HQ // 4](V:HK N D) -> HQ T D)"}, inputs={"q_ptr": "Q:HQ T D", "k_ptr": "K:HK N D", "v_ptr": "V:HK N D"}, scalars={"t": T, "n": N}, consts={"D": 16, "BM": 16, "BN": 16, "GROUP": 2}, grid=lambda c: (cdiv(T, 16), 8))
@triton.jit
def grouped_heads_modulo(q_ptr, k_ptr, v_ptr, o_ptr, scale, t, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, GROUP: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    h = tl.program_id(1)
    hk = h % GROUP
    d = tl.arange(0, D)
    q = tl.load(q_ptr + h * t * D + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        cols = start + tl.arange(0, BN)
        k = tl.load(k_ptr + hk * n * D + cols[None, :] * D + d[:, None], mask=cols[None, :] < n, other=0.0)
        s = tl.where(cols[None, :] < n, tl.dot(q, k) * scale, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + hk * n * D + cols[:, None] * D + d[None, :], mask=cols[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p, v)
        m = new
    tl.store(o_ptr + h * t * D + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < t)


@kernel({"o_ptr": "Q:KH G T D * K:KH T D"}, inputs={"q_ptr": "Q:KH G T D", "k_ptr": "K:KH T D"}, scalars={"t": T, "group": G}, consts={"D": 16, "BM": 16}, grid=lambda c: (cdiv(T, 16), KH * G))
@triton.jit
def grouped_by_a_runtime_number(q_ptr, k_ptr, o_ptr, t, group, D: tl.constexpr, BM: tl.constexpr):  # proved
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    h = tl.program_id(1)
    hk = h // group
    d = tl.arange(0, D)
    q = tl.load(q_ptr + (h * t + rows[:, None]) * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    k = tl.load(k_ptr + (hk * t + rows[:, None]) * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    tl.store(o_ptr + (h * t + rows[:, None]) * D + d[None, :], q * k, mask=rows[:, None] < t)


@kernel({"o_ptr": "Q:KH G T D * K:KH T D"}, inputs={"q_ptr": "Q:KH G T D", "k_ptr": "K:KH T D"}, scalars={"t": T, "group": G}, consts={"D": 16, "BM": 16}, grid=lambda c: (cdiv(T, 16), KH * G))
@triton.jit
def grouped_by_the_remainder(q_ptr, k_ptr, o_ptr, t, group, D: tl.constexpr, BM: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    h = tl.program_id(1)
    hk = h % group
    d = tl.arange(0, D)
    q = tl.load(q_ptr + (h * t + rows[:, None]) * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    k = tl.load(k_ptr + (hk * t + rows[:, None]) * D + d[None, :], mask=rows[:, None] < t, other=0.0)  # error[out-of-bounds]
    tl.store(o_ptr + (h * t + rows[:, None]) * D + d[None, :], q * k, mask=rows[:, None] < t)


@kernel(ROPE, **ROPE_ARGS)
@triton.jit
def rope(x_ptr, cos_ptr, sin_ptr, t, heads, D: tl.constexpr):  # proved
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    pos = row % t
    o = tl.arange(0, D // 2)
    base = x_ptr + (row * heads + head) * D
    a = tl.load(base + o)
    b = tl.load(base + D // 2 + o)
    c1 = tl.load(cos_ptr + pos * D + o)
    s1 = tl.load(sin_ptr + pos * D + o)
    c2 = tl.load(cos_ptr + pos * D + D // 2 + o)
    s2 = tl.load(sin_ptr + pos * D + D // 2 + o)
    tl.store(base + o, a * c1 - b * s1)
    tl.store(base + D // 2 + o, b * c2 + a * s2)


@kernel(ROPE, **ROPE_ARGS)
@triton.jit
def rope_position_of_the_batch(x_ptr, cos_ptr, sin_ptr, t, heads, D: tl.constexpr):  # refuted
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    pos = row // t
    o = tl.arange(0, D // 2)
    base = x_ptr + (row * heads + head) * D
    a = tl.load(base + o)
    b = tl.load(base + D // 2 + o)
    c1 = tl.load(cos_ptr + pos * D + o)  # error[out-of-bounds]
    s1 = tl.load(sin_ptr + pos * D + o)  # error[out-of-bounds]
    c2 = tl.load(cos_ptr + pos * D + D // 2 + o)  # error[out-of-bounds]
    s2 = tl.load(sin_ptr + pos * D + D // 2 + o)  # error[out-of-bounds]
    tl.store(base + o, a * c1 - b * s1)
    tl.store(base + D // 2 + o, b * c2 + a * s2)


@kernel({"o_ptr": "where(D % 2 == 0, X:T D * at[P := D // 2](C:T P) - at[D := D + 1 - 2 * (D % 2)](X:T D) * at[P := D // 2](S:T P), X:T D * at[P := D // 2](C:T P) + at[D := D + 1 - 2 * (D % 2)](X:T D) * at[P := D // 2](S:T P))"}, inputs={"x_ptr": "X:T D", "c_ptr": "C:T P", "s_ptr": "S:T P"}, scalars={"t": T}, consts={"D": 16, "BM": 16}, grid=lambda c: (cdiv(T, 16),))
@triton.jit
def rope_interleaved(x_ptr, c_ptr, s_ptr, o_ptr, t, D: tl.constexpr, BM: tl.constexpr):  # proved
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    p = tl.arange(0, D // 2)
    x = tl.load(x_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    c = tl.load(c_ptr + rows[:, None] * (D // 2) + p[None, :], mask=rows[:, None] < t, other=0.0)
    s = tl.load(s_ptr + rows[:, None] * (D // 2) + p[None, :], mask=rows[:, None] < t, other=0.0)
    a, b = tl.split(tl.reshape(x, (BM, D // 2, 2)))
    o = tl.reshape(tl.join(a * c - b * s, b * c + a * s), (BM, D))
    tl.store(o_ptr + rows[:, None] * D + d[None, :], o, mask=rows[:, None] < t)


@kernel({"y_ptr": "(X:M K, W:K N -> M N) + scalar(s) * ((X:M K, A:K R -> M R), V:R N -> M N)"}, inputs={"x_ptr": "X:M K", "w_ptr": "W:K N", "a_ptr": "A:K R", "v_ptr": "V:R N"}, scalars={"m": M, "n": N, "k": K}, consts={"R": 16, "BM": 16, "BN": 32, "BK": 32}, grid=lambda c: (cdiv(M, 16), cdiv(N, 32)))
@triton.jit
def low_rank(x_ptr, w_ptr, a_ptr, v_ptr, y_ptr, s, m, n, k, R: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # proved
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    cols = tl.program_id(1) * BN + tl.arange(0, BN)
    rk = tl.arange(0, R)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    low = tl.zeros((BM, R), dtype=tl.float32)
    for k0 in range(0, k, BK):
        kk = k0 + tl.arange(0, BK)
        x = tl.load(x_ptr + rows[:, None] * k + kk[None, :], mask=(rows[:, None] < m) & (kk[None, :] < k), other=0.0)
        w = tl.load(w_ptr + kk[:, None] * n + cols[None, :], mask=(kk[:, None] < k) & (cols[None, :] < n), other=0.0)
        a = tl.load(a_ptr + kk[:, None] * R + rk[None, :], mask=kk[:, None] < k, other=0.0)
        acc = tl.dot(x, w, acc)
        low = tl.dot(x, a, low)
    v = tl.load(v_ptr + rk[:, None] * n + cols[None, :], mask=cols[None, :] < n, other=0.0)
    acc += s * tl.dot(low, v)
    tl.store(y_ptr + rows[:, None] * n + cols[None, :], acc, mask=(rows[:, None] < m) & (cols[None, :] < n))


@kernel({"y_ptr": "(X:M K, W:K N -> M N) + scalar(s) * ((X:M K, A:K R -> M R), V:R N -> M N)"}, inputs={"x_ptr": "X:M K", "w_ptr": "W:K N", "a_ptr": "A:K R", "v_ptr": "V:R N"}, scalars={"m": M, "n": N, "k": K}, consts={"R": 16, "BM": 16, "BN": 32, "BK": 32}, grid=lambda c: (cdiv(M, 16), cdiv(N, 32)))
@triton.jit
def low_rank_scaled_in_the_loop(x_ptr, w_ptr, a_ptr, v_ptr, y_ptr, s, m, n, k, R: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    cols = tl.program_id(1) * BN + tl.arange(0, BN)
    rk = tl.arange(0, R)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    low = tl.zeros((BM, R), dtype=tl.float32)
    for k0 in range(0, k, BK):
        kk = k0 + tl.arange(0, BK)
        x = tl.load(x_ptr + rows[:, None] * k + kk[None, :], mask=(rows[:, None] < m) & (kk[None, :] < k), other=0.0)
        w = tl.load(w_ptr + kk[:, None] * n + cols[None, :], mask=(kk[:, None] < k) & (cols[None, :] < n), other=0.0)
        a = tl.load(a_ptr + kk[:, None] * R + rk[None, :], mask=kk[:, None] < k, other=0.0)
        acc = tl.dot(x, w, acc)
        low = s * tl.dot(x, a, low)
    v = tl.load(v_ptr + rk[:, None] * n + cols[None, :], mask=cols[None, :] < n, other=0.0)
    acc += tl.dot(low, v)
    tl.store(y_ptr + rows[:, None] * n + cols[None, :], acc, mask=(rows[:, None] < m) & (cols[None, :] < n))


@kernel({"y_ptr": "silu(sum[W where T - 3 + W >= 0](at[T := T - 3 + W](X:T C) * Wt:C W -> T C W) + bias:C)"}, inputs={"x_ptr": "X:T C", "w_ptr": "Wt:C W", "b_ptr": "bias:C"}, scalars={"t": T, "d": C}, consts={"W": 4, "BT": 16, "BD": 32}, grid=lambda c: (cdiv(T, 16), cdiv(C, 32)))
@triton.jit
def causal_conv(x_ptr, w_ptr, b_ptr, y_ptr, t, d, W: tl.constexpr, BT: tl.constexpr, BD: tl.constexpr):  # proved
    rows = tl.program_id(0) * BT + tl.arange(0, BT)
    cols = tl.program_id(1) * BD + tl.arange(0, BD)
    m_d = cols < d
    acc = tl.zeros((BT, BD), dtype=tl.float32)
    for i in tl.static_range(0, W):
        r = rows - W + 1 + i
        mask = (r[:, None] >= 0) & (r[:, None] < t) & m_d[None, :]
        x = tl.load(x_ptr + r[:, None] * d + cols[None, :], mask=mask, other=0.0)
        w = tl.load(w_ptr + cols * W + i, mask=m_d, other=0.0)
        acc += x * w[None, :]
    acc += tl.load(b_ptr + cols, mask=m_d, other=0.0)[None, :]
    acc = acc * tl.sigmoid(acc)
    tl.store(y_ptr + rows[:, None] * d + cols[None, :], acc, mask=(rows[:, None] < t) & m_d[None, :])


@kernel({"y_ptr": "silu(sum[W where T - 3 + W >= 0](at[T := T - 3 + W](X:T C) * Wt:C W -> T C W) + bias:C)"}, inputs={"x_ptr": "X:T C", "w_ptr": "Wt:C W", "b_ptr": "bias:C"}, scalars={"t": T, "d": C}, consts={"W": 4, "BT": 16, "BD": 32}, grid=lambda c: (cdiv(T, 16), cdiv(C, 32)))
@triton.jit
def causal_conv_looks_ahead(x_ptr, w_ptr, b_ptr, y_ptr, t, d, W: tl.constexpr, BT: tl.constexpr, BD: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BT + tl.arange(0, BT)
    cols = tl.program_id(1) * BD + tl.arange(0, BD)
    m_d = cols < d
    acc = tl.zeros((BT, BD), dtype=tl.float32)
    for i in tl.static_range(0, W):
        r = rows - W + 2 + i
        mask = (r[:, None] >= 0) & (r[:, None] < t) & m_d[None, :]
        x = tl.load(x_ptr + r[:, None] * d + cols[None, :], mask=mask, other=0.0)
        w = tl.load(w_ptr + cols * W + i, mask=m_d, other=0.0)
        acc += x * w[None, :]
    acc += tl.load(b_ptr + cols, mask=m_d, other=0.0)[None, :]
    acc = acc * tl.sigmoid(acc)
    tl.store(y_ptr + rows[:, None] * d + cols[None, :], acc, mask=(rows[:, None] < t) & m_d[None, :])
