"""Triton: flash attention in the forms that public kernels have: two stages for causal masks with the logarithm of the
total beside the output, the total kept as a logarithm, sliding windows whose rows may see nothing yet, grouped heads."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

B, H, HK, N = dim("B"), dim("H"), dim("HK"), dim("N")
T = dim("T")
S = dim("S", T)
R = dim("R", multiple_of=32)
C = dim("C", R)
HQ = dim("HQ", 4 * HK)
D = dim("D", 16)

STAGED = {
    "inputs": {"Q": "Q:H R D", "K": "K:H C D", "V": "V:H C D"},
    "scalars": {"n_ctx": R},
    "strides": {name: ("stride_h", "stride_m", 1) for name in ("Q", "K", "V", "Out")},
    "assume": ["sm_scale positive"],
    "consts": {"HEAD_DIM": 16, "BLOCK_M": 32, "BLOCK_N": 16, "STAGE": 3},
    "grid": lambda c: (R // 32, H),
}
SCORES = "(Q:H R D, K:H C D -> H R C) * scalar(sm_scale)"
STAGED_SPEC = {
    "Out": f"(softmax[C where C <= R]({SCORES}), V:H C D -> H R D)",
    "M": f"logsumexp[C where C <= R]({SCORES}) / log(2)",
}

BY_HEAD = ("stride_b", "stride_m", "stride_h", 1)
LOGARITHM = {
    "inputs": {"Q": "Q:B T H D", "K": "K:B N H D", "V": "V:B N H D"},
    "strides": {"Q": BY_HEAD, "Out": BY_HEAD, "K": ("stride_kb", "stride_kn", "stride_kh", 1), "V": ("stride_kb", "stride_kn", "stride_kh", 1)},
    "scalars": {"nheads": H, "seqlen_q": T, "seqlen_k": N},
    "assume": "scale positive",
    "consts": {"D": 16, "BLOCK_M": 32, "BLOCK_N": 16},
    "grid": lambda c: (cdiv(T, c["BLOCK_M"]), B * H),
}
LOGARITHM_SPEC = {
    "Out": "(softmax[N where N <= T]((Q:B T H D, K:B N H D -> B H T N) * scalar(scale)), V:B N H D -> B T H D)",
    "Lse": "logsumexp[N where N <= T]((Q:B T H D, K:B N H D -> B H T N) * scalar(scale))",
}

KEYS, VALUES = "at[HK := HQ // 4](K:S HK D)", "at[HK := HQ // 4](V:S HK D)"
WINDOW = {
    "inputs": {"q_ptr": "Q:T HQ D", "k_ptr": "K:S HK D", "v_ptr": "V:S HK D"},
    "strides": {"q_ptr": ("stride_qt", "stride_qh", 1), "o_ptr": ("stride_qt", "stride_qh", 1), "k_ptr": ("stride_kt", "stride_kh", 1), "v_ptr": ("stride_kt", "stride_kh", 1)},
    "scalars": {"seqlen": T},
    "consts": {"GROUP": 4, "D": 16, "BM": 16, "BN": 16, "WINDOW": 17},
    "grid": lambda c: (cdiv(T, c["BM"]), HQ),
}
SEEN = "S where T - 17 <= S && S <= T"
WINDOW_SPEC = {
    "o_ptr": f"(softmax[{SEEN}]((Q:T HQ D, {KEYS} -> HQ T S) * 0.25), {VALUES} -> T HQ D)",
    "lse_ptr": f"logsumexp[{SEEN}]((Q:T HQ D, {KEYS} -> T HQ S) * 0.25)",
}


@triton.jit
def _inner(acc, l_i, m_i, q, K, V, off, stride_m, start_m, qk_scale, offs_m, offs_n, offs_d, n_ctx, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, STAGE: tl.constexpr):
    if STAGE == 1:
        lo, hi = 0, start_m * BLOCK_M
    elif STAGE == 2:
        lo, hi = start_m * BLOCK_M, (start_m + 1) * BLOCK_M
        lo = tl.multiple_of(lo, BLOCK_M)
    else:
        lo, hi = 0, n_ctx
    for start_n in tl.range(lo, hi, BLOCK_N):
        start_n = tl.multiple_of(start_n, BLOCK_N)
        cols = start_n + offs_n
        k = tl.load(K + off + cols[None, :] * stride_m + offs_d[:, None])
        qk = tl.dot(q, k)
        if STAGE == 2:
            mask = offs_m[:, None] >= (start_n + offs_n[None, :])
            qk = qk * qk_scale + tl.where(mask, 0, -float("inf"))
            m_ij = tl.maximum(m_i, tl.max(qk, 1))
            qk -= m_ij[:, None]
        else:
            m_ij = tl.maximum(m_i, tl.max(qk, 1) * qk_scale)
            qk = qk * qk_scale - m_ij[:, None]
        p = tl.math.exp2(qk)
        alpha = tl.math.exp2(m_i - m_ij)
        l_ij = tl.sum(p, 1)
        acc = acc * alpha[:, None]
        v = tl.load(V + off + cols[:, None] * stride_m + offs_d[None, :])
        acc = tl.dot(p.to(v.dtype), v, acc)
        l_i = l_i * alpha + l_ij
        m_i = m_ij
    return acc, l_i, m_i


@kernel(STAGED_SPEC, **STAGED)
@triton.jit
def staged(Q, K, V, M, Out, sm_scale, n_ctx, stride_h, stride_m, HEAD_DIM: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, STAGE: tl.constexpr):  # proved
    start_m = tl.program_id(0)
    off_hz = tl.program_id(1)
    off = off_hz * stride_h
    offs_m = start_m * BLOCK_M + tl.arange(0, BLOCK_M)
    offs_n = tl.arange(0, BLOCK_N)
    offs_d = tl.arange(0, HEAD_DIM)
    m_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    l_i = tl.zeros([BLOCK_M], dtype=tl.float32) + 1.0
    acc = tl.zeros([BLOCK_M, HEAD_DIM], dtype=tl.float32)
    qk_scale = sm_scale
    qk_scale *= 1.44269504  # 1/log(2)
    q = tl.load(Q + off + offs_m[:, None] * stride_m + offs_d[None, :])
    if STAGE & 1:
        acc, l_i, m_i = _inner(acc, l_i, m_i, q, K, V, off, stride_m, start_m, qk_scale, offs_m, offs_n, offs_d, n_ctx, BLOCK_M, BLOCK_N, 4 - STAGE)
    if STAGE & 2:
        acc, l_i, m_i = _inner(acc, l_i, m_i, q, K, V, off, stride_m, start_m, qk_scale, offs_m, offs_n, offs_d, n_ctx, BLOCK_M, BLOCK_N, 2)
    m_i += tl.math.log2(l_i)
    acc = acc / l_i[:, None]
    tl.store(M + off_hz * n_ctx + offs_m, m_i)
    tl.store(Out + off + offs_m[:, None] * stride_m + offs_d[None, :], acc)


@kernel(STAGED_SPEC, **STAGED)
@triton.jit
def staged_without_diagonal(Q, K, V, M, Out, sm_scale, n_ctx, stride_h, stride_m, HEAD_DIM: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, STAGE: tl.constexpr):  # refuted
    start_m = tl.program_id(0)
    off_hz = tl.program_id(1)
    off = off_hz * stride_h
    offs_m = start_m * BLOCK_M + tl.arange(0, BLOCK_M)
    offs_n = tl.arange(0, BLOCK_N)
    offs_d = tl.arange(0, HEAD_DIM)
    m_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    l_i = tl.zeros([BLOCK_M], dtype=tl.float32) + 1.0
    acc = tl.zeros([BLOCK_M, HEAD_DIM], dtype=tl.float32)
    qk_scale = sm_scale
    qk_scale *= 1.44269504  # 1/log(2)
    q = tl.load(Q + off + offs_m[:, None] * stride_m + offs_d[None, :])
    if STAGE & 1:
        acc, l_i, m_i = _inner(acc, l_i, m_i, q, K, V, off, stride_m, start_m, qk_scale, offs_m, offs_n, offs_d, n_ctx, BLOCK_M, BLOCK_N, 4 - STAGE)
    if STAGE & 4:
        acc, l_i, m_i = _inner(acc, l_i, m_i, q, K, V, off, stride_m, start_m, qk_scale, offs_m, offs_n, offs_d, n_ctx, BLOCK_M, BLOCK_N, 2)
    m_i += tl.math.log2(l_i)
    acc = acc / l_i[:, None]
    tl.store(M + off_hz * n_ctx + offs_m, m_i)
    tl.store(Out + off + offs_m[:, None] * stride_m + offs_d[None, :], acc)


@kernel(STAGED_SPEC, **STAGED)
@triton.jit
def staged_natural_logarithm(Q, K, V, M, Out, sm_scale, n_ctx, stride_h, stride_m, HEAD_DIM: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, STAGE: tl.constexpr):  # refuted
    start_m = tl.program_id(0)
    off_hz = tl.program_id(1)
    off = off_hz * stride_h
    offs_m = start_m * BLOCK_M + tl.arange(0, BLOCK_M)
    offs_n = tl.arange(0, BLOCK_N)
    offs_d = tl.arange(0, HEAD_DIM)
    m_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    l_i = tl.zeros([BLOCK_M], dtype=tl.float32) + 1.0
    acc = tl.zeros([BLOCK_M, HEAD_DIM], dtype=tl.float32)
    qk_scale = sm_scale
    qk_scale *= 1.44269504  # 1/log(2)
    q = tl.load(Q + off + offs_m[:, None] * stride_m + offs_d[None, :])
    if STAGE & 1:
        acc, l_i, m_i = _inner(acc, l_i, m_i, q, K, V, off, stride_m, start_m, qk_scale, offs_m, offs_n, offs_d, n_ctx, BLOCK_M, BLOCK_N, 4 - STAGE)
    if STAGE & 2:
        acc, l_i, m_i = _inner(acc, l_i, m_i, q, K, V, off, stride_m, start_m, qk_scale, offs_m, offs_n, offs_d, n_ctx, BLOCK_M, BLOCK_N, 2)
    m_i += tl.math.log(l_i)
    acc = acc / l_i[:, None]
    tl.store(M + off_hz * n_ctx + offs_m, m_i)
    tl.store(Out + off + offs_m[:, None] * stride_m + offs_d[None, :], acc)


@kernel(STAGED_SPEC, **STAGED)
@triton.jit
def staged_twice_scaled(Q, K, V, M, Out, sm_scale, n_ctx, stride_h, stride_m, HEAD_DIM: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, STAGE: tl.constexpr):  # refuted
    start_m = tl.program_id(0)
    off_hz = tl.program_id(1)
    off = off_hz * stride_h
    offs_m = start_m * BLOCK_M + tl.arange(0, BLOCK_M)
    offs_n = tl.arange(0, BLOCK_N)
    offs_d = tl.arange(0, HEAD_DIM)
    m_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    l_i = tl.zeros([BLOCK_M], dtype=tl.float32) + 1.0
    acc = tl.zeros([BLOCK_M, HEAD_DIM], dtype=tl.float32)
    qk_scale = sm_scale
    qk_scale *= 1.44269504 * 1.44269504
    q = tl.load(Q + off + offs_m[:, None] * stride_m + offs_d[None, :])
    if STAGE & 1:
        acc, l_i, m_i = _inner(acc, l_i, m_i, q, K, V, off, stride_m, start_m, qk_scale, offs_m, offs_n, offs_d, n_ctx, BLOCK_M, BLOCK_N, 4 - STAGE)
    if STAGE & 2:
        acc, l_i, m_i = _inner(acc, l_i, m_i, q, K, V, off, stride_m, start_m, qk_scale, offs_m, offs_n, offs_d, n_ctx, BLOCK_M, BLOCK_N, 2)
    m_i += tl.math.log2(l_i)
    acc = acc / l_i[:, None]
    tl.store(M + off_hz * n_ctx + offs_m, m_i)
    tl.store(Out + off + offs_m[:, None] * stride_m + offs_d[None, :], acc)


@kernel(LOGARITHM_SPEC, **LOGARITHM)
@triton.jit
def logarithm(Q, K, V, Out, Lse, scale, stride_b, stride_h, stride_m, stride_kb, stride_kh, stride_kn, nheads, seqlen_q, seqlen_k, D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):  # proved
    start_m = tl.program_id(0)
    off_hb = tl.program_id(1)
    off_b = off_hb // nheads
    off_h = off_hb % nheads
    offs_m = start_m * BLOCK_M + tl.arange(0, BLOCK_M)
    offs_n = tl.arange(0, BLOCK_N)
    offs_d = tl.arange(0, D)
    q_ptrs = Q + off_b * stride_b + off_h * stride_h + (offs_m[:, None] * stride_m + offs_d[None, :])
    k_ptrs = K + off_b * stride_kb + off_h * stride_kh + (offs_n[:, None] * stride_kn + offs_d[None, :])
    v_ptrs = V + off_b * stride_kb + off_h * stride_kh + (offs_n[:, None] * stride_kn + offs_d[None, :])
    lse_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    m_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    acc_o = tl.zeros([BLOCK_M, D], dtype=tl.float32)
    q = tl.load(q_ptrs, mask=offs_m[:, None] < seqlen_q, other=0.0)
    end_n = tl.minimum((start_m + 1) * BLOCK_M, seqlen_k)
    for start_n in range(0, end_n, BLOCK_N):
        start_n = tl.multiple_of(start_n, BLOCK_N)
        k = tl.load(k_ptrs + start_n * stride_kn, mask=(start_n + offs_n)[:, None] < seqlen_k, other=0.0)
        qk = tl.zeros([BLOCK_M, BLOCK_N], dtype=tl.float32)
        qk += tl.dot(q, tl.trans(k))
        qk += tl.where((start_n + offs_n)[None, :] < seqlen_k, 0, float("-inf"))
        qk += tl.where(offs_m[:, None] >= (start_n + offs_n)[None, :], 0, float("-inf"))
        m_ij = tl.maximum(tl.max(qk, 1) * scale, lse_i)
        p = tl.exp(qk * scale - m_ij[:, None])
        l_ij = tl.sum(p, 1)
        acc_o_scale = tl.exp(m_i - m_ij)
        acc_o = acc_o * acc_o_scale[:, None]
        v = tl.load(v_ptrs + start_n * stride_kn, mask=(start_n + offs_n)[:, None] < seqlen_k, other=0.0)
        acc_o += tl.dot(p.to(v.dtype), v)
        m_i = m_ij
        l_i_new = tl.exp(lse_i - m_ij) + l_ij
        lse_i = m_ij + tl.log(l_i_new)
    o_scale = tl.exp(m_i - lse_i)
    acc_o = acc_o * o_scale[:, None]
    tl.store(Lse + off_hb * seqlen_q + offs_m, lse_i, mask=offs_m < seqlen_q)
    out_ptrs = Out + off_b * stride_b + off_h * stride_h + (offs_m[:, None] * stride_m + offs_d[None, :])
    tl.store(out_ptrs, acc_o, mask=offs_m[:, None] < seqlen_q)


@kernel(LOGARITHM_SPEC, **LOGARITHM)
@triton.jit
def logarithm_of_the_last_tile(Q, K, V, Out, Lse, scale, stride_b, stride_h, stride_m, stride_kb, stride_kh, stride_kn, nheads, seqlen_q, seqlen_k, D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):  # refuted
    start_m = tl.program_id(0)
    off_hb = tl.program_id(1)
    off_b = off_hb // nheads
    off_h = off_hb % nheads
    offs_m = start_m * BLOCK_M + tl.arange(0, BLOCK_M)
    offs_n = tl.arange(0, BLOCK_N)
    offs_d = tl.arange(0, D)
    q_ptrs = Q + off_b * stride_b + off_h * stride_h + (offs_m[:, None] * stride_m + offs_d[None, :])
    k_ptrs = K + off_b * stride_kb + off_h * stride_kh + (offs_n[:, None] * stride_kn + offs_d[None, :])
    v_ptrs = V + off_b * stride_kb + off_h * stride_kh + (offs_n[:, None] * stride_kn + offs_d[None, :])
    lse_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    m_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    acc_o = tl.zeros([BLOCK_M, D], dtype=tl.float32)
    q = tl.load(q_ptrs, mask=offs_m[:, None] < seqlen_q, other=0.0)
    end_n = tl.minimum((start_m + 1) * BLOCK_M, seqlen_k)
    for start_n in range(0, end_n, BLOCK_N):
        start_n = tl.multiple_of(start_n, BLOCK_N)
        k = tl.load(k_ptrs + start_n * stride_kn, mask=(start_n + offs_n)[:, None] < seqlen_k, other=0.0)
        qk = tl.zeros([BLOCK_M, BLOCK_N], dtype=tl.float32)
        qk += tl.dot(q, tl.trans(k))
        qk += tl.where((start_n + offs_n)[None, :] < seqlen_k, 0, float("-inf"))
        qk += tl.where(offs_m[:, None] >= (start_n + offs_n)[None, :], 0, float("-inf"))
        m_ij = tl.maximum(tl.max(qk, 1) * scale, lse_i)
        p = tl.exp(qk * scale - m_ij[:, None])
        l_ij = tl.sum(p, 1)
        acc_o_scale = tl.exp(m_i - m_ij)
        acc_o = acc_o * acc_o_scale[:, None]
        v = tl.load(v_ptrs + start_n * stride_kn, mask=(start_n + offs_n)[:, None] < seqlen_k, other=0.0)
        acc_o += tl.dot(p.to(v.dtype), v)
        m_i = m_ij
        l_i_new = l_ij
        lse_i = m_ij + tl.log(l_i_new)
    o_scale = tl.exp(m_i - lse_i)
    acc_o = acc_o * o_scale[:, None]
    tl.store(Lse + off_hb * seqlen_q + offs_m, lse_i, mask=offs_m < seqlen_q)
    out_ptrs = Out + off_b * stride_b + off_h * stride_h + (offs_m[:, None] * stride_m + offs_d[None, :])
    tl.store(out_ptrs, acc_o, mask=offs_m[:, None] < seqlen_q)


@kernel(LOGARITHM_SPEC, **LOGARITHM)
@triton.jit
def logarithm_without_rescaling(Q, K, V, Out, Lse, scale, stride_b, stride_h, stride_m, stride_kb, stride_kh, stride_kn, nheads, seqlen_q, seqlen_k, D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):  # refuted
    start_m = tl.program_id(0)
    off_hb = tl.program_id(1)
    off_b = off_hb // nheads
    off_h = off_hb % nheads
    offs_m = start_m * BLOCK_M + tl.arange(0, BLOCK_M)
    offs_n = tl.arange(0, BLOCK_N)
    offs_d = tl.arange(0, D)
    q_ptrs = Q + off_b * stride_b + off_h * stride_h + (offs_m[:, None] * stride_m + offs_d[None, :])
    k_ptrs = K + off_b * stride_kb + off_h * stride_kh + (offs_n[:, None] * stride_kn + offs_d[None, :])
    v_ptrs = V + off_b * stride_kb + off_h * stride_kh + (offs_n[:, None] * stride_kn + offs_d[None, :])
    lse_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    m_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    acc_o = tl.zeros([BLOCK_M, D], dtype=tl.float32)
    q = tl.load(q_ptrs, mask=offs_m[:, None] < seqlen_q, other=0.0)
    end_n = tl.minimum((start_m + 1) * BLOCK_M, seqlen_k)
    for start_n in range(0, end_n, BLOCK_N):
        start_n = tl.multiple_of(start_n, BLOCK_N)
        k = tl.load(k_ptrs + start_n * stride_kn, mask=(start_n + offs_n)[:, None] < seqlen_k, other=0.0)
        qk = tl.zeros([BLOCK_M, BLOCK_N], dtype=tl.float32)
        qk += tl.dot(q, tl.trans(k))
        qk += tl.where((start_n + offs_n)[None, :] < seqlen_k, 0, float("-inf"))
        qk += tl.where(offs_m[:, None] >= (start_n + offs_n)[None, :], 0, float("-inf"))
        m_ij = tl.maximum(tl.max(qk, 1) * scale, lse_i)
        p = tl.exp(qk * scale - m_ij[:, None])
        l_ij = tl.sum(p, 1)
        acc_o_scale = tl.exp(m_i - m_ij)
        acc_o = acc_o * 1.0
        v = tl.load(v_ptrs + start_n * stride_kn, mask=(start_n + offs_n)[:, None] < seqlen_k, other=0.0)
        acc_o += tl.dot(p.to(v.dtype), v)
        m_i = m_ij
        l_i_new = tl.exp(lse_i - m_ij) + l_ij
        lse_i = m_ij + tl.log(l_i_new)
    o_scale = tl.exp(m_i - lse_i)
    acc_o = acc_o * o_scale[:, None]
    tl.store(Lse + off_hb * seqlen_q + offs_m, lse_i, mask=offs_m < seqlen_q)
    out_ptrs = Out + off_b * stride_b + off_h * stride_h + (offs_m[:, None] * stride_m + offs_d[None, :])
    tl.store(out_ptrs, acc_o, mask=offs_m[:, None] < seqlen_q)


@kernel(LOGARITHM_SPEC, **LOGARITHM)
@triton.jit
def logarithm_scaled_once(Q, K, V, Out, Lse, scale, stride_b, stride_h, stride_m, stride_kb, stride_kh, stride_kn, nheads, seqlen_q, seqlen_k, D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):  # refuted
    start_m = tl.program_id(0)
    off_hb = tl.program_id(1)
    off_b = off_hb // nheads
    off_h = off_hb % nheads
    offs_m = start_m * BLOCK_M + tl.arange(0, BLOCK_M)
    offs_n = tl.arange(0, BLOCK_N)
    offs_d = tl.arange(0, D)
    q_ptrs = Q + off_b * stride_b + off_h * stride_h + (offs_m[:, None] * stride_m + offs_d[None, :])
    k_ptrs = K + off_b * stride_kb + off_h * stride_kh + (offs_n[:, None] * stride_kn + offs_d[None, :])
    v_ptrs = V + off_b * stride_kb + off_h * stride_kh + (offs_n[:, None] * stride_kn + offs_d[None, :])
    lse_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    m_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    acc_o = tl.zeros([BLOCK_M, D], dtype=tl.float32)
    q = tl.load(q_ptrs, mask=offs_m[:, None] < seqlen_q, other=0.0)
    end_n = tl.minimum((start_m + 1) * BLOCK_M, seqlen_k)
    for start_n in range(0, end_n, BLOCK_N):
        start_n = tl.multiple_of(start_n, BLOCK_N)
        k = tl.load(k_ptrs + start_n * stride_kn, mask=(start_n + offs_n)[:, None] < seqlen_k, other=0.0)
        qk = tl.zeros([BLOCK_M, BLOCK_N], dtype=tl.float32)
        qk += tl.dot(q, tl.trans(k))
        qk += tl.where((start_n + offs_n)[None, :] < seqlen_k, 0, float("-inf"))
        qk += tl.where(offs_m[:, None] >= (start_n + offs_n)[None, :], 0, float("-inf"))
        m_ij = tl.maximum(tl.max(qk, 1) * scale, lse_i)
        p = tl.exp(qk - m_ij[:, None])
        l_ij = tl.sum(p, 1)
        acc_o_scale = tl.exp(m_i - m_ij)
        acc_o = acc_o * acc_o_scale[:, None]
        v = tl.load(v_ptrs + start_n * stride_kn, mask=(start_n + offs_n)[:, None] < seqlen_k, other=0.0)
        acc_o += tl.dot(p.to(v.dtype), v)
        m_i = m_ij
        l_i_new = tl.exp(lse_i - m_ij) + l_ij
        lse_i = m_ij + tl.log(l_i_new)
    o_scale = tl.exp(m_i - lse_i)
    acc_o = acc_o * o_scale[:, None]
    tl.store(Lse + off_hb * seqlen_q + offs_m, lse_i, mask=offs_m < seqlen_q)
    out_ptrs = Out + off_b * stride_b + off_h * stride_h + (offs_m[:, None] * stride_m + offs_d[None, :])
    tl.store(out_ptrs, acc_o, mask=offs_m[:, None] < seqlen_q)


@kernel(WINDOW_SPEC, **WINDOW)
@triton.jit
def window(q_ptr, k_ptr, v_ptr, o_ptr, lse_ptr, stride_qt, stride_qh, stride_kt, stride_kh, seqlen, GROUP: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, WINDOW: tl.constexpr):  # proved
    block = tl.program_id(0)
    head = tl.program_id(1)
    kv_head = head // GROUP
    LOG2E: tl.constexpr = 1.4426950408889634
    rows = block * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * stride_qt + head * stride_qh + d[None, :], mask=rows[:, None] < seqlen, other=0.0)
    q = q * (0.25 * LOG2E)
    m_i = tl.full([BM], float("-inf"), tl.float32)
    l_i = tl.zeros([BM], tl.float32)
    acc = tl.zeros([BM, D], tl.float32)
    lo = tl.maximum(0, (block * BM - WINDOW) // BN * BN)
    hi = tl.minimum(seqlen, (block + 1) * BM)
    for start in range(lo, hi, BN):
        cols = start + tl.arange(0, BN)
        k = tl.load(k_ptr + cols[:, None] * stride_kt + kv_head * stride_kh + d[None, :], mask=cols[:, None] < seqlen, other=0.0)
        v = tl.load(v_ptr + cols[:, None] * stride_kt + kv_head * stride_kh + d[None, :], mask=cols[:, None] < seqlen, other=0.0)
        s = tl.dot(q, tl.trans(k))
        keep = (rows[:, None] >= cols[None, :]) & (rows[:, None] - cols[None, :] <= WINDOW) & (cols[None, :] < seqlen)
        s = tl.where(keep, s, float("-inf"))
        m_new = tl.maximum(m_i, tl.max(s, 1))
        m_use = tl.where(m_new == float("-inf"), 0.0, m_new)
        p = tl.exp2(s - m_use[:, None])
        alpha = tl.exp2(m_i - m_use)
        l_i = l_i * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None]
        acc = tl.dot(p.to(v.dtype), v, acc)
        m_i = m_new
    inv = tl.where(l_i == 0.0, 1.0, 1.0 / l_i)
    lse = tl.where(l_i == 0.0, float("-inf"), (m_i + tl.log2(l_i)) / LOG2E)
    tl.store(o_ptr + rows[:, None] * stride_qt + head * stride_qh + d[None, :], acc * inv[:, None], mask=rows[:, None] < seqlen)
    tl.store(lse_ptr + rows * tl.num_programs(1) + head, lse, mask=rows < seqlen)


@kernel(WINDOW_SPEC, **WINDOW)
@triton.jit
def window_one_more(q_ptr, k_ptr, v_ptr, o_ptr, lse_ptr, stride_qt, stride_qh, stride_kt, stride_kh, seqlen, GROUP: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, WINDOW: tl.constexpr):  # refuted
    block = tl.program_id(0)
    head = tl.program_id(1)
    kv_head = head // GROUP
    LOG2E: tl.constexpr = 1.4426950408889634
    rows = block * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * stride_qt + head * stride_qh + d[None, :], mask=rows[:, None] < seqlen, other=0.0)
    q = q * (0.25 * LOG2E)
    m_i = tl.full([BM], float("-inf"), tl.float32)
    l_i = tl.zeros([BM], tl.float32)
    acc = tl.zeros([BM, D], tl.float32)
    lo = tl.maximum(0, (block * BM - WINDOW) // BN * BN)
    hi = tl.minimum(seqlen, (block + 1) * BM)
    for start in range(lo, hi, BN):
        cols = start + tl.arange(0, BN)
        k = tl.load(k_ptr + cols[:, None] * stride_kt + kv_head * stride_kh + d[None, :], mask=cols[:, None] < seqlen, other=0.0)
        v = tl.load(v_ptr + cols[:, None] * stride_kt + kv_head * stride_kh + d[None, :], mask=cols[:, None] < seqlen, other=0.0)
        s = tl.dot(q, tl.trans(k))
        keep = (rows[:, None] >= cols[None, :]) & (rows[:, None] - cols[None, :] <= WINDOW + 1) & (cols[None, :] < seqlen)
        s = tl.where(keep, s, float("-inf"))
        m_new = tl.maximum(m_i, tl.max(s, 1))
        m_use = tl.where(m_new == float("-inf"), 0.0, m_new)
        p = tl.exp2(s - m_use[:, None])
        alpha = tl.exp2(m_i - m_use)
        l_i = l_i * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None]
        acc = tl.dot(p.to(v.dtype), v, acc)
        m_i = m_new
    inv = tl.where(l_i == 0.0, 1.0, 1.0 / l_i)
    lse = tl.where(l_i == 0.0, float("-inf"), (m_i + tl.log2(l_i)) / LOG2E)
    tl.store(o_ptr + rows[:, None] * stride_qt + head * stride_qh + d[None, :], acc * inv[:, None], mask=rows[:, None] < seqlen)
    tl.store(lse_ptr + rows * tl.num_programs(1) + head, lse, mask=rows < seqlen)


@kernel(WINDOW_SPEC, **WINDOW)
@triton.jit
def window_maximum_unguarded(q_ptr, k_ptr, v_ptr, o_ptr, lse_ptr, stride_qt, stride_qh, stride_kt, stride_kh, seqlen, GROUP: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, WINDOW: tl.constexpr):  # refuted
    block = tl.program_id(0)
    head = tl.program_id(1)
    kv_head = head // GROUP
    LOG2E: tl.constexpr = 1.4426950408889634
    rows = block * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * stride_qt + head * stride_qh + d[None, :], mask=rows[:, None] < seqlen, other=0.0)
    q = q * (0.25 * LOG2E)
    m_i = tl.full([BM], float("-inf"), tl.float32)
    l_i = tl.zeros([BM], tl.float32)
    acc = tl.zeros([BM, D], tl.float32)
    lo = tl.maximum(0, (block * BM - WINDOW) // BN * BN)
    hi = tl.minimum(seqlen, (block + 1) * BM)
    for start in range(lo, hi, BN):
        cols = start + tl.arange(0, BN)
        k = tl.load(k_ptr + cols[:, None] * stride_kt + kv_head * stride_kh + d[None, :], mask=cols[:, None] < seqlen, other=0.0)
        v = tl.load(v_ptr + cols[:, None] * stride_kt + kv_head * stride_kh + d[None, :], mask=cols[:, None] < seqlen, other=0.0)
        s = tl.dot(q, tl.trans(k))
        keep = (rows[:, None] >= cols[None, :]) & (rows[:, None] - cols[None, :] <= WINDOW) & (cols[None, :] < seqlen)
        s = tl.where(keep, s, float("-inf"))
        m_new = tl.maximum(m_i, tl.max(s, 1))
        m_use = m_new
        p = tl.exp2(s - m_use[:, None])
        alpha = tl.exp2(m_i - m_use)
        l_i = l_i * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None]
        acc = tl.dot(p.to(v.dtype), v, acc)
        m_i = m_new
    inv = tl.where(l_i == 0.0, 1.0, 1.0 / l_i)
    lse = tl.where(l_i == 0.0, float("-inf"), (m_i + tl.log2(l_i)) / LOG2E)
    tl.store(o_ptr + rows[:, None] * stride_qt + head * stride_qh + d[None, :], acc * inv[:, None], mask=rows[:, None] < seqlen)
    tl.store(lse_ptr + rows * tl.num_programs(1) + head, lse, mask=rows < seqlen)


@kernel(WINDOW_SPEC, **WINDOW)
@triton.jit
def window_wrong_group(q_ptr, k_ptr, v_ptr, o_ptr, lse_ptr, stride_qt, stride_qh, stride_kt, stride_kh, seqlen, GROUP: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, WINDOW: tl.constexpr):  # refuted
    block = tl.program_id(0)
    head = tl.program_id(1)
    kv_head = head % (tl.num_programs(1) // GROUP)
    LOG2E: tl.constexpr = 1.4426950408889634
    rows = block * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * stride_qt + head * stride_qh + d[None, :], mask=rows[:, None] < seqlen, other=0.0)
    q = q * (0.25 * LOG2E)
    m_i = tl.full([BM], float("-inf"), tl.float32)
    l_i = tl.zeros([BM], tl.float32)
    acc = tl.zeros([BM, D], tl.float32)
    lo = tl.maximum(0, (block * BM - WINDOW) // BN * BN)
    hi = tl.minimum(seqlen, (block + 1) * BM)
    for start in range(lo, hi, BN):
        cols = start + tl.arange(0, BN)
        k = tl.load(k_ptr + cols[:, None] * stride_kt + kv_head * stride_kh + d[None, :], mask=cols[:, None] < seqlen, other=0.0)
        v = tl.load(v_ptr + cols[:, None] * stride_kt + kv_head * stride_kh + d[None, :], mask=cols[:, None] < seqlen, other=0.0)
        s = tl.dot(q, tl.trans(k))
        keep = (rows[:, None] >= cols[None, :]) & (rows[:, None] - cols[None, :] <= WINDOW) & (cols[None, :] < seqlen)
        s = tl.where(keep, s, float("-inf"))
        m_new = tl.maximum(m_i, tl.max(s, 1))
        m_use = tl.where(m_new == float("-inf"), 0.0, m_new)
        p = tl.exp2(s - m_use[:, None])
        alpha = tl.exp2(m_i - m_use)
        l_i = l_i * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None]
        acc = tl.dot(p.to(v.dtype), v, acc)
        m_i = m_new
    inv = tl.where(l_i == 0.0, 1.0, 1.0 / l_i)
    lse = tl.where(l_i == 0.0, float("-inf"), (m_i + tl.log2(l_i)) / LOG2E)
    tl.store(o_ptr + rows[:, None] * stride_qt + head * stride_qh + d[None, :], acc * inv[:, None], mask=rows[:, None] < seqlen)
    tl.store(lse_ptr + rows * tl.num_programs(1) + head, lse, mask=rows < seqlen)
