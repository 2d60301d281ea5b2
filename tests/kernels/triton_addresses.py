"""Triton: addresses that run backwards, and program ids that walk two axes as if they were one."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

N, R, B, T, H = dim("N"), dim("R"), dim("B"), dim("T"), dim("H")
D = dim("D", 16)
A = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts={"BLOCK": 32}, grid=lambda c: (cdiv(N, c["BLOCK"]),))


@kernel({"out_ptr": "at[N := size(N) - 1 - N](X:N)"}, **A)
@triton.jit
def reverse(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + (n - 1 - o), mask=o < n)
    tl.store(out_ptr + o, x, mask=o < n)


@kernel({"out_ptr": "at[N := size(N) - 1 - N](X:N)"}, **A)
@triton.jit
def reverse_off_by_one(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + (n - o), mask=o < n)  # error[out-of-bounds]
    tl.store(out_ptr + o, x, mask=o < n)


@kernel({"out_ptr": "at[N := size(N) - 1 - N](X:R N)"}, inputs={"x_ptr": "X:R N"}, scalars={"n": N}, consts={"BLOCK": 64}, grid=lambda k: (R, cdiv(N, k["BLOCK"])))
@triton.jit
def flip_columns(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + n - 1 - c, mask=c < n)
    tl.store(out_ptr + row * n + c, x, mask=c < n)


@kernel({"delta_ptr": "sum[D](O:B H T D * dO:B H T D)"}, inputs={"o_ptr": "O:B H T D", "do_ptr": "dO:B H T D"}, scalars={"t": T}, consts={"D": 16, "BM": 32}, grid=lambda c: (cdiv(T, 32), B * H))
@triton.jit
def delta(o_ptr, do_ptr, delta_ptr, t, D: tl.constexpr, BM: tl.constexpr):  # proved
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    bh = tl.program_id(1)
    d = tl.arange(0, D)
    o = tl.load(o_ptr + bh * t * D + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    do = tl.load(do_ptr + bh * t * D + rows[:, None] * D + d[None, :], mask=rows[:, None] < t, other=0.0)
    tl.store(delta_ptr + bh * t + rows, tl.sum(o * do, axis=1), mask=rows < t)


@kernel({"delta_ptr": "sum[D](O:B H T D * dO:B H T D)"}, inputs={"o_ptr": "O:B H T D", "do_ptr": "dO:B H T D"}, scalars={"t": T}, consts={"D": 16, "BM": 32}, grid=lambda c: (cdiv(T, 32), B * H))
@triton.jit
def delta_unmasked(o_ptr, do_ptr, delta_ptr, t, D: tl.constexpr, BM: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    bh = tl.program_id(1)
    d = tl.arange(0, D)
    o = tl.load(o_ptr + bh * t * D + rows[:, None] * D + d[None, :])  # error[out-of-bounds]
    do = tl.load(do_ptr + bh * t * D + rows[:, None] * D + d[None, :])  # error[out-of-bounds]
    tl.store(delta_ptr + bh * t + rows, tl.sum(o * do, axis=1))  # error[out-of-bounds]


# The next row begins where this one ends: column 0 is the last place of the row before.
@kernel({"out_ptr": "at[N := size(N) - 1 - N](X:R N)"}, inputs={"x_ptr": "X:R N"}, scalars={"n": N}, consts={"BLOCK": 64}, grid=lambda k: (R, cdiv(N, k["BLOCK"])))
@triton.jit
def flip_columns_from_the_next_row(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: out of bounds
    row = tl.program_id(0)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + n - c, mask=c < n)  # error[out-of-bounds]
    tl.store(out_ptr + row * n + c, x, mask=c < n)


@kernel({"out_ptr": "X:R N"}, inputs={"x_ptr": "X:R N"}, scalars={"n": N, "rows": R}, consts={"BLOCK": 64}, grid=lambda k: (R, cdiv(N, k["BLOCK"])))
@triton.jit
def rows_upside_down(x_ptr, out_ptr, n, rows, BLOCK: tl.constexpr):  # refuted
    row = rows - 1 - tl.program_id(0)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + c, mask=c < n)
    tl.store(out_ptr + tl.program_id(0) * n + c, x, mask=c < n)


@kernel({"out_ptr": "at[R := size(R) - 1 - R](X:R N)"}, inputs={"x_ptr": "X:R N"}, scalars={"n": N, "rows": R}, consts={"BLOCK": 64}, grid=lambda k: (R, cdiv(N, k["BLOCK"])))
@triton.jit
def rows_reversed(x_ptr, out_ptr, n, rows, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + c, mask=c < n)
    tl.store(out_ptr + (rows - 1 - row) * n + c, x, mask=c < n)


# In bounds, since there are B * T programs; nothing may say otherwise where that number is no affine expression.
@kernel({"out_ptr": "X:B T"}, inputs={"x_ptr": "X:B T"}, grid=(B * T,))
@triton.jit
def even_places(x_ptr, out_ptr):  # refuted: write the same element
    o = tl.program_id(0) // 2 * 2
    tl.store(out_ptr + o, tl.load(x_ptr + o))  # error[race]
