"""Triton: sums that many programs add up in memory."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

M, N, K, R = dim("M"), dim("N"), dim("K"), dim("R")


@kernel({"s_ptr": "S:R + sum[N](X:R N)"}, inputs={"x_ptr": "X:R N", "s_ptr": "S:R"}, scalars={"n": N}, consts=dict(BLOCK=16), grid=lambda c: (R, cdiv(N, c["BLOCK"])))
@triton.jit
def row_sums(x_ptr, s_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(0)
    o = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=0.0)
    tl.atomic_add(s_ptr + row, tl.sum(x, axis=0))


@kernel({"s_ptr": "S:R + sum[N](X:R N)"}, inputs={"x_ptr": "X:R N", "s_ptr": "S:R"}, scalars={"n": N}, consts=dict(BLOCK=16), grid=lambda c: (R, cdiv(N, c["BLOCK"])))
@triton.jit
def row_sums_with_a_store(x_ptr, s_ptr, n, BLOCK: tl.constexpr):  # refuted: write the same element
    row = tl.program_id(0)
    o = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=0.0)
    tl.store(s_ptr + row, tl.load(s_ptr + row) + tl.sum(x, axis=0))  # error[race]  # warning[unsupported]


@kernel({"s_ptr": "S:R + sum[N](X:R N)"}, inputs={"x_ptr": "X:R N", "s_ptr": "S:R"}, scalars={"n": N}, consts=dict(BLOCK=16), grid=lambda c: (R, 2 * cdiv(N, c["BLOCK"])))
@triton.jit
def row_sums_count_twice(x_ptr, s_ptr, n, BLOCK: tl.constexpr):  # refuted
    row = tl.program_id(0)
    o = (tl.program_id(1) // 2) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=0.0)
    tl.atomic_add(s_ptr + row, tl.sum(x, axis=0))


@kernel({"s_ptr": "S:R + sum[N](X:R N)"}, inputs={"x_ptr": "X:R N", "s_ptr": "S:R"}, scalars={"n": N}, consts=dict(BLOCK=16), grid=lambda c: (R, cdiv(N, c["BLOCK"])))
@triton.jit
def row_sums_of_the_next_row(x_ptr, s_ptr, n, BLOCK: tl.constexpr):  # refuted: out of bounds
    row = tl.program_id(0)
    o = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=0.0)
    tl.atomic_add(s_ptr + row + 1, tl.sum(x, axis=0))  # error[out-of-bounds]


@kernel({"s_ptr": "S:R + sum[N](X:R N)"}, inputs={"x_ptr": "X:R N", "s_ptr": "S:R"}, scalars={"n": N}, consts=dict(BLOCK=16), grid=lambda c: (R, cdiv(N, c["BLOCK"])))
@triton.jit
def row_sums_beside_a_load(x_ptr, s_ptr, n, BLOCK: tl.constexpr):  # unsupported: beside other accesses
    row = tl.program_id(0)
    o = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + o, mask=o < n, other=0.0)
    before = tl.load(s_ptr + row)  # warning[unsupported]
    tl.atomic_add(s_ptr + row, tl.sum(x, axis=0) + before)


@kernel({"c_ptr": "C:M N + (A:M K, B:K N -> M N)"}, inputs={"a_ptr": "A:M K", "b_ptr": "B:K N", "c_ptr": "C:M N"}, scalars={"m": M, "n": N, "k": K}, consts=dict(BM=16,BN=16,BK=16,S=4),
   grid=lambda c: (cdiv(M, c["BM"]), cdiv(N, c["BN"]), c["S"]))
@triton.jit
def split_k(a_ptr, b_ptr, c_ptr, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, S: tl.constexpr):  # proved
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    z = tl.program_id(2)
    acc = tl.zeros((BM, BN), tl.float32)
    for step in range(0, tl.cdiv(k, BK * S)):
        inner = (step * S + z) * BK + tl.arange(0, BK)
        a = tl.load(a_ptr + rows[:, None] * k + inner[None, :], mask=(rows[:, None] < m) & (inner[None, :] < k), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * n + columns[None, :], mask=(inner[:, None] < k) & (columns[None, :] < n), other=0.0)
        acc += tl.dot(a, b)
    tl.atomic_add(c_ptr + rows[:, None] * n + columns[None, :], acc, mask=(rows[:, None] < m) & (columns[None, :] < n))


@kernel({"c_ptr": "C:M N + (A:M K, B:K N -> M N)"}, inputs={"a_ptr": "A:M K", "b_ptr": "B:K N", "c_ptr": "C:M N"}, scalars={"m": M, "n": N, "k": K}, consts=dict(BM=16,BN=16,BK=16,S=4),
   grid=lambda c: (cdiv(M, c["BM"]), cdiv(N, c["BN"]), c["S"] - 1))
@triton.jit
def split_k_skips_a_part(a_ptr, b_ptr, c_ptr, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, S: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    z = tl.program_id(2)
    acc = tl.zeros((BM, BN), tl.float32)
    for step in range(0, tl.cdiv(k, BK * S)):
        inner = (step * S + z) * BK + tl.arange(0, BK)
        a = tl.load(a_ptr + rows[:, None] * k + inner[None, :], mask=(rows[:, None] < m) & (inner[None, :] < k), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * n + columns[None, :], mask=(inner[:, None] < k) & (columns[None, :] < n), other=0.0)
        acc += tl.dot(a, b)
    tl.atomic_add(c_ptr + rows[:, None] * n + columns[None, :], acc, mask=(rows[:, None] < m) & (columns[None, :] < n))


@kernel({"c_ptr": "C:M N + (A:M K, B:K N -> M N)"}, inputs={"a_ptr": "A:M K", "b_ptr": "B:K N", "c_ptr": "C:M N"}, scalars={"m": M, "n": N, "k": K}, consts=dict(BM=16,BN=16,BK=16,S=4),
   grid=lambda c: (cdiv(M, c["BM"]), cdiv(N, c["BN"]), c["S"]))
@triton.jit
def split_k_all_take_the_first_part(a_ptr, b_ptr, c_ptr, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, S: tl.constexpr):  # refuted
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    z = tl.program_id(2)
    acc = tl.zeros((BM, BN), tl.float32)
    for step in range(0, tl.cdiv(k, BK * S)):
        inner = (step * S) * BK + tl.arange(0, BK)
        a = tl.load(a_ptr + rows[:, None] * k + inner[None, :], mask=(rows[:, None] < m) & (inner[None, :] < k), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * n + columns[None, :], mask=(inner[:, None] < k) & (columns[None, :] < n), other=0.0)
        acc += tl.dot(a, b)
    tl.atomic_add(c_ptr + rows[:, None] * n + columns[None, :], acc, mask=(rows[:, None] < m) & (columns[None, :] < n))


@kernel({"c_ptr": "C:M N + (A:M K, B:K N -> M N)"}, inputs={"a_ptr": "A:M K", "b_ptr": "B:K N", "c_ptr": "C:M N"}, scalars={"m": M, "n": N, "k": K}, consts=dict(BM=16,BN=16,BK=16,S=4),
   grid=lambda c: (cdiv(M, c["BM"]), cdiv(N, c["BN"]), c["S"]))
@triton.jit
def split_k_stores(a_ptr, b_ptr, c_ptr, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, S: tl.constexpr):  # refuted: write the same element
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    z = tl.program_id(2)
    acc = tl.zeros((BM, BN), tl.float32)
    for step in range(0, tl.cdiv(k, BK * S)):
        inner = (step * S + z) * BK + tl.arange(0, BK)
        a = tl.load(a_ptr + rows[:, None] * k + inner[None, :], mask=(rows[:, None] < m) & (inner[None, :] < k), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * n + columns[None, :], mask=(inner[:, None] < k) & (columns[None, :] < n), other=0.0)
        acc += tl.dot(a, b)
    tl.store(c_ptr + rows[:, None] * n + columns[None, :], acc, mask=(rows[:, None] < m) & (columns[None, :] < n))  # error[race]  # warning[unsupported]
