"""Triton: rows of a fixed length in longer blocks, what stands in the lanes past their end, and maxima with their index."""

import triton
import triton.language as tl

from stile_engine import dim, kernel

R, N = dim("R"), dim("N", 100)

ROWS = {"inputs": {"x_ptr": "X:R N"}, "scalars": {"n": N}, "consts": {"BLOCK": 128}, "grid": (R,)}
PARTS = {"out_ptr": "X:R N / sum[N](X:R N)"}


@kernel(PARTS, **ROWS, assume="X positive")
@triton.jit
def parts(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    o = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=0.0)
    one = x / x  # no value past the end of the row, where no lane is looked at
    total = tl.sum(tl.where(o < n, one * x, 0.0), axis=0)
    tl.store(out_ptr + row * n + o, x / total, mask=o < n)


@kernel(PARTS, **ROWS, assume="X positive")
@triton.jit
def parts_with_no_value_in_the_total(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    o = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=0.0)
    one = x / x
    total = tl.sum(one * x, axis=0)
    tl.store(out_ptr + row * n + o, x / total, mask=o < n)  # error[undefined-value]


@kernel(PARTS, **ROWS, assume="X positive")
@triton.jit
def parts_of_the_next_row(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: out of bounds
    row = tl.program_id(0)
    o = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o)  # error[out-of-bounds]
    total = tl.sum(x, axis=0)
    tl.store(out_ptr + row * n + o, x / total, mask=o < n)


@kernel(PARTS, **ROWS, assume="X positive")
@triton.jit
def parts_by_blocks(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    o = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=0.0)
    total = tl.sum(x, axis=0)
    tl.store(out_ptr + row * BLOCK + o, x / total, mask=o < n)  # error[out-of-bounds]  # error[coverage-gap]


@kernel({"out_ptr": "max[N](X:R N)"}, **ROWS)
@triton.jit
def greatest(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    o = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=-float("inf"))
    value, _ = tl.max(x, axis=0, return_indices=True)
    tl.store(out_ptr + row, value)


@kernel({"out_ptr": "max[N](-abs(X:R N))"}, **ROWS)
@triton.jit
def greatest_of_a_padded_row(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    o = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=0.0)
    value, _ = tl.max(-tl.abs(x), axis=0, return_indices=True)
    tl.store(out_ptr + row, value)


@triton.jit
def _lesser(value, index, other, at):
    first = (value < other) | ((value == other) & (index < at))
    return tl.where(first, value, other), tl.where(first, index, at)


@kernel({"out_ptr": "min[N](X:R N)"}, **ROWS)
@triton.jit
def least(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    o = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=float("inf"))
    value, _ = tl.reduce((x, o), 0, _lesser)
    tl.store(out_ptr + row, value)


@kernel({"out_ptr": "max[N](X:R N)"}, **ROWS)
@triton.jit
def greatest_by_the_lesser(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    o = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=float("inf"))
    value, _ = tl.reduce((x, o), 0, _lesser)
    tl.store(out_ptr + row, value)


@triton.jit
def _later(value, index, other, at):
    return tl.where(index > at, value, other), tl.where(index > at, index, at)


@kernel({"out_ptr": "max[N](X:R N)"}, **ROWS)
@triton.jit
def value_of_the_greatest_index(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # unsupported
    row = tl.program_id(0)
    o = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=-float("inf"))
    value, _ = tl.reduce((x, o), 0, _later)  # warning[unsupported]
    tl.store(out_ptr + row, value)


SEVEN, DAYS = dim("SEVEN", 7), dim("DAYS", 33)
FLAT = {"inputs": {"x_ptr": "X:SEVEN DAYS"}, "scalars": {"n": SEVEN * DAYS}, "consts": {"BLOCK": 32}, "grid": (8,)}


@kernel({"out_ptr": "2 * X:SEVEN DAYS"}, **FLAT)
@triton.jit
def flat_over_a_matrix(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)


@kernel({"out_ptr": "2 * X:SEVEN DAYS"}, **FLAT)
@triton.jit
def flat_without_the_last_block(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = o < n // BLOCK * BLOCK
    tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=mask), mask=mask)  # error[coverage-gap]
