"""Kernels whose TTIR is kept, one for each part of the grammar."""

import triton
import triton.language as tl


@triton.jit
def combined(a, b):
    return a * b


@triton.jit
def branches(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    start = tl.program_id(0) * BLOCK
    if start >= n:
        return
    offsets = start + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets, mask=offsets < n, other=-float("inf"), eviction_policy="evict_last")
    if start == 0:
        x = x * 0.5
    else:
        x = tl.cumsum(x, axis=0)
    total = tl.reduce(x, 0, combined)
    tl.store(out_ptr + offsets, x + total + tl.max(x, axis=0), mask=offsets < n)


@triton.jit
def attention(q_ptr, k_ptr, v_ptr, out_ptr, n, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < n, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for start in range(0, n, BN):
        columns = start + tl.arange(0, BN)
        k = tl.load(k_ptr + columns[None, :] * D + d[:, None], mask=columns[None, :] < n, other=0.0)
        s = tl.where(columns[None, :] < n, tl.dot(q, k) * 0.125, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.exp2((s - new[:, None]) * 1.4426950408889634)
        alpha = tl.exp2((m - new) * 1.4426950408889634)
        total = total * alpha + tl.sum(p, 1)
        v = tl.load(v_ptr + columns[:, None] * D + d[None, :], mask=columns[:, None] < n, other=0.0)
        acc = acc * alpha[:, None] + tl.dot(p.to(v.dtype), v)
        m = new
    tl.store(out_ptr + rows[:, None] * D + d[None, :], acc / total[:, None], mask=rows[:, None] < n)


@triton.jit
def counters(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.arange(0, BLOCK)
    for start in tl.range(0, n, BLOCK, num_stages=2):
        x = tl.load(x_ptr + start + offsets, mask=start + offsets < n)
        a, b = tl.split(tl.reshape(x, (BLOCK // 2, 2)))
        sums = tl.trans(tl.join(a, b)).sum(0)
        tl.atomic_add(out_ptr + tl.arange(0, BLOCK // 2), tl.extra.cuda.libdevice.tanh(a) + sums)


SIGNATURES = {
    "branches": ({"x_ptr": "*fp32", "out_ptr": "*fp32", "n": "i32"}, {"BLOCK": 64}),
    "attention": (
        {"q_ptr": "*fp16", "k_ptr": "*fp16", "v_ptr": "*fp16", "out_ptr": "*fp32", "n": "i32"},
        {"D": 64, "BM": 32, "BN": 16},
    ),
    "counters": ({"x_ptr": "*fp32", "out_ptr": "*fp32", "n": "i32"}, {"BLOCK": 64}),
}
