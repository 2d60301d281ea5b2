"""Triton: one program among many that stores a number, by a condition on its id, and sums of each program."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

N = dim("N")
P = dim("P", cdiv(N, 16))
A = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts={"BLOCK": 16}, grid=lambda c: (cdiv(N, c["BLOCK"]),))


@kernel({"out_ptr": "2 * X:N", "s_ptr": "at[N := 0](X:N)"}, **A)
@triton.jit
def first_program_stores_scalar(x_ptr, out_ptr, s_ptr, n, BLOCK: tl.constexpr):  # proved
    pid = tl.program_id(0)
    o = pid * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, 2 * x, mask=o < n)
    if pid == 0:
        tl.store(s_ptr, tl.sum(tl.where(o == 0, x, 0.0), 0))


@kernel({"out_ptr": "2 * X:N", "s_ptr": "at[N := 0](X:N)"}, **A)
@triton.jit
def last_program_stores_scalar(x_ptr, out_ptr, s_ptr, n, BLOCK: tl.constexpr):  # refuted
    pid = tl.program_id(0)
    o = pid * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, 2 * x, mask=o < n)
    if pid == tl.num_programs(0) - 1:
        tl.store(s_ptr, tl.sum(tl.where(o == 0, x, 0.0), 0))


@kernel({"out_ptr": "2 * X:N", "s_ptr": "at[N := size(N) - 1](X:N)"}, **A)
@triton.jit
def last_program_stores_last(x_ptr, out_ptr, s_ptr, n, BLOCK: tl.constexpr):  # proved
    pid = tl.program_id(0)
    o = pid * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, 2 * x, mask=o < n)
    if pid == tl.num_programs(0) - 1:
        tl.store(s_ptr, tl.sum(tl.where(o == n - 1, x, 0.0), 0))


@kernel({"s_ptr": "at[N := size(N) - 1](X:N)"}, **A)
@triton.jit
def lane_of_the_last(x_ptr, s_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(s_ptr + 0 * o, x, mask=o == n - 1)


@kernel({"s_ptr": "at[N := 0](X:N)"}, **A)
@triton.jit
def two_lanes_store(x_ptr, s_ptr, n, BLOCK: tl.constexpr):  # unsupported: several rounds or lanes
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(s_ptr + 0 * o, x, mask=o // 2 == 0)  # warning[unsupported]


@kernel({"out_ptr": "sum[N where N // 16 == P](X:N)"}, **A)
@triton.jit
def partial_sums(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    pid = tl.program_id(0)
    o = pid * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + pid, tl.sum(tl.load(x_ptr + o, mask=o < n, other=0.0), 0))


@kernel({"out_ptr": "max[N where N // 16 == P](X:N)"}, **A)
@triton.jit
def partial_max_padded_zero(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    pid = tl.program_id(0)
    o = pid * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + pid, tl.max(tl.load(x_ptr + o, mask=o < n, other=0.0), 0))


@kernel({"out_ptr": "sum[N where N // 16 == P](X:N)"}, inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts={"BLOCK": 16}, grid=lambda c: (N // 16 + 1,))
@triton.jit
def partial_sums_one_program_more(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    pid = tl.program_id(0)
    o = pid * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + pid, tl.sum(tl.load(x_ptr + o, mask=o < n, other=0.0), 0))  # error[out-of-bounds]


@kernel({"out_ptr": "sum[P](T:P)"}, inputs={"x_ptr": "T:P"}, scalars={"p": P}, consts={"BLOCK": 16}, grid=(1,))
@triton.jit
def second_stage(x_ptr, out_ptr, p, BLOCK: tl.constexpr):  # proved
    acc = tl.zeros((BLOCK,), tl.float32)
    for i in range(0, p, BLOCK):
        o = i + tl.arange(0, BLOCK)
        acc += tl.load(x_ptr + o, mask=o < p, other=0.0)
    tl.store(out_ptr, tl.sum(acc, 0))
