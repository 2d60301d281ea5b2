"""Triton: scales from the greatest magnitude of a row, rounding to integers, and counts of what satisfies a comparison."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

R, N = dim("R"), dim("N")
S = dict(inputs={"x_ptr": "X:R N"}, scalars={"n": N}, consts={"BLOCK": 16}, grid=(R,))
A = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts={"BLOCK": 16}, grid=lambda c: (cdiv(N, c["BLOCK"]),))
SCALED = {
    "out_ptr": "X:R N / maximum(max[N](abs(X:R N)), full[R](0.00001)) * 127",
    "s_ptr": "maximum(max[N](abs(X:R N)), full[R](0.00001)) / 127",
}


@kernel(SCALED, **S)
@triton.jit
def quantise_scale(x_ptr, out_ptr, s_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    m = 0.0
    for s in range(0, n, BLOCK):
        c = s + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
        m = tl.maximum(m, tl.max(tl.abs(x), 0))
    scale = tl.maximum(m, 1e-5) / 127.0
    tl.store(s_ptr + row, scale)
    for s in range(0, n, BLOCK):
        c = s + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
        tl.store(out_ptr + row * n + c, x / scale, mask=c < n)


@kernel(SCALED, **S)
@triton.jit
def quantise_signed_max(x_ptr, out_ptr, s_ptr, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    m = 0.0
    for s in range(0, n, BLOCK):
        c = s + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
        m = tl.maximum(m, tl.max(x, 0))
    scale = tl.maximum(m, 1e-5) / 127.0
    tl.store(s_ptr + row, scale)
    for s in range(0, n, BLOCK):
        c = s + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
        tl.store(out_ptr + row * n + c, x / scale, mask=c < n)


@kernel({"out_ptr": "floor(clamp(X:N * 10, -127, 127) + 0.5)"}, **A)
@triton.jit
def rounds_half_up(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0) * 10
    q = tl.floor(tl.clamp(x, -127.0, 127.0) + 0.5).to(tl.int8)
    tl.store(out_ptr + o, q.to(tl.float32), mask=o < n)


@kernel({"out_ptr": "floor(clamp(X:N * 10, -127, 127) + 0.5)"}, **A)
@triton.jit
def rounds_by_truncation(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0) * 10
    q = (tl.clamp(x, -127.0, 127.0) + 0.5).to(tl.int8)
    tl.store(out_ptr + o, q.to(tl.float32), mask=o < n)


@kernel({"out_ptr": "floor(clamp(X:N * 100, 0, 255))"}, **A)
@triton.jit
def to_int8_of_255(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0) * 100
    q = tl.clamp(x, 0.0, 255.0).to(tl.int8)
    tl.store(out_ptr + o, q.to(tl.float32), mask=o < n)


@kernel({"out_ptr": "where(X:N > 0, 1, 0)"}, **A)
@triton.jit
def heaviside_by_cast(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, (x > 0).to(tl.int32).to(tl.float32), mask=o < n)


@kernel({"out_ptr": "where(X:R N > 0, 1, 0) -> R N", "c_ptr": "sum[N](where(X:R N > 0, 1, 0))"}, **S)
@triton.jit
def count_positive(x_ptr, out_ptr, c_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    count = 0.0
    for s in range(0, n, BLOCK):
        c = s + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
        hit = (x > 0).to(tl.float32)
        count += tl.sum(hit, 0)
        tl.store(out_ptr + row * n + c, hit, mask=c < n)
    tl.store(c_ptr + row, count)


@kernel({"c_ptr": "sum[N](where(X:R N > 0, 0, 1))"}, **S)
@triton.jit
def count_not_positive_with_padding(x_ptr, c_ptr, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    count = 0.0
    for s in range(0, n, BLOCK):
        c = s + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
        count += tl.sum((x <= 0).to(tl.float32), 0)
    tl.store(c_ptr + row, count)
