"""Triton: loops up to one of several sizes, or to the least of them. The rounds of a loop are those of its own bound."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

M, N, A = dim("M"), dim("N"), dim("A")
FEW = dim("FEW", 16 * A)
SIZES = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N, "few": FEW}, grid=(1,))


@kernel({"out_ptr": "X:N"}, **SIZES)
@triton.jit
def each_size_in_its_branch(x_ptr, out_ptr, n, few):  # refuted: never written
    if few < n:
        for i in range(0, few, 16):
            a = i + tl.arange(0, 16)
            tl.store(out_ptr + a, tl.load(x_ptr + a, mask=a < n), mask=a < n)
    else:
        for j in range(0, n, 16):
            b = j + tl.arange(0, 16)
            tl.store(out_ptr + b, tl.load(x_ptr + b, mask=b < n), mask=b < n)  # error[coverage-gap]


@kernel({"out_ptr": "X:N"}, **SIZES)
@triton.jit
def up_to_the_smaller_size(x_ptr, out_ptr, n, few):  # refuted: never written
    for start in range(0, min(n, few), 16):
        o = start + tl.arange(0, 16)
        tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)  # error[coverage-gap]


@kernel({"out_ptr": "X:N"}, **SIZES)
@triton.jit
def up_to_the_larger_size(x_ptr, out_ptr, n, few):  # proved
    for start in range(0, max(n, few), 16):
        o = start + tl.arange(0, 16)
        tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)


@kernel({"out_ptr": "sum[N where N < size(FEW)](X:N)"}, **{**SIZES, "inputs": {"x_ptr": "X:N", "y_ptr": "Y:FEW"}})
@triton.jit
def sum_up_to_the_smaller_size(x_ptr, y_ptr, out_ptr, n, few):  # proved
    total = 0.0
    for start in range(0, min(n, few), 16):
        o = start + tl.arange(0, 16)
        total += tl.sum(tl.load(x_ptr + o, mask=o < n, other=0.0) + 0 * tl.load(y_ptr + o), 0)
    tl.store(out_ptr, total)


@kernel({"out_ptr": "sum[N where N < size(FEW)](X:N)"}, **{**SIZES, "inputs": {"x_ptr": "X:N", "y_ptr": "Y:FEW"}})
@triton.jit
def sum_of_one_round_more(x_ptr, y_ptr, out_ptr, n, few):  # refuted
    total = 0.0
    for start in range(0, min(n, few + 16), 16):
        o = start + tl.arange(0, 16)
        total += tl.sum(tl.load(x_ptr + o, mask=o < n, other=0.0) + 0 * tl.load(y_ptr + o, mask=o < few, other=0.0), 0)
    tl.store(out_ptr, total)


@kernel({"out_ptr": "sum[N where N < size(FEW)](X:N)"}, **{**SIZES, "inputs": {"x_ptr": "X:N", "y_ptr": "Y:FEW"}})
@triton.jit
def reads_past_the_smaller_size(x_ptr, y_ptr, out_ptr, n, few):  # refuted: out of bounds
    total = 0.0
    for start in range(0, min(n, few + 16), 16):  # warning[unsupported]
        o = start + tl.arange(0, 16)
        y = tl.load(y_ptr + o)  # error[out-of-bounds]
        total += tl.sum(tl.load(x_ptr + o, mask=o < n, other=0.0) + 0 * y, 0)
    tl.store(out_ptr, total)


@kernel({"out_ptr": "sum[N where N <= M](X:N)"}, inputs={"x_ptr": "X:N"}, scalars={"m": M, "n": N}, grid=(cdiv(M, 16),))
@triton.jit
def sum_up_to_each_row(x_ptr, out_ptr, m, n):  # proved
    pid = tl.program_id(0)
    rows = pid * 16 + tl.arange(0, 16)
    total = tl.zeros((16,), tl.float32)
    for start in range(0, min((pid + 1) * 16, n), 16):
        o = start + tl.arange(0, 16)
        x = tl.load(x_ptr + o, mask=o < n, other=0.0)
        total += tl.sum(tl.where(o[None, :] <= rows[:, None], x[None, :], 0.0), 1)
    tl.store(out_ptr + rows, total, mask=rows < m)


@kernel({"out_ptr": "sum[N where N <= M](X:N)"}, inputs={"x_ptr": "X:N"}, scalars={"m": M, "n": N}, grid=(cdiv(M, 16),))
@triton.jit
def sum_up_to_the_tile_of_each_row(x_ptr, out_ptr, m, n):  # refuted
    pid = tl.program_id(0)
    rows = pid * 16 + tl.arange(0, 16)
    total = tl.zeros((16,), tl.float32)
    for start in range(0, min((pid + 1) * 16, n), 16):
        o = start + tl.arange(0, 16)
        x = tl.load(x_ptr + o, mask=o < n, other=0.0)
        total += tl.sum(x, 0)
    tl.store(out_ptr + rows, total, mask=rows < m)
