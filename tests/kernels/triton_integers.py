"""Triton: bits, signs and widths of integers, and integers that a mask or a real number decides."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

N, R = dim("N"), dim("R")
E2 = dim("E2", multiple_of=2)
F = dim("F", max=64)
A = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts={"BLOCK": 16}, grid=lambda c: (cdiv(N, c["BLOCK"]),))
PAIRS = {**A, "inputs": {"x_ptr": "X:E2"}, "scalars": {"n": E2}, "grid": lambda c: (cdiv(E2, c["BLOCK"]),)}
SWAPPED = {"out_ptr": "at[E2 := E2 + 1 - 2 * (E2 % 2)](X:E2)"}
SF = dict(inputs={"x_ptr": "X:R F"}, scalars={"n": F}, consts={"BLOCK": 64}, grid=(R,))


@kernel({"out_ptr": "X:N where N < 8 || N >= 11"}, **A)
@triton.jit
def trunc_div_negative(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    q = (o - 8) // 3
    tl.store(out_ptr + o, tl.where(q == 0, 0.0, x), mask=o < n)


@kernel({"out_ptr": "X:N where N < 6 || N >= 11"}, **A)
@triton.jit
def trunc_div_negative_right(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    q = (o - 8) // 3
    tl.store(out_ptr + o, tl.where(q == 0, 0.0, x), mask=o < n)


@kernel(SWAPPED, **PAIRS)
@triton.jit
def swap_neighbours_xor(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + (o ^ 1), mask=(o ^ 1) < n, other=0.0)
    tl.store(out_ptr + o, x, mask=o < n)


@kernel(SWAPPED, **PAIRS)
@triton.jit
def swap_neighbours_or(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + (o | 1), mask=(o | 1) < n, other=0.0)
    tl.store(out_ptr + o, x, mask=o < n)


@kernel({"out_ptr": "X:N where 1 <= N < 6"}, **A)
@triton.jit
def unsigned_window(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    inside = (o - 1).to(tl.uint32) < 5
    tl.store(out_ptr + o, tl.where(inside, x, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N where N < 6"}, **A)
@triton.jit
def unsigned_window_wraps(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    inside = (o - 1).to(tl.uint32) < 5
    tl.store(out_ptr + o, tl.where(inside, x, 0.0), mask=o < n)


@kernel({"out_ptr": "floor(X:N)"}, **A)
@triton.jit
def floor_by_cast(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, x.to(tl.int32).to(tl.float32), mask=o < n)


@kernel({"out_ptr": "floor(X:N)"}, **A, assume="X nonnegative")
@triton.jit
def floor_by_cast_nonneg(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # unknown: does not fit into int32
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, x.to(tl.int32).to(tl.float32), mask=o < n)


@kernel({"out_ptr": "mean[F](X:R F)"}, **SF)
@triton.jit
def mean_by_counting(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    c = tl.arange(0, BLOCK)
    row = tl.program_id(0)
    x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
    count = tl.sum((c < n).to(tl.int32), 0)
    tl.store(out_ptr + row, tl.sum(x, 0) / count)


@kernel({"out_ptr": "mean[F](X:R F)"}, **SF)
@triton.jit
def mean_by_counting_i1(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    c = tl.arange(0, BLOCK)
    row = tl.program_id(0)
    x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
    count = tl.sum(c < n, 0)
    tl.store(out_ptr + row, tl.sum(x, 0) / count)


@kernel({"out_ptr": "mean[F](X:R F)"}, **SF)
@triton.jit
def mean_by_last_index(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    c = tl.arange(0, BLOCK)
    row = tl.program_id(0)
    x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
    count = tl.max(tl.where(c < n, c, 0), 0)
    tl.store(out_ptr + row, tl.sum(x, 0) / count)


@kernel({"out_ptr": "X:N where N % 8 >= 4"}, **A)
@triton.jit
def bit_test(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, tl.where((o >> 2) & 1, x, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N where N % 8 >= 4"}, **A)
@triton.jit
def bit_test_mask(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, tl.where((o & 4) != 0, x, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N where N % 8 >= 4"}, **A)
@triton.jit
def bit_test_wrong_bit(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, tl.where((o & 6) == 4, x, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N where N % 16 < 8"}, **A)
@triton.jit
def negated_low_bits(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, tl.where(((~o) & 8) > 0, x, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N where N % 256 < 128"}, **A)
@triton.jit
def int8_sign(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, tl.where((o & 255).to(tl.int8) >= 0, x, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N where N % 256 < 100"}, **A)
@triton.jit
def uint8_compare(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, tl.where((o & 255).to(tl.uint8) < 100, x, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N where N % 3 == 0"}, **A)
@triton.jit
def remainder_shifted(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, tl.where((o - 9) % 3 == 0, x, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N where N % 3 == 1"}, **A)
@triton.jit
def remainder_shifted_one(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, tl.where((o - 9) % 3 == 1, x, 0.0), mask=o < n)


# The machine cuts off towards zero, and what is clamped fits.
@kernel({"out_ptr": "floor(clamp(X:N, 0, 100))"}, **A)
@triton.jit
def clamped_and_cut_off(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, tl.clamp(x, 0.0, 100.0).to(tl.int8).to(tl.float32), mask=o < n)


@kernel({"out_ptr": "floor(clamp(X:N, -100, 100))"}, **A)
@triton.jit
def clamped_and_not_rounded_down(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, tl.clamp(x, -100.0, 100.0).to(tl.int8).to(tl.float32), mask=o < n)


@kernel({"out_ptr": "X:N where N % 8 == 5"}, **A)
@triton.jit
def bits_of_two_numbers(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    packed = ((o & 1) << 3) | (o >> 1 & 3)
    tl.store(out_ptr + o, tl.where(packed == 10, x, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N"}, **A)
@triton.jit
def bits_of_a_size(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + (o | n), mask=(o | n) < n, other=0.0)
    tl.store(out_ptr + o, x, mask=o < n)


C = dim("C", 64)
B = dict(inputs={"x_ptr": "X:C"}, scalars={"n": C}, consts={"BLOCK": 16}, grid=(4,))


# 3_000_000_000 is no int32: beside a number of the data it would no longer wrap around.
@kernel({"out_ptr": "3000000000 where C >= 8"}, **B)
@triton.jit
def wraps_beside_data(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: does not fit into int32
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    number = tl.where(o < 8, tl.clamp(x, 0.0, 0.0).to(tl.int32), (o // 64 + 3) * 1000000000)  # error[index-overflow]
    tl.store(out_ptr + o, number.to(tl.float32), mask=o < n)


# What does not fit is in lanes that take the other number.
@kernel({"out_ptr": "floor(clamp(X:C, 0, 100)) where C < 8"}, **B)
@triton.jit
def wraps_where_it_is_not_taken(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    number = tl.where(o < 8, tl.clamp(x, 0.0, 100.0).to(tl.int32), tl.where(o < 8, 3, 0) * 1000000000)
    tl.store(out_ptr + o, number.to(tl.float32), mask=o < n)
