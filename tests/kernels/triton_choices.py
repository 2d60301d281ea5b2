"""Triton: choices by values: leaky relu, maxima and clamps by tl.where, derivatives, optional pointers, updates."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

N, R = dim("N"), dim("R")
A = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts={"BLOCK": 32}, grid=lambda c: (cdiv(N, c["BLOCK"]),))
AB = {**A, "inputs": {"x_ptr": "X:N", "y_ptr": "Y:N"}}


@kernel({"out_ptr": "where(X:N > 0, X:N, X:N * scalar(slope))"}, **A)
@triton.jit
def leaky_relu(x_ptr, out_ptr, slope, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n)
    tl.store(out_ptr + o, tl.where(x >= 0, x, slope * x), mask=o < n)


@kernel({"out_ptr": "where(X:N > 0, X:N, X:N * scalar(slope))"}, **A)
@triton.jit
def leaky_relu_swapped(x_ptr, out_ptr, slope, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n)
    tl.store(out_ptr + o, tl.where(x >= 0, slope * x, x), mask=o < n)


@kernel({"out_ptr": "maximum(X:N, Y:N)"}, **AB)
@triton.jit
def max_by_where(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n)
    y = tl.load(y_ptr + o, mask=o < n)
    tl.store(out_ptr + o, tl.where(x > y, x, y), mask=o < n)


@kernel({"out_ptr": "maximum(X:N, Y:N)"}, **AB)
@triton.jit
def max_by_where_wrong(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n)
    y = tl.load(y_ptr + o, mask=o < n)
    tl.store(out_ptr + o, tl.where(x < y, x, y), mask=o < n)


@kernel({"out_ptr": "clamp(X:N, -1, 1) * Y:N"}, **AB)
@triton.jit
def clip_by_where(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n)
    y = tl.load(y_ptr + o, mask=o < n)
    x = tl.where(x > 1.0, 1.0, x)
    x = tl.where(x < -1.0, -1.0, x)
    tl.store(out_ptr + o, x * y, mask=o < n)


@kernel({"out_ptr": "clamp(X:N, -1, 1) * Y:N"}, **AB)
@triton.jit
def clip_one_side(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n)
    y = tl.load(y_ptr + o, mask=o < n)
    x = tl.where(x > 1.0, 1.0, x)
    tl.store(out_ptr + o, x * y, mask=o < n)


@kernel({"out_ptr": "where(X:N > 0, X:N, exp(X:N) - 1)", "d_ptr": "where(X:N > 0, G:N, G:N * exp(X:N))"}, **{**A, "inputs": {"x_ptr": "X:N", "g_ptr": "G:N"}})
@triton.jit
def elu_and_grad(x_ptr, g_ptr, out_ptr, d_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = o < n
    x = tl.load(x_ptr + o, mask=mask, other=0.0)
    g = tl.load(g_ptr + o, mask=mask, other=0.0)
    e = tl.exp(tl.minimum(x, 0.0))
    tl.store(out_ptr + o, tl.where(x > 0, x, e - 1.0), mask=mask)
    tl.store(d_ptr + o, tl.where(x > 0, g, g * e), mask=mask)


@kernel({"out_ptr": "where(X:N > 0, X:N, exp(X:N) - 1)", "d_ptr": "where(X:N > 0, G:N, G:N * exp(X:N))"}, **{**A, "inputs": {"x_ptr": "X:N", "g_ptr": "G:N"}})
@triton.jit
def elu_and_wrong_grad(x_ptr, g_ptr, out_ptr, d_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = o < n
    x = tl.load(x_ptr + o, mask=mask, other=0.0)
    g = tl.load(g_ptr + o, mask=mask, other=0.0)
    e = tl.exp(tl.minimum(x, 0.0))
    tl.store(out_ptr + o, tl.where(x > 0, x, e - 1.0), mask=mask)
    tl.store(d_ptr + o, tl.where(x > 0, g, g * (e - 1.0)), mask=mask)


@kernel({"out_ptr": "X:N + Y:N"}, **{**AB, "consts": {"BLOCK": 32, "scale_ptr": None}})
@triton.jit
def optional_pointer(x_ptr, y_ptr, scale_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    pid = tl.program_id(0)
    if pid * BLOCK >= n:
        return
    o = pid * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    if scale_ptr is not None:
        x = x * tl.load(scale_ptr)
    y = tl.load(y_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, x + y, mask=o < n)


@kernel({"out_ptr": "X:N + Y:N"}, **{**AB, "consts": {"BLOCK": 32}})
@triton.jit
def early_return_too_early(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    pid = tl.program_id(0)
    if pid * BLOCK + BLOCK > n:
        return
    o = pid * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n, other=0.0)
    y = tl.load(y_ptr + o, mask=o < n, other=0.0)
    tl.store(out_ptr + o, x + y, mask=o < n)  # error[coverage-gap]


@kernel({"out_ptr": "gelu_tanh(G:R N) * U:R N"}, inputs={"g_ptr": "G:R N", "u_ptr": "U:R N"}, scalars={"n": N}, strides={"g_ptr": ("sg", 1), "u_ptr": ("su", 1), "out_ptr": ("so", 1)}, consts={"BLOCK": 64}, grid=lambda c: (R, cdiv(N, c["BLOCK"])))
@triton.jit
def geglu(g_ptr, u_ptr, out_ptr, sg, su, so, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0).to(tl.int64)
    o = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = o < n
    g = tl.load(g_ptr + row * sg + o, mask=mask, other=0).to(tl.float32)
    u = tl.load(u_ptr + row * su + o, mask=mask, other=0)
    c = 0.7978845608028654
    inner = c * (g + 0.044715 * g * g * g)
    t = 2 * tl.sigmoid(2 * inner) - 1
    tl.store(out_ptr + row * so + o, 0.5 * g * (1 + t) * u, mask=mask)


@kernel({"out_ptr": "gelu_tanh(G:R N) * U:R N"}, inputs={"g_ptr": "G:R N", "u_ptr": "U:R N"}, scalars={"n": N}, strides={"g_ptr": ("sg", 1), "u_ptr": ("su", 1), "out_ptr": ("so", 1)}, consts={"BLOCK": 64}, grid=lambda c: (R, cdiv(N, c["BLOCK"])))
@triton.jit
def geglu_half_angle(g_ptr, u_ptr, out_ptr, sg, su, so, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0).to(tl.int64)
    o = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = o < n
    g = tl.load(g_ptr + row * sg + o, mask=mask, other=0).to(tl.float32)
    u = tl.load(u_ptr + row * su + o, mask=mask, other=0)
    c = 0.7978845608028654
    inner = c * (g + 0.044715 * g * g * g)
    t = 2 * tl.sigmoid(inner) - 1
    tl.store(out_ptr + row * so + o, 0.5 * g * (1 + t) * u, mask=mask)


ADAM = dict(inputs={"p_ptr": "P:N", "g_ptr": "G:N", "m_ptr": "Mo:N", "v_ptr": "Ve:N"}, scalars={"n": N}, consts={"BLOCK": 32}, grid=lambda c: (cdiv(N, c["BLOCK"]),), assume="Ve nonnegative")
ADAM_SPEC = {
    "m_ptr": "scalar(b1) * Mo:N + (1 - scalar(b1)) * G:N",
    "v_ptr": "0.999 * Ve:N + 0.001 * G:N ** 2",
    "p_ptr": "P:N - scalar(lr) * (scalar(b1) * Mo:N + (1 - scalar(b1)) * G:N) / (sqrt(0.999 * Ve:N + 0.001 * G:N ** 2) + 0.00000001)",
}


@kernel(ADAM_SPEC, **ADAM)
@triton.jit
def adam(p_ptr, g_ptr, m_ptr, v_ptr, lr, b1, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = o < n
    p = tl.load(p_ptr + o, mask=mask)
    g = tl.load(g_ptr + o, mask=mask)
    m = tl.load(m_ptr + o, mask=mask)
    v = tl.load(v_ptr + o, mask=mask)
    m = b1 * m + (1 - b1) * g
    v = 0.999 * v + 0.001 * g * g
    p = p - lr * m / (tl.sqrt(v) + 1e-8)
    tl.store(m_ptr + o, m, mask=mask)
    tl.store(v_ptr + o, v, mask=mask)
    tl.store(p_ptr + o, p, mask=mask)


@kernel(ADAM_SPEC, **ADAM)
@triton.jit
def adam_old_moment(p_ptr, g_ptr, m_ptr, v_ptr, lr, b1, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = o < n
    p = tl.load(p_ptr + o, mask=mask)
    g = tl.load(g_ptr + o, mask=mask)
    m = tl.load(m_ptr + o, mask=mask)
    v = tl.load(v_ptr + o, mask=mask)
    p = p - lr * m / (tl.sqrt(v) + 1e-8)
    m = b1 * m + (1 - b1) * g
    v = 0.999 * v + 0.001 * g * g
    tl.store(m_ptr + o, m, mask=mask)
    tl.store(v_ptr + o, v, mask=mask)
    tl.store(p_ptr + o, p, mask=mask)
