"""Triton: kernels as they stand in models: attention over batches and heads, rotary embeddings, losses, gathers."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

B, T, N, R = dim("B"), dim("T"), dim("N"), dim("R")
H, D, E = dim("H", 4), dim("D", 32), dim("E", 32)
V = dim("V", max=4096)


@kernel({"out_ptr": "(softmax[N]((Q:B H T D, K:B H N D -> B H T N) / 4), V:B H N D -> B H T D)"}, inputs={"q_ptr": "Q:B H T D", "k_ptr": "K:B H N D", "v_ptr": "V:B H N D"},
  scalars={"t": T, "n": N}, strides={"q_ptr": ("qb","qh","qt","qd"), "k_ptr": ("kb","kh","kn","kd"), "v_ptr": ("vb","vh","vn","vd"), "out_ptr": ("ob","oh","ot","od")},
  consts=dict(H=4, D=32, BM=16, BN=16), grid=lambda c: (cdiv(T, c["BM"]), B * H))
@triton.jit
def heads(q_ptr, k_ptr, v_ptr, out_ptr, qb, qh, qt, qd, kb, kh, kn, kd, vb, vh, vn, vd, ob, oh, ot, od, t, n, H: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # proved
    off = tl.program_id(1)
    b = off // H
    h = off % H
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q_ptr += b * qb + h * qh
    k_ptr += b * kb + h * kh
    v_ptr += b * vb + h * vh
    out_ptr += b * ob + h * oh
    q = tl.load(q_ptr + rows[:, None] * qt + d[None, :] * qd, mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * kn + d[:, None] * kd, mask=columns[None, :] < n, other=0.0)
        s = tl.where(columns[None, :] < n, tl.dot(q, k) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * vn + d[None, :] * vd, mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * ot + d[None, :] * od, acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": "(softmax[N]((Q:B H T D, K:B H N D -> B H T N) / 4), V:B H N D -> B H T D)"}, inputs={"q_ptr": "Q:B H T D", "k_ptr": "K:B H N D", "v_ptr": "V:B H N D"},
  scalars={"t": T, "n": N}, strides={"q_ptr": ("qb","qh","qt","qd"), "k_ptr": ("kb","kh","kn","kd"), "v_ptr": ("vb","vh","vn","vd"), "out_ptr": ("ob","oh","ot","od")},
  consts=dict(H=4, D=32, BM=16, BN=16), grid=lambda c: (cdiv(T, c["BM"]), B * H))
@triton.jit
def heads_of_another_batch(q_ptr, k_ptr, v_ptr, out_ptr, qb, qh, qt, qd, kb, kh, kn, kd, vb, vh, vn, vd, ob, oh, ot, od, t, n, H: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted: out of bounds
    off = tl.program_id(1)
    b = off // H
    h = off % H
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q_ptr += b * qb + h * qh
    k_ptr += b * kb + h * kh
    v_ptr += h * vb + b * vh
    out_ptr += b * ob + h * oh
    q = tl.load(q_ptr + rows[:, None] * qt + d[None, :] * qd, mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):  # warning[unsupported]
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * kn + d[:, None] * kd, mask=columns[None, :] < n, other=0.0)
        s = tl.where(columns[None, :] < n, tl.dot(q, k) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * vn + d[None, :] * vd, mask=columns[:, None] < n, other=0.0)  # error[out-of-bounds]
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * ot + d[None, :] * od, acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": "(softmax[N]((Q:B H T D, K:B H N D -> B H T N) / 4), V:B H N D -> B H T D)"}, inputs={"q_ptr": "Q:B H T D", "k_ptr": "K:B H N D", "v_ptr": "V:B H N D"},
  scalars={"t": T, "n": N}, strides={"q_ptr": ("qb","qh","qt","qd"), "k_ptr": ("kb","kh","kn","kd"), "v_ptr": ("vb","vh","vn","vd"), "out_ptr": ("ob","oh","ot","od")},
  consts=dict(H=4, D=32, BM=16, BN=16), grid=lambda c: (cdiv(T, c["BM"]), B * H))
@triton.jit
def heads_all_read_the_first(q_ptr, k_ptr, v_ptr, out_ptr, qb, qh, qt, qd, kb, kh, kn, kd, vb, vh, vn, vd, ob, oh, ot, od, t, n, H: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    off = tl.program_id(1)
    b = off // H
    h = off % H
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q_ptr += b * qb + h * qh
    k_ptr += b * kb
    v_ptr += b * vb + h * vh
    out_ptr += b * ob + h * oh
    q = tl.load(q_ptr + rows[:, None] * qt + d[None, :] * qd, mask=rows[:, None] < t, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * kn + d[:, None] * kd, mask=columns[None, :] < n, other=0.0)
        s = tl.where(columns[None, :] < n, tl.dot(q, k) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * vn + d[None, :] * vd, mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * ot + d[None, :] * od, acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": "(softmax[N]((Q:B H T D, K:B H N D -> B H T N) / 4), V:B H N D -> B H T D)"}, inputs={"q_ptr": "Q:B H T D", "k_ptr": "K:B H N D", "v_ptr": "V:B H N D"},
  scalars={"t": T, "n": N}, strides={"q_ptr": ("qb","qh","qt","qd"), "k_ptr": ("kb","kh","kn","kd"), "v_ptr": ("vb","vh","vn","vd"), "out_ptr": ("ob","oh","ot","od")},
  consts=dict(H=4, D=32, BM=16, BN=16), grid=lambda c: (cdiv(T, c["BM"]), B * H))
@triton.jit
def heads_transposed_ids(q_ptr, k_ptr, v_ptr, out_ptr, qb, qh, qt, qd, kb, kh, kn, kd, vb, vh, vn, vd, ob, oh, ot, od, t, n, H: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    off = tl.program_id(1)
    b = off % H
    h = off // H
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q_ptr += b * qb + h * qh
    k_ptr += b * kb + h * kh
    v_ptr += b * vb + h * vh
    out_ptr += b * ob + h * oh
    q = tl.load(q_ptr + rows[:, None] * qt + d[None, :] * qd, mask=rows[:, None] < t, other=0.0)  # error[out-of-bounds]
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):  # warning[unsupported]
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * kn + d[:, None] * kd, mask=columns[None, :] < n, other=0.0)  # error[out-of-bounds]
        s = tl.where(columns[None, :] < n, tl.dot(q, k) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp(s - new[:, None])
        alpha = tl.exp(m - new)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * vn + d[None, :] * vd, mask=columns[:, None] < n, other=0.0)  # error[out-of-bounds]
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * ot + d[None, :] * od, acc / total[:, None], mask=rows[:, None] < t)


@kernel({"out_ptr": "where(D < 16, X:T D * C:T D - at[D := D + 16](X:T D) * S:T D, X:T D * C:T D + at[D := D - 16](X:T D) * S:T D)"}, inputs={"x_ptr": "X:T D", "cos_ptr": "C:T D", "sin_ptr": "S:T D"},
  scalars={}, consts=dict(D=32), grid=(T,))
@triton.jit
def rope(x_ptr, cos_ptr, sin_ptr, out_ptr, D: tl.constexpr):  # proved
    row = tl.program_id(0)
    half = tl.arange(0, D // 2)
    x1 = tl.load(x_ptr + row * D + half)
    x2 = tl.load(x_ptr + row * D + D // 2 + half)
    c1 = tl.load(cos_ptr + row * D + half)
    s1 = tl.load(sin_ptr + row * D + half)
    c2 = tl.load(cos_ptr + row * D + D // 2 + half)
    s2 = tl.load(sin_ptr + row * D + D // 2 + half)
    tl.store(out_ptr + row * D + half, x1 * c1 - x2 * s1)
    tl.store(out_ptr + row * D + D // 2 + half, x2 * c2 + x1 * s2)


@kernel({"x_ptr": "where(D < 16, X:T D * C:T D - at[D := D + 16](X:T D) * S:T D, X:T D * C:T D + at[D := D - 16](X:T D) * S:T D)"}, inputs={"x_ptr": "X:T D", "cos_ptr": "C:T D", "sin_ptr": "S:T D"},
  scalars={}, consts=dict(D=32), grid=(T,))
@triton.jit
def rope_in_place(x_ptr, cos_ptr, sin_ptr, D: tl.constexpr):  # proved
    row = tl.program_id(0)
    half = tl.arange(0, D // 2)
    x1 = tl.load(x_ptr + row * D + half)
    x2 = tl.load(x_ptr + row * D + D // 2 + half)
    c1 = tl.load(cos_ptr + row * D + half)
    s1 = tl.load(sin_ptr + row * D + half)
    c2 = tl.load(cos_ptr + row * D + D // 2 + half)
    s2 = tl.load(sin_ptr + row * D + D // 2 + half)
    tl.store(x_ptr + row * D + half, x1 * c1 - x2 * s1)
    tl.store(x_ptr + row * D + D // 2 + half, x2 * c2 + x1 * s2)


@kernel({"out_ptr": "where(D < 16, X:T D * C:T D - at[D := D + 16](X:T D) * S:T D, X:T D * C:T D + at[D := D - 16](X:T D) * S:T D)"}, inputs={"x_ptr": "X:T D", "cos_ptr": "C:T D", "sin_ptr": "S:T D"},
  scalars={}, consts=dict(D=32), grid=(T,))
@triton.jit
def rope_wrong_sign(x_ptr, cos_ptr, sin_ptr, out_ptr, D: tl.constexpr):  # refuted
    row = tl.program_id(0)
    half = tl.arange(0, D // 2)
    x1 = tl.load(x_ptr + row * D + half)
    x2 = tl.load(x_ptr + row * D + D // 2 + half)
    c1 = tl.load(cos_ptr + row * D + half)
    s1 = tl.load(sin_ptr + row * D + half)
    c2 = tl.load(cos_ptr + row * D + D // 2 + half)
    s2 = tl.load(sin_ptr + row * D + D // 2 + half)
    tl.store(out_ptr + row * D + half, x1 * c1 + x2 * s1)
    tl.store(out_ptr + row * D + D // 2 + half, x2 * c2 + x1 * s2)


@kernel({"out_ptr": "where(D < 16, X:T D * C:T D - at[D := D + 16](X:T D) * S:T D, X:T D * C:T D + at[D := D - 16](X:T D) * S:T D)"}, inputs={"x_ptr": "X:T D", "cos_ptr": "C:T D", "sin_ptr": "S:T D"},
  scalars={}, consts=dict(D=32), grid=(T,))
@triton.jit
def rope_one_angle_for_both_halves(x_ptr, cos_ptr, sin_ptr, out_ptr, D: tl.constexpr):  # refuted
    row = tl.program_id(0)
    half = tl.arange(0, D // 2)
    x1 = tl.load(x_ptr + row * D + half)
    x2 = tl.load(x_ptr + row * D + D // 2 + half)
    c1 = tl.load(cos_ptr + row * D + half)
    s1 = tl.load(sin_ptr + row * D + half)
    c2 = tl.load(cos_ptr + row * D + D // 2 + half)
    s2 = tl.load(sin_ptr + row * D + D // 2 + half)
    tl.store(out_ptr + row * D + half, x1 * c1 - x2 * s1)
    tl.store(out_ptr + row * D + D // 2 + half, x2 * c1 + x1 * s1)


@kernel({"x_ptr": "where(D < 16, X:T D * C:T D - at[D := D + 16](X:T D) * S:T D, X:T D * C:T D + at[D := D - 16](X:T D) * S:T D)"}, inputs={"x_ptr": "X:T D", "cos_ptr": "C:T D", "sin_ptr": "S:T D"},
  scalars={}, consts=dict(D=32), grid=(T,))
@triton.jit
def rope_reads_what_it_has_written(x_ptr, cos_ptr, sin_ptr, D: tl.constexpr):  # refuted
    row = tl.program_id(0)
    half = tl.arange(0, D // 2)
    x1 = tl.load(x_ptr + row * D + half)
    x2 = tl.load(x_ptr + row * D + D // 2 + half)
    c1 = tl.load(cos_ptr + row * D + half)
    s1 = tl.load(sin_ptr + row * D + half)
    c2 = tl.load(cos_ptr + row * D + D // 2 + half)
    s2 = tl.load(sin_ptr + row * D + D // 2 + half)
    tl.store(x_ptr + row * D + half, x1 * c1 - x2 * s1)
    x1 = tl.load(x_ptr + row * D + half)
    tl.store(x_ptr + row * D + D // 2 + half, x2 * c2 + x1 * s2)


@kernel({"out_ptr": "where(D < 16, X:T D * C:T D - at[D := D + 16](X:T D) * S:T D, X:T D * C:T D + at[D := D - 16](X:T D) * S:T D)"}, inputs={"x_ptr": "X:T D", "cos_ptr": "C:T D", "sin_ptr": "S:T D"},
  scalars={}, consts=dict(D=32), grid=(T,))
@triton.jit
def rope_writes_one_half(x_ptr, cos_ptr, sin_ptr, out_ptr, D: tl.constexpr):  # refuted: never written
    row = tl.program_id(0)
    half = tl.arange(0, D // 2)
    x1 = tl.load(x_ptr + row * D + half)
    x2 = tl.load(x_ptr + row * D + D // 2 + half)
    c1 = tl.load(cos_ptr + row * D + half)
    s1 = tl.load(sin_ptr + row * D + half)
    c2 = tl.load(cos_ptr + row * D + D // 2 + half)
    s2 = tl.load(sin_ptr + row * D + D // 2 + half)
    tl.store(out_ptr + row * D + half, x1 * c1 - x2 * s1)  # error[coverage-gap]



@kernel({"loss_ptr": "logsumexp[V](X:R V) - gather[V](X:R V, target:R)"}, inputs={"x_ptr": "X:R V", "target_ptr": "target:R"}, dtypes={"target_ptr": "int64"}, assume="target in V",
  scalars={"stride": V, "n": V}, consts=dict(BLOCK=64), grid=(R,))
@triton.jit
def cross_entropy(x_ptr, target_ptr, loss_ptr, stride, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    y = tl.load(target_ptr + row)
    x_ptr += row * stride
    own = tl.load(x_ptr + y)
    m = -float("inf")
    d = 0.0
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + c, mask=c < n, other=-float("inf"))
        new = tl.maximum(m, tl.max(x))
        d = d * tl.exp(m - new) + tl.sum(tl.exp(x - new))
        m = new
    tl.store(loss_ptr + row, m + tl.log(d) - own)


@kernel({"loss_ptr": "logsumexp[V](X:R V) - gather[V](X:R V, target:R)"}, inputs={"x_ptr": "X:R V", "target_ptr": "target:R"}, dtypes={"target_ptr": "int64"}, assume="target in V",
  scalars={"stride": V, "n": V}, consts=dict(BLOCK=64), grid=(R,))
@triton.jit
def cross_entropy_without_rescaling(x_ptr, target_ptr, loss_ptr, stride, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    y = tl.load(target_ptr + row)
    x_ptr += row * stride
    own = tl.load(x_ptr + y)
    m = -float("inf")
    d = 0.0
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + c, mask=c < n, other=-float("inf"))
        new = tl.maximum(m, tl.max(x))
        d = d + tl.sum(tl.exp(x - new))
        m = new
    tl.store(loss_ptr + row, m + tl.log(d) - own)


@kernel({"loss_ptr": "logsumexp[V](X:R V) - gather[V](X:R V, target:R)"}, inputs={"x_ptr": "X:R V", "target_ptr": "target:R"}, dtypes={"target_ptr": "int64"}, assume="target in V",
  scalars={"stride": V, "n": V}, consts=dict(BLOCK=64), grid=(R,))
@triton.jit
def cross_entropy_pads_with_zero(x_ptr, target_ptr, loss_ptr, stride, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    y = tl.load(target_ptr + row)
    x_ptr += row * stride
    own = tl.load(x_ptr + y)
    m = -float("inf")
    d = 0.0
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + c, mask=c < n, other=0.0)
        new = tl.maximum(m, tl.max(x))
        d = d * tl.exp(m - new) + tl.sum(tl.exp(x - new))
        m = new
    tl.store(loss_ptr + row, m + tl.log(d) - own)


@kernel({"loss_ptr": "logsumexp[V](X:R V) - gather[V](X:R V, target:R)"}, inputs={"x_ptr": "X:R V", "target_ptr": "target:R"}, dtypes={"target_ptr": "int64"}, assume="target in V",
  scalars={"stride": V, "n": V}, consts=dict(BLOCK=64), grid=(R,))
@triton.jit
def cross_entropy_adds_the_target(x_ptr, target_ptr, loss_ptr, stride, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    y = tl.load(target_ptr + row)
    x_ptr += row * stride
    own = tl.load(x_ptr + y)
    m = -float("inf")
    d = 0.0
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + c, mask=c < n, other=-float("inf"))
        new = tl.maximum(m, tl.max(x))
        d = d * tl.exp(m - new) + tl.sum(tl.exp(x - new))
        m = new
    tl.store(loss_ptr + row, m + tl.log(d) + own)


@kernel({"loss_ptr": "logsumexp[V](X:R V) - gather[V](X:R V, target:R)"}, inputs={"x_ptr": "X:R V", "target_ptr": "target:R"}, dtypes={"target_ptr": "int64"},
  scalars={"stride": V, "n": V}, consts=dict(BLOCK=64), grid=(R,))
@triton.jit
def cross_entropy_of_any_target(x_ptr, target_ptr, loss_ptr, stride, n, BLOCK: tl.constexpr):  # unknown: declare it with assume=
    row = tl.program_id(0)
    y = tl.load(target_ptr + row)
    x_ptr += row * stride
    own = tl.load(x_ptr + y)
    m = -float("inf")
    d = 0.0
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + c, mask=c < n, other=-float("inf"))
        new = tl.maximum(m, tl.max(x))
        d = d * tl.exp(m - new) + tl.sum(tl.exp(x - new))
        m = new
    tl.store(loss_ptr + row, m + tl.log(d) - own)


@kernel({"out_ptr": "gather[V](W:V E, ids:R)"}, inputs={"ids_ptr": "ids:R", "w_ptr": "W:V E"}, dtypes={"ids_ptr": "int32"}, assume="ids in V", consts=dict(E=32), grid=(R,))
@triton.jit
def embedding(ids_ptr, w_ptr, out_ptr, E: tl.constexpr):  # proved
    row = tl.program_id(0)
    e = tl.arange(0, E)
    i = tl.load(ids_ptr + row)
    tl.store(out_ptr + row * E + e, tl.load(w_ptr + i * E + e))


@kernel({"out_ptr": "gather[V](W:V E, ids:R)"}, inputs={"ids_ptr": "ids:R", "w_ptr": "W:V E"}, dtypes={"ids_ptr": "int32"}, assume="ids in V", consts=dict(E=32), grid=(R,))
@triton.jit
def embedding_of_the_row(ids_ptr, w_ptr, out_ptr, E: tl.constexpr):  # refuted
    row = tl.program_id(0)
    e = tl.arange(0, E)
    i = tl.load(ids_ptr + row)
    tl.store(out_ptr + row * E + e, tl.load(w_ptr + row * E + e))  # error[dim-mismatch]  # error[out-of-bounds]


@kernel({"out_ptr": "gather[V](W:V E, ids:R)"}, inputs={"ids_ptr": "ids:R", "w_ptr": "W:V E"}, dtypes={"ids_ptr": "int32"}, assume="ids in V", consts=dict(E=32), grid=(R,))
@triton.jit
def embedding_shifted(ids_ptr, w_ptr, out_ptr, E: tl.constexpr):  # refuted
    row = tl.program_id(0)
    e = tl.arange(0, E)
    i = tl.load(ids_ptr + row)
    tl.store(out_ptr + row * E + e, tl.load(w_ptr + i * E + e - 1, mask=i * E + e > 0, other=0.0))


@kernel({"out_ptr": "2 * X:N"}, inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts=dict(BLOCK=8), grid=(2,))
@triton.jit
def persistent(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    for tile in range(tl.program_id(0), tl.cdiv(n, BLOCK), tl.num_programs(0)):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)


@kernel({"out_ptr": "2 * X:N"}, inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts=dict(BLOCK=8), grid=(2,))
@triton.jit
def persistent_skips_tiles(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: never written
    for tile in range(tl.program_id(0), tl.cdiv(n, BLOCK), 2 * tl.num_programs(0)):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)  # error[coverage-gap]


@kernel({"out_ptr": "2 * X:N"}, inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts=dict(BLOCK=8), grid=(2,))
@triton.jit
def persistent_all_tiles(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: write the same element
    for tile in range(0, tl.cdiv(n, BLOCK), tl.num_programs(0)):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)  # error[race]  # warning[unsupported]
