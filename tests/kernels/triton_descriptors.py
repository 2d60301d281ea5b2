"""Triton: tensor descriptors: blocks whose sizes and strides are told once, outside of which lies 0, or NaN."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

M, N, K = dim("M"), dim("N", multiple_of=4), dim("K", multiple_of=4)
NS = {"inputs": {"a_ptr": "A:M K", "b_ptr": "B:K N"}, "scalars": {"m": M, "n": N, "k": K}}
X = {"inputs": {"x_ptr": "X:M N"}, "scalars": {"m": M, "n": N}, "consts": {"BM": 32, "BN": 16}}
TILES = {"grid": lambda c: (cdiv(M, c["BM"]), cdiv(N, c["BN"]))}


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **NS, consts={"BM": 32, "BN": 16, "BK": 16}, grid=lambda c: (cdiv(M, 32), cdiv(N, 16)))
@triton.jit
def descriptor_matmul(a_ptr, b_ptr, c_ptr, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # proved
    a = tl.make_tensor_descriptor(a_ptr, shape=[m, k], strides=[k, 1], block_shape=[BM, BK])
    b = tl.make_tensor_descriptor(b_ptr, shape=[k, n], strides=[n, 1], block_shape=[BK, BN])
    c = tl.make_tensor_descriptor(c_ptr, shape=[m, n], strides=[n, 1], block_shape=[BM, BN])
    i = tl.program_id(0) * BM
    j = tl.program_id(1) * BN
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for kk in range(0, k, BK):
        acc = tl.dot(a.load([i, kk]), b.load([kk, j]), acc)
    c.store([i, j], acc)


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **NS, consts={"BM": 32, "BN": 16, "BK": 16}, grid=lambda c: (cdiv(M, 32), cdiv(N, 16)))
@triton.jit
def descriptor_matmul_swapped(a_ptr, b_ptr, c_ptr, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # refuted
    a = tl.make_tensor_descriptor(a_ptr, shape=[m, k], strides=[k, 1], block_shape=[BM, BK])
    b = tl.make_tensor_descriptor(b_ptr, shape=[k, n], strides=[n, 1], block_shape=[BK, BN])
    c = tl.make_tensor_descriptor(c_ptr, shape=[m, n], strides=[n, 1], block_shape=[BM, BN])
    i = tl.program_id(0) * BM
    j = tl.program_id(1) * BN
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for kk in range(0, k, BK):
        acc = tl.dot(a.load([i, kk]), b.load([j, kk]), acc)
    c.store([i, j], acc)


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **NS, consts={"BM": 32, "BN": 16, "BK": 16}, grid=lambda c: (cdiv(M, 32), cdiv(N, 16)))
@triton.jit
def descriptor_matmul_strided_wrong(a_ptr, b_ptr, c_ptr, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # refuted
    a = tl.make_tensor_descriptor(a_ptr, shape=[m, k], strides=[m, 1], block_shape=[BM, BK])
    b = tl.make_tensor_descriptor(b_ptr, shape=[k, n], strides=[n, 1], block_shape=[BK, BN])
    c = tl.make_tensor_descriptor(c_ptr, shape=[m, n], strides=[n, 1], block_shape=[BM, BN])
    i = tl.program_id(0) * BM
    j = tl.program_id(1) * BN
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for kk in range(0, k, BK):
        acc = tl.dot(a.load([i, kk]), b.load([kk, j]), acc)
    c.store([i, j], acc)


@kernel({"o_ptr": "exp(X:M N)"}, **X, **TILES)
@triton.jit
def padded_with_nan(x_ptr, o_ptr, m, n, BM: tl.constexpr, BN: tl.constexpr):  # proved
    x = tl.make_tensor_descriptor(x_ptr, shape=[m, n], strides=[n, 1], block_shape=[BM, BN], padding_option="nan")
    o = tl.make_tensor_descriptor(o_ptr, shape=[m, n], strides=[n, 1], block_shape=[BM, BN])
    i = tl.program_id(0) * BM
    j = tl.program_id(1) * BN
    o.store([i, j], tl.exp(x.load([i, j])))


@kernel({"o_ptr": "sum[N](X:M N)"}, **X, grid=lambda c: (cdiv(M, c["BM"]),))
@triton.jit
def row_sums(x_ptr, o_ptr, m, n, BM: tl.constexpr, BN: tl.constexpr):  # proved
    x = tl.make_tensor_descriptor(x_ptr, shape=[m, n], strides=[n, 1], block_shape=[BM, BN])
    i = tl.program_id(0) * BM
    acc = tl.zeros((BM,), tl.float32)
    for j in range(0, n, BN):
        acc += tl.sum(x.load([i, j]), axis=1)
    rows = i + tl.arange(0, BM)
    tl.store(o_ptr + rows, acc, mask=rows < m)


@kernel({"o_ptr": "sum[N](X:M N)"}, **X, grid=lambda c: (cdiv(M, c["BM"]),))
@triton.jit
def row_sums_over_nan(x_ptr, o_ptr, m, n, BM: tl.constexpr, BN: tl.constexpr):  # unknown
    x = tl.make_tensor_descriptor(x_ptr, shape=[m, n], strides=[n, 1], block_shape=[BM, BN], padding_option="nan")
    i = tl.program_id(0) * BM
    acc = tl.zeros((BM,), tl.float32)
    for j in range(0, n, BN):
        acc += tl.sum(x.load([i, j]), axis=1)
    rows = i + tl.arange(0, BM)
    tl.store(o_ptr + rows, acc, mask=rows < m)


# Lanes before the first row read 0 as well.
@kernel({"o_ptr": "where(M > 0, X:M N + at[M := M - 1](X:M N), X:M N)"}, **X, **TILES)
@triton.jit
def with_the_row_before(x_ptr, o_ptr, m, n, BM: tl.constexpr, BN: tl.constexpr):  # proved
    x = tl.make_tensor_descriptor(x_ptr, shape=[m, n], strides=[n, 1], block_shape=[BM, BN])
    o = tl.make_tensor_descriptor(o_ptr, shape=[m, n], strides=[n, 1], block_shape=[BM, BN])
    i = tl.program_id(0) * BM
    j = tl.program_id(1) * BN
    o.store([i, j], x.load([i, j]) + x.load([i - 1, j]))


@kernel({"o_ptr": "X:M N"}, **X, **TILES)
@triton.jit
def one_row_too_many(x_ptr, o_ptr, m, n, BM: tl.constexpr, BN: tl.constexpr):  # refuted: writes o_ptr out of bounds
    x = tl.make_tensor_descriptor(x_ptr, shape=[m, n], strides=[n, 1], block_shape=[BM, BN])
    o = tl.make_tensor_descriptor(o_ptr, shape=[m + 1, n], strides=[n, 1], block_shape=[BM, BN])
    i = tl.program_id(0) * BM
    j = tl.program_id(1) * BN
    o.store([i, j], x.load([i, j]))  # error[out-of-bounds]
