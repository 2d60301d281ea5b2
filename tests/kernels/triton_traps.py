"""Triton: what looks right and is not, and what looks wrong and is right."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

N, M = dim("N"), dim("M")
A = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts={"BLOCK": 16})
G = dict(grid=lambda c: (cdiv(N, c["BLOCK"]),))


@kernel({"out_ptr": "X:N"}, **A, grid=lambda c: (cdiv(N, c["BLOCK"]), 2))
@triton.jit
def unused_axis(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: write the same element
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)  # error[race]  # warning[unsupported]


@kernel({"x_ptr": "relu(X:N)"}, **A, **G)
@triton.jit
def data_mask(x_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(x_ptr + o, 0.0, mask=(o < n) & (x < 0))


@kernel({"x_ptr": "relu(X:N)"}, **A, **G)
@triton.jit
def data_mask_wrong(x_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(x_ptr + o, 0.0, mask=(o < n) & (x > 0))


@kernel({"out_ptr": "relu(X:N)"}, **A, **G)
@triton.jit
def data_mask_gap(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: never written
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, x, mask=(o < n) & (x > 0))  # error[coverage-gap]


@kernel({"out_ptr": "2 * X:N"}, **A, **G)
@triton.jit
def last_store_wins(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, x, mask=o < n)
    tl.store(out_ptr + o, 2 * x, mask=o < n)


@kernel({"out_ptr": "2 * X:N"}, **A, **G)
@triton.jit
def first_store_does_not(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, 2 * x, mask=o < n)
    tl.store(out_ptr + o, x, mask=o < n)


@kernel({"out_ptr": "2 * X:N"}, **A, **G)
@triton.jit
def conditional_overwrite(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    pid = tl.program_id(0)
    o = pid * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, 2 * x, mask=o < n)
    if pid == 3:
        tl.store(out_ptr + o, x, mask=o < n)


@kernel({"out_ptr": "X:N"}, **A, **G)
@triton.jit
def loop_writes_again(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # unsupported: several rounds
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    for k in range(3):
        tl.store(out_ptr + o, x * k, mask=o < n)  # warning[unsupported]


@kernel({"out_ptr": "X:N"}, **A, **G)
@triton.jit
def int8_index(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: does not fit into int8
    o = (tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)).to(tl.int8).to(tl.int32)  # error[index-overflow]
    tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)


@kernel({"out_ptr": "X:M N"}, inputs={"x_ptr": "X:M N"}, scalars={"n": N}, strides={"x_ptr": ("s", "s")}, grid=(M,))
@triton.jit
def same_strides(x_ptr, out_ptr, n, s):  # unknown: one stride for two dims
    tl.store(out_ptr, tl.load(x_ptr))


@kernel({"out_ptr": "sum[N](X:N)"}, **A, grid=(1,))
@triton.jit
def garbage_times_zero(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # unknown
    o = tl.arange(0, BLOCK)
    acc = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, n, BLOCK):
        x = tl.load(x_ptr + start + o, mask=start + o < n)
        acc += x * (start + o < n).to(tl.float32)
    tl.store(out_ptr, tl.sum(acc, axis=0))


@kernel({"out_ptr": "X:N"}, **A, grid=lambda c: (cdiv(N, c["BLOCK"]),))
@triton.jit
def reassigned_pid(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: write the same element
    pid = tl.program_id(0)
    pid = 0
    o = pid * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)  # error[race]  # warning[unsupported]


@kernel({"out_ptr": "X:N + 2"}, **A, **G)
@triton.jit
def one_bit_sum(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    two = ((o < n) + (o >= 0)).to(tl.float32)
    tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n) + two, mask=o < n)  # error[not-equal]


@kernel({"out_ptr": "X:N + 1"}, **A, **G)
@triton.jit
def one_bit_arithmetic(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = tl.minimum((o < n) * (o >= 0), tl.maximum(o < n, o < 0))
    one = ((o < 0) - (o >= 0)).to(tl.float32)
    tl.store(out_ptr + o, tl.load(x_ptr + o, mask=mask) + one, mask=mask)


@kernel({"out_ptr": "relu(X:N)"}, **A, **G)
@triton.jit
def one_bit_sum_of_data(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n)
    tl.store(out_ptr + o, x * ((x > 0) + (x >= 0)) / 2, mask=o < n)  # error[not-equal]


@kernel({"out_ptr": "X:N"}, inputs={"x_ptr": "X:N"}, grid=(N,))
@triton.jit
def int8_program(x_ptr, out_ptr):  # refuted: does not fit into int8
    o = tl.program_id(0).to(tl.int8).to(tl.int32)  # error[index-overflow]
    tl.store(out_ptr + o, tl.load(x_ptr + o))


@kernel({"out_ptr": "X:N"}, inputs={"x_ptr": "X:N"}, scalars={"n": N}, grid=(N,))
@triton.jit
def remainder_below_zero(x_ptr, out_ptr, n):  # refuted: out of bounds
    o = tl.program_id(0)
    tl.store(out_ptr + o, tl.load(x_ptr + (o - n) % n))  # error[out-of-bounds]


@kernel({"out_ptr": "X:N - 1"}, inputs={"x_ptr": "X:N"}, scalars={"n": N}, grid=(N,))
@triton.jit
def quotient_below_zero(x_ptr, out_ptr, n):  # refuted
    o = tl.program_id(0)
    tl.store(out_ptr + o, tl.load(x_ptr + o) + ((o - n) // n).to(tl.float32))  # error[not-equal]


J, L = dim("J"), dim("L")


@kernel({"out_ptr": "X:N"}, inputs={"x_ptr": "X:N"}, scalars={"n": N}, grid=(J * L,))
@triton.jit
def grid_of_other_sizes(x_ptr, out_ptr, n):  # unsupported
    o = tl.program_id(0)
    tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)  # warning[unsupported]


@kernel({"out_ptr": "X:N"}, **A, **G)
@triton.jit
def lanes_of_a_remainder(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    r = (tl.arange(0, BLOCK) + n) % n
    apart = tl.where(r[:, None] == r[None, :], 0.0, 1.0)
    pairs = tl.sum(tl.sum(apart, axis=1), axis=0)
    tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n) + pairs, mask=o < n)  # error[not-equal]


@kernel({"out_ptr": "X:N"}, **A, **G)
@triton.jit
def sum_of_remainders(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    r = ((tl.arange(0, BLOCK) + n) % n).to(tl.float32)
    same = tl.sum(r, axis=0) - BLOCK * r
    tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n) + same, mask=o < n)  # error[not-equal]
