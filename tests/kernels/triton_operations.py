"""Triton: every modelled operation, one by one, against its meaning; all of them are run by the interpreter too."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

N, R = dim("N"), dim("R")
C, D, K = dim("C", 8), dim("D", 16), dim("K", 16)

POINTWISE = {
    "inputs": {"x_ptr": "X:N", "y_ptr": "Y:N"},
    "scalars": {"n": N},
    "consts": {"BLOCK": 16},
    "grid": lambda c: (cdiv(N, c["BLOCK"]),),
}
ROWS = {"inputs": {"x_ptr": "X:R D"}, "scalars": {"r": R}, "consts": {"BLOCK": 4, "D": 16}, "grid": lambda c: (cdiv(R, c["BLOCK"]),)}
TILE = {"inputs": {"x_ptr": "X:C D"}, "consts": {"C": 8, "D": 16}, "grid": (1,)}


@kernel({"out_ptr": "X:N - Y:N"}, **{**POINTWISE})
@triton.jit
def subtraction(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, x - y, mask=o < n)


@kernel({"out_ptr": "X:N * Y:N"}, **{**POINTWISE})
@triton.jit
def product(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, x * y, mask=o < n)


@kernel({"out_ptr": "-X:N + 0 * Y:N"}, **{**POINTWISE})
@triton.jit
def negation(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, -x, mask=o < n)


@kernel({"out_ptr": "X:N / (Y:N ** 2 + 1)"}, **{**POINTWISE})
@triton.jit
def quotient(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, x / (y * y + 1.0), mask=o < n)


@kernel({"out_ptr": "X:N / (Y:N ** 2 + 1)"}, **{**POINTWISE})
@triton.jit
def divide_rounded(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.div_rn(x, y * y + 1.0), mask=o < n)


@kernel({"out_ptr": "exp(X:N) + Y:N"}, **{**POINTWISE})
@triton.jit
def exponential(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.exp(x) + y, mask=o < n)


@kernel({"out_ptr": "exp2(X:N) + Y:N"}, **{**POINTWISE})
@triton.jit
def exponential_in_base_2(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.exp2(x) + y, mask=o < n)


@kernel({"out_ptr": "log(X:N ** 2 + 1) + Y:N"}, **{**POINTWISE})
@triton.jit
def logarithm(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.log(x * x + 1) + y, mask=o < n)


@kernel({"out_ptr": "log2(X:N ** 2 + 1) + Y:N"}, **{**POINTWISE})
@triton.jit
def logarithm_in_base_2(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.log2(x * x + 1) + y, mask=o < n)


@kernel({"out_ptr": "sqrt(X:N ** 2 + 1) + Y:N"}, **{**POINTWISE})
@triton.jit
def square_root(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.sqrt(x * x + 1) + y, mask=o < n)


@kernel({"out_ptr": "sqrt(X:N ** 2 + 1) + Y:N"}, **{**POINTWISE})
@triton.jit
def square_root_rounded(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.sqrt_rn(x * x + 1) + y, mask=o < n)


@kernel({"out_ptr": "rsqrt(X:N ** 2 + 1) + Y:N"}, **{**POINTWISE})
@triton.jit
def inverse_root(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.rsqrt(x * x + 1) + y, mask=o < n)


@kernel({"out_ptr": "sin(X:N) * cos(Y:N)"}, **{**POINTWISE})
@triton.jit
def sine(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.sin(x) * tl.cos(y), mask=o < n)


@kernel({"out_ptr": "erf(X:N) + Y:N"}, **{**POINTWISE})
@triton.jit
def error_function(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.erf(x) + y, mask=o < n)


@kernel({"out_ptr": "abs(X:N) + Y:N"}, **{**POINTWISE})
@triton.jit
def absolute(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.abs(x) + y, mask=o < n)


@kernel({"out_ptr": "floor(X:N) + Y:N"}, **{**POINTWISE})
@triton.jit
def floors(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.floor(x) + y, mask=o < n)


@kernel({"out_ptr": "-floor(-X:N) + Y:N"}, **{**POINTWISE})
@triton.jit
def ceilings(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.ceil(x) + y, mask=o < n)


@kernel({"out_ptr": "sigmoid(X:N) + Y:N"}, **{**POINTWISE})
@triton.jit
def sigmoids(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.sigmoid(x) + y, mask=o < n)


@kernel({"out_ptr": "maximum(X:N, Y:N)"}, **{**POINTWISE})
@triton.jit
def larger(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.maximum(x, y), mask=o < n)


@kernel({"out_ptr": "minimum(X:N, Y:N)"}, **{**POINTWISE})
@triton.jit
def smaller(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.minimum(x, y), mask=o < n)


@kernel({"out_ptr": "X:N * Y:N + X:N"}, **{**POINTWISE})
@triton.jit
def fused(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.fma(x, y, x), mask=o < n)


@kernel({"out_ptr": "clamp(X:N, -0.5, 0.5) + Y:N"}, **{**POINTWISE})
@triton.jit
def clamped(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.clamp(x, -0.5, 0.5) + y, mask=o < n)


@kernel({"out_ptr": "X:N + Y:N"}, **{**POINTWISE})
@triton.jit
def casts(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, x.to(tl.float64).to(tl.float32) + y, mask=o < n)


@kernel({"out_ptr": "where(N < 5, X:N, Y:N)"}, **{**POINTWISE})
@triton.jit
def choice(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.where(o < 5, x, y), mask=o < n)


@kernel({"out_ptr": "relu(X:N) + Y:N"}, **{**POINTWISE})
@triton.jit
def choice_of_numbers(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.where(x > 0, x, 0.0) + y, mask=o < n)


@kernel({"out_ptr": "X:N * 0 + Y:N where N // 4 == 1"}, **{**POINTWISE})
@triton.jit
def indices(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.where(o // 4 == 1, y, 0.0), mask=o < n)


@kernel({"out_ptr": "Y:N * (X:N * 0 + 1) where N % 3 == 1"}, **{**POINTWISE})
@triton.jit
def remainders(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.where(o % 3 == 1, y, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N * 0 + Y:N where N % 4 == 2"}, **{**POINTWISE})
@triton.jit
def low_bits(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.where((o & 3) == 2, y, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N * 0 + Y:N where N // 8 == 1"}, **{**POINTWISE})
@triton.jit
def shifted(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.where((o >> 3) == 1, y, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N * 0 + Y:N where N < 3 || N >= 7 && N < 9"}, **{**POINTWISE})
@triton.jit
def logic(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.where((o < 3) | ((o >= 7) & (o < 9)), y, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N * 0 + Y:N where N != 3"}, **{**POINTWISE})
@triton.jit
def not_equal(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.where(o != 3, y, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N * 0 + Y:N where N < 6"}, **{**POINTWISE})
@triton.jit
def smaller_index(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.where(tl.minimum(o, 6) < 6, y, 0.0), mask=o < n)


@kernel({"out_ptr": "0.1 * X:N + 0.0003 * Y:N"}, **{**POINTWISE})
@triton.jit
def constants_are_decimals(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, 0.1 * x + 0.0003 * y, mask=o < n)


@kernel({"out_ptr": "0.1 * X:N + Y:N"}, **{**POINTWISE})
@triton.jit
def wrong_constant(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, 0.11 * x + y, mask=o < n)


@kernel({"out_ptr": "exp(X:N) + Y:N"}, **{**POINTWISE})
@triton.jit
def wrong_function(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.exp2(x) + y, mask=o < n)


@kernel({"out_ptr": "X:N * 0 + Y:N where N % 3 == 1"}, **{**POINTWISE})
@triton.jit
def wrong_remainder(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, tl.where(o % 3 == 2, y, 0.0), mask=o < n)


@kernel({"out_ptr": "X:N / (Y:N ** 2 + 1)"}, **{**POINTWISE})
@triton.jit
def wrong_order_of_division(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=1.0)
    y = tl.load(y_ptr + o, mask=o < n, other=1.0)
    tl.store(out_ptr + o, (y * y + 1.0) / x, mask=o < n)


@kernel({"out_ptr": "sum[D](X:R D)"}, **ROWS)
@triton.jit
def sums(x_ptr, out_ptr, r, D: tl.constexpr, BLOCK: tl.constexpr):  # proved
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < r, other=0.0)
    v = tl.sum(x, axis=1)
    tl.store(out_ptr + rows, v, mask=rows < r)


@kernel({"out_ptr": "max[D](X:R D)"}, **ROWS)
@triton.jit
def maxima(x_ptr, out_ptr, r, D: tl.constexpr, BLOCK: tl.constexpr):  # proved
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < r, other=0.0)
    v = tl.max(x, axis=1)
    tl.store(out_ptr + rows, v, mask=rows < r)


@kernel({"out_ptr": "min[D](X:R D)"}, **ROWS)
@triton.jit
def minima(x_ptr, out_ptr, r, D: tl.constexpr, BLOCK: tl.constexpr):  # proved
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < r, other=0.0)
    v = tl.min(x, axis=1)
    tl.store(out_ptr + rows, v, mask=rows < r)


@kernel({"out_ptr": "X:R D - max[D](X:R D)"}, **ROWS)
@triton.jit
def kept_dims(x_ptr, out_ptr, r, D: tl.constexpr, BLOCK: tl.constexpr):  # proved
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < r, other=0.0)
    v = x - tl.max(x, axis=1, keep_dims=True)
    tl.store(out_ptr + rows[:, None] * D + d[None, :], v, mask=rows[:, None] < r)


@kernel({"out_ptr": "softmax[D](X:R D)"}, **ROWS)
@triton.jit
def softmaxes(x_ptr, out_ptr, r, D: tl.constexpr, BLOCK: tl.constexpr):  # proved
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < r, other=0.0)
    v = tl.exp(x - tl.max(x, axis=1)[:, None]) / tl.sum(tl.exp(x - tl.max(x, axis=1)[:, None]), axis=1)[:, None]
    tl.store(out_ptr + rows[:, None] * D + d[None, :], v, mask=rows[:, None] < r)


@kernel({"out_ptr": "sum[D](X:R D)"}, **ROWS)
@triton.jit
def sum_of_the_wrong_axis(x_ptr, out_ptr, r, D: tl.constexpr, BLOCK: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + rows[:, None] * D + d[None, :], mask=rows[:, None] < r, other=0.0)
    v = tl.max(x, axis=1)
    tl.store(out_ptr + rows, v, mask=rows < r)


@kernel({"out_ptr": "X:C D -> D C"}, **TILE)
@triton.jit
def transposed(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # proved
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    tl.store(out_ptr + d[:, None] * C + c[None, :], tl.trans(x))


@kernel({"out_ptr": "X:C D -> D C"}, **TILE)
@triton.jit
def permuted(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # proved
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    tl.store(out_ptr + d[:, None] * C + c[None, :], tl.permute(x, (1, 0)))


@kernel({"out_ptr": "X:C D -> D C"}, **TILE)
@triton.jit
def transposed_store_only(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # refuted
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    tl.store(out_ptr + c[:, None] * D + d[None, :], x)


@kernel({"out_ptr": "2 * X:C D"}, **TILE)
@triton.jit
def reshaped(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # proved
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    y = tl.reshape(x, (C * D,))
    tl.store(out_ptr + tl.arange(0, C * D), y * 2)


@kernel({"out_ptr": "X:C D"}, **TILE)
@triton.jit
def split_and_joined(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # proved
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    a, b = tl.split(tl.reshape(x, (C, D // 2, 2)))
    tl.store(out_ptr + c[:, None] * D + d[None, :], tl.reshape(tl.join(a, b), (C, D)))


@kernel({"out_ptr": "X:C D"}, **TILE)
@triton.jit
def swapped_pairs(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # refuted
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    a, b = tl.split(tl.reshape(x, (C, D // 2, 2)))
    tl.store(out_ptr + c[:, None] * D + d[None, :], tl.reshape(tl.join(b, a), (C, D)))


@kernel({"out_ptr": "sum[C](X:C D)"}, **TILE)
@triton.jit
def columns(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # proved
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    tl.store(out_ptr + d, tl.sum(x, axis=0))


@triton.jit
def multiplied(a, b):
    return a * b


@kernel({"out_ptr": "prod[C](X:C D)"}, **TILE)
@triton.jit
def products_of_columns(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # proved
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    tl.store(out_ptr + d, tl.reduce(x, 0, multiplied))


@kernel({"out_ptr": "sum[K where K <= D](at[D := K](X:C D))"}, **TILE)
@triton.jit
def running_sums(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # proved
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    tl.store(out_ptr + c[:, None] * D + d[None, :], tl.cumsum(x, axis=1))


@kernel({"out_ptr": "sum[K where K >= D](at[D := K](X:C D))"}, **TILE)
@triton.jit
def running_sums_backwards(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # proved
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    tl.store(out_ptr + c[:, None] * D + d[None, :], tl.cumsum(x, axis=1, reverse=True))


@kernel({"out_ptr": "sum[K where K < D](at[D := K](X:C D))"}, **TILE)
@triton.jit
def running_sums_without_the_own(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # refuted
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    tl.store(out_ptr + c[:, None] * D + d[None, :], tl.cumsum(x, axis=1))


@kernel({"out_ptr": "4 * X:C D"}, **TILE)
@triton.jit
def unrolled(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # proved
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    acc = tl.zeros((C, D), tl.float32)
    for _ in tl.static_range(4):
        acc += x
    tl.store(out_ptr + c[:, None] * D + d[None, :], acc)


@kernel({"out_ptr": "4 * X:C D"}, **TILE)
@triton.jit
def rolled(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # proved
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    acc = tl.zeros((C, D), tl.float32)
    for _ in range(4):
        acc += x
    tl.store(out_ptr + c[:, None] * D + d[None, :], acc)


@kernel({"out_ptr": "X:C D * 3"}, **TILE)
@triton.jit
def index_as_a_number(x_ptr, out_ptr, C: tl.constexpr, D: tl.constexpr):  # proved
    c = tl.arange(0, C)
    d = tl.arange(0, D)
    x = tl.load(x_ptr + c[:, None] * D + d[None, :])
    tl.store(out_ptr + c[:, None] * D + d[None, :], x * (c[:, None] - c[:, None] + 3).to(tl.float32))
