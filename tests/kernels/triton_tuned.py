"""Triton: constants that decorators choose at a launch. Every configuration is proved, each at the sizes at which it is
chosen; a verdict names the one that is wrong."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

M, N, K = dim("M"), dim("N"), dim("K")
D = dim("D", 48)

MATMUL = {
    "inputs": {"a_ptr": "A:M K", "b_ptr": "B:K N"},
    "scalars": {"m": M, "n": N, "k": K},
    "strides": {"a_ptr": ("stride_am", "stride_ak"), "b_ptr": ("stride_bk", "stride_bn"), "c_ptr": ("stride_cm", "stride_cn")},
    "grid": lambda META: (cdiv(M, META["BLOCK_M"]), cdiv(N, META["BLOCK_N"])),
}
PRODUCT = {"c_ptr": "(A:M K, B:K N -> M N)"}
CONFIGS = [triton.Config({"BLOCK_M": m, "BLOCK_N": 16, "BLOCK_K": 16}, num_warps=w) for m in (16, 32) for w in (4, 8)]
ROWS = {"inputs": {"x_ptr": "X:M D"}, "scalars": {"columns": D}, "strides": {"x_ptr": ("stride", 1), "out_ptr": ("stride", 1)}, "grid": (M,)}
CENTRED = {"out_ptr": "X:M D - mean[D](X:M D)"}
FLAT = {"inputs": {"x_ptr": "X:N"}, "scalars": {"n": N}, "grid": lambda META: (cdiv(N, META["BLOCK"]),)}
TWICE = {"out_ptr": "2 * X:N"}


@kernel(PRODUCT, **MATMUL)
@triton.autotune(configs=CONFIGS, key=["m", "n", "k"])
@triton.heuristics({"EVEN_K": lambda args: args["k"] % args["BLOCK_K"] == 0})
@triton.jit
def matmul(a_ptr, b_ptr, c_ptr, m, n, k, stride_am, stride_ak, stride_bk, stride_bn, stride_cm, stride_cn, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, EVEN_K: tl.constexpr):  # proved
    rm = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    rn = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    acc = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for start in range(0, k, BLOCK_K):
        rk = start + tl.arange(0, BLOCK_K)
        a_ptrs = a_ptr + rm[:, None] * stride_am + rk[None, :] * stride_ak
        b_ptrs = b_ptr + rk[:, None] * stride_bk + rn[None, :] * stride_bn
        if EVEN_K:
            a = tl.load(a_ptrs, mask=rm[:, None] < m, other=0.0)
            b = tl.load(b_ptrs, mask=rn[None, :] < n, other=0.0)
        else:
            a = tl.load(a_ptrs, mask=(rm[:, None] < m) & (rk[None, :] < k), other=0.0)
            b = tl.load(b_ptrs, mask=(rn[None, :] < n) & (rk[:, None] < k), other=0.0)
        acc += tl.dot(a, b)
    tl.store(c_ptr + rm[:, None] * stride_cm + rn[None, :] * stride_cn, acc, mask=(rm[:, None] < m) & (rn[None, :] < n))


@kernel(PRODUCT, **MATMUL)
@triton.autotune(configs=CONFIGS, key=["m", "n", "k"])
@triton.heuristics({"EVEN_K": lambda args: args["k"] % 8 == 0})
@triton.jit
def matmul_even_by_another_tile(a_ptr, b_ptr, c_ptr, m, n, k, stride_am, stride_ak, stride_bk, stride_bn, stride_cm, stride_cn, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, EVEN_K: tl.constexpr):  # refuted: out of bounds
    rm = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    rn = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    acc = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for start in range(0, k, BLOCK_K):  # warning[unsupported]
        rk = start + tl.arange(0, BLOCK_K)
        a_ptrs = a_ptr + rm[:, None] * stride_am + rk[None, :] * stride_ak
        b_ptrs = b_ptr + rk[:, None] * stride_bk + rn[None, :] * stride_bn
        if EVEN_K:
            a = tl.load(a_ptrs, mask=rm[:, None] < m, other=0.0)  # error[out-of-bounds]
            b = tl.load(b_ptrs, mask=rn[None, :] < n, other=0.0)  # error[out-of-bounds]
        else:
            a = tl.load(a_ptrs, mask=(rm[:, None] < m) & (rk[None, :] < k), other=0.0)
            b = tl.load(b_ptrs, mask=(rn[None, :] < n) & (rk[:, None] < k), other=0.0)
        acc += tl.dot(a, b)
    tl.store(c_ptr + rm[:, None] * stride_cm + rn[None, :] * stride_cn, acc, mask=(rm[:, None] < m) & (rn[None, :] < n))


@kernel(CENTRED, **ROWS)
@triton.heuristics({"BLOCK": lambda args: triton.next_power_of_2(args["columns"])})
@triton.jit
def centred(x_ptr, out_ptr, stride, columns, BLOCK: tl.constexpr):  # proved
    o = tl.arange(0, BLOCK)
    row = tl.program_id(0)
    x = tl.load(x_ptr + row * stride + o, mask=o < columns, other=0.0)
    tl.store(out_ptr + row * stride + o, x - tl.sum(x, axis=0) / columns, mask=o < columns)


@kernel(CENTRED, **ROWS)
@triton.heuristics({"BLOCK": lambda args: triton.next_power_of_2(args["columns"])})
@triton.jit
def centred_over_the_block(x_ptr, out_ptr, stride, columns, BLOCK: tl.constexpr):  # refuted
    o = tl.arange(0, BLOCK)
    row = tl.program_id(0)
    x = tl.load(x_ptr + row * stride + o, mask=o < columns, other=0.0)
    tl.store(out_ptr + row * stride + o, x - tl.sum(x, axis=0) / BLOCK, mask=o < columns)


@kernel(TWICE, **FLAT)
@triton.autotune([triton.Config({"BLOCK": 16}), triton.Config({"BLOCK": 32}), triton.Config({"BLOCK": 64})], key=["n"])
@triton.jit
def wrong_with_the_last_configuration(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n)
    if BLOCK <= 32:
        tl.store(out_ptr + o, 2 * x, mask=o < n)
    else:
        tl.store(out_ptr + o, x, mask=o < n)


@kernel(TWICE, **FLAT)
@triton.heuristics({"BLOCK": lambda args: 64 if args["n"] <= 64 else 16})
@triton.jit
def one_block_where_it_fits(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    if BLOCK == 16 or tl.program_id(0) == 0:
        tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)


@kernel(TWICE, **FLAT)
@triton.heuristics({"BLOCK": lambda args: 64 if args["n"] <= 100 else 16})
@triton.jit
def one_block_where_it_does_not_fit(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    if BLOCK == 16 or tl.program_id(0) == 0:
        tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)  # error[coverage-gap]


PERSISTENT = {**FLAT, "consts": {"BLOCK": 16, "NUM_SMS": 3}, "grid": lambda META: (min(META["NUM_SMS"], cdiv(N, META["BLOCK"])),)}
HALF = {**PERSISTENT, "grid": lambda META: (min(2, cdiv(N, META["BLOCK"])),)}


@kernel(TWICE, **PERSISTENT)
@triton.jit
def persistent(x_ptr, out_ptr, n, BLOCK: tl.constexpr, NUM_SMS: tl.constexpr):  # proved
    for tile in tl.range(tl.program_id(0), tl.cdiv(n, BLOCK), NUM_SMS):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)


@kernel(TWICE, **HALF)
@triton.jit
def persistent_with_programs_left_out(x_ptr, out_ptr, n, BLOCK: tl.constexpr, NUM_SMS: tl.constexpr):  # refuted
    for tile in tl.range(tl.program_id(0), tl.cdiv(n, BLOCK), NUM_SMS):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)  # error[coverage-gap]


@kernel(TWICE, **PERSISTENT)
@triton.jit
def persistent_by_its_own_programs(x_ptr, out_ptr, n, BLOCK: tl.constexpr, NUM_SMS: tl.constexpr):  # proved
    for tile in range(tl.program_id(0), tl.cdiv(n, BLOCK), tl.num_programs(0)):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)
