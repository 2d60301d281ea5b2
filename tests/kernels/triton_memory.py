"""Triton: programs that read back what they have stored themselves."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

N, R = dim("N"), dim("R")
A = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts={"BLOCK": 32}, grid=lambda c: (cdiv(N, c["BLOCK"]),))
ROWS = dict(inputs={"x_ptr": "X:R N"}, scalars={"n": N}, consts={"BLOCK": 64}, grid=(R,))


@kernel({"x_ptr": "4 * X:N"}, **A)
@triton.jit
def doubled_twice(x_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)
    tl.store(x_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)


@kernel({"x_ptr": "2 * X:N"}, **A)
@triton.jit
def doubled_twice_and_not_once(x_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)
    tl.store(x_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)


# The even elements are doubled before all of them are read again.
@kernel({"x_ptr": "where(N % 2 == 0, 2 * X:N + 1, X:N + 1)"}, **A)
@triton.jit
def some_of_them_stored(x_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(x_ptr + o, 2 * x, mask=(o < n) & (o % 2 == 0))
    tl.store(x_ptr + o, tl.load(x_ptr + o, mask=o < n, other=0.0) + 1, mask=o < n)


@kernel({"x_ptr": "2 * X:N + 1"}, **A)
@triton.jit
def some_of_them_taken_for_all(x_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(x_ptr + o, 2 * x, mask=(o < n) & (o % 2 == 0))
    tl.store(x_ptr + o, tl.load(x_ptr + o, mask=o < n, other=0.0) + 1, mask=o < n)


# Another lane's element, and nothing that makes the lanes wait.
@kernel({"out_ptr": "X:R N", "max_ptr": "at[N := 0](X:R N)"}, **ROWS)
@triton.jit
def other_lane_without_a_barrier(x_ptr, out_ptr, max_ptr, n, BLOCK: tl.constexpr):  # unsupported: without a barrier
    row = tl.program_id(0)
    for start in range(0, n, BLOCK):
        c = start + tl.arange(0, BLOCK)
        tl.store(out_ptr + row * n + c, tl.load(x_ptr + row * n + c, mask=c < n), mask=c < n)
    tl.store(max_ptr + row, tl.load(out_ptr + row * n))  # warning[unsupported]


@kernel({"out_ptr": "X:R N", "max_ptr": "at[N := 0](X:R N)"}, **ROWS)
@triton.jit
def other_lane_after_a_barrier(x_ptr, out_ptr, max_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    for start in range(0, n, BLOCK):
        c = start + tl.arange(0, BLOCK)
        tl.store(out_ptr + row * n + c, tl.load(x_ptr + row * n + c, mask=c < n), mask=c < n)
    tl.debug_barrier()
    tl.store(max_ptr + row, tl.load(out_ptr + row * n))


@kernel({"out_ptr": "softmax[N](X:R N)"}, **ROWS)
@triton.jit
def softmax_through_memory(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    m = -float("inf")
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        m = tl.maximum(m, tl.max(tl.load(x_ptr + row * n + c, mask=c < n, other=-float("inf")), 0))
    total = 0.0
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        e = tl.exp(tl.load(x_ptr + row * n + c, mask=c < n, other=-float("inf")) - m)
        tl.store(out_ptr + row * n + c, e, mask=c < n)
        total += tl.sum(e, 0)
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        e = tl.load(out_ptr + row * n + c, mask=c < n, other=0.0)
        tl.store(out_ptr + row * n + c, e / total, mask=c < n)


@kernel({"out_ptr": "softmax[N](X:R N)"}, **ROWS)
@triton.jit
def softmax_that_reads_too_soon(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: read before it is written
    row = tl.program_id(0)
    m = -float("inf")
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        m = tl.maximum(m, tl.max(tl.load(x_ptr + row * n + c, mask=c < n, other=-float("inf")), 0))
    total = 0.0
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        e = tl.exp(tl.load(x_ptr + row * n + c, mask=c < n, other=-float("inf")) - m)
        total += tl.sum(e, 0)
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        e = tl.load(out_ptr + row * n + c, mask=c < n, other=0.0)
        tl.store(out_ptr + row * n + c, e / total, mask=c < n)


# A running sum that is kept in memory: each round reads what the round before has stored.
@kernel({"out_ptr": "sum[N](X:R N)"}, **ROWS)
@triton.jit
def sum_kept_in_memory(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # unknown: several rounds
    row = tl.program_id(0)
    tl.store(out_ptr + row, 0.0)
    for start in range(0, n, BLOCK):
        c = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
        tl.store(out_ptr + row, tl.load(out_ptr + row) + tl.sum(x, 0))


# All lanes load the first element, and one of them writes it: it may do so before the others have loaded it.
@kernel({"x_ptr": "X:R N + at[N := 0](X:R N)"}, **ROWS)
@triton.jit
def stored_over_what_others_load(x_ptr, n, BLOCK: tl.constexpr):  # unsupported: without a barrier
    row = tl.program_id(0)
    first = tl.load(x_ptr + row * n)
    for start in range(0, n, BLOCK):
        c = start + tl.arange(0, BLOCK)
        tl.store(x_ptr + row * n + c, tl.load(x_ptr + row * n + c, mask=c < n) + first, mask=c < n)  # warning[unsupported]


@kernel({"x_ptr": "X:R N + at[N := 0](X:R N)"}, **ROWS)
@triton.jit
def stored_after_all_have_loaded(x_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    first = tl.load(x_ptr + row * n)
    tl.debug_barrier()
    for start in range(0, n, BLOCK):
        c = start + tl.arange(0, BLOCK)
        tl.store(x_ptr + row * n + c, tl.load(x_ptr + row * n + c, mask=c < n) + first, mask=c < n)


# A block, and over it one element, which another lane writes than the one that has it in the block.
@kernel({"x_ptr": "where(N == 0, 7, 2 * X:R N)"}, **ROWS)
@triton.jit
def stored_over_what_others_store(x_ptr, n, BLOCK: tl.constexpr):  # unsupported: without a barrier
    row = tl.program_id(0)
    for start in range(0, n, BLOCK):
        c = start + tl.arange(0, BLOCK)
        tl.store(x_ptr + row * n + c, 2 * tl.load(x_ptr + row * n + c, mask=c < n), mask=c < n)
    tl.store(x_ptr + row * n, 7.0)  # warning[unsupported]


@kernel({"x_ptr": "where(N == 0, 7, 2 * X:R N)"}, **ROWS)
@triton.jit
def stored_over_after_a_barrier(x_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    for start in range(0, n, BLOCK):
        c = start + tl.arange(0, BLOCK)
        tl.store(x_ptr + row * n + c, 2 * tl.load(x_ptr + row * n + c, mask=c < n), mask=c < n)
    tl.debug_barrier()
    tl.store(x_ptr + row * n, 7.0)
