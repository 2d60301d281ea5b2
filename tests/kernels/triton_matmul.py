"""Triton: tiled matrix products with symbolic sizes and strides."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

M, N, K = dim("M"), dim("N"), dim("K")

PRODUCT = {
    "inputs": {"a_ptr": "A:M K", "b_ptr": "B:K N"},
    "scalars": {"m": M, "n": N, "k": K},
    "strides": {"a_ptr": ("sam", "sak"), "b_ptr": ("sbk", "sbn"), "c_ptr": ("scm", "scn")},
    "consts": {"BM": 32, "BN": 16, "BK": 16},
    "grid": lambda c: (cdiv(M, c["BM"]), cdiv(N, c["BN"])),
}


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **PRODUCT)
@triton.jit
def matmul(  # proved
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    a_ptrs = a_ptr + rows[:, None] * sam + inner[None, :] * sak
    b_ptrs = b_ptr + inner[:, None] * sbk + columns[None, :] * sbn
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for step in range(0, tl.cdiv(k, BK)):
        left = k - step * BK
        a = tl.load(a_ptrs, mask=(rows[:, None] < m) & (inner[None, :] < left), other=0.0)
        b = tl.load(b_ptrs, mask=(inner[:, None] < left) & (columns[None, :] < n), other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    mask = (rows[:, None] < m) & (columns[None, :] < n)
    tl.store(c_ptr + rows[:, None] * scm + columns[None, :] * scn, acc, mask=mask)


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **PRODUCT)
@triton.jit
def matmul_without_a_mask_along_k(  # refuted: out of bounds
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    a_ptrs = a_ptr + rows[:, None] * sam + inner[None, :] * sak
    b_ptrs = b_ptr + inner[:, None] * sbk + columns[None, :] * sbn
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for step in range(0, tl.cdiv(k, BK)):  # warning[unsupported]
        a = tl.load(a_ptrs, mask=rows[:, None] < m, other=0.0)  # error[out-of-bounds]
        b = tl.load(b_ptrs, mask=columns[None, :] < n, other=0.0)  # error[out-of-bounds]
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    mask = (rows[:, None] < m) & (columns[None, :] < n)
    tl.store(c_ptr + rows[:, None] * scm + columns[None, :] * scn, acc, mask=mask)


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **PRODUCT)
@triton.jit
def matmul_drops_the_accumulator(  # refuted
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    a_ptrs = a_ptr + rows[:, None] * sam + inner[None, :] * sak
    b_ptrs = b_ptr + inner[:, None] * sbk + columns[None, :] * sbn
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for step in range(0, tl.cdiv(k, BK)):
        left = k - step * BK
        a = tl.load(a_ptrs, mask=(rows[:, None] < m) & (inner[None, :] < left), other=0.0)
        b = tl.load(b_ptrs, mask=(inner[:, None] < left) & (columns[None, :] < n), other=0.0)
        acc = tl.dot(a, b)
        a_ptrs += BK * sak
        b_ptrs += BK * sbk
    mask = (rows[:, None] < m) & (columns[None, :] < n)
    tl.store(c_ptr + rows[:, None] * scm + columns[None, :] * scn, acc, mask=mask)


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **PRODUCT)
@triton.jit
def matmul_does_not_advance(  # refuted
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    a_ptrs = a_ptr + rows[:, None] * sam + inner[None, :] * sak
    b_ptrs = b_ptr + inner[:, None] * sbk + columns[None, :] * sbn
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for step in range(0, tl.cdiv(k, BK)):
        left = k - step * BK
        a = tl.load(a_ptrs, mask=(rows[:, None] < m) & (inner[None, :] < left), other=0.0)
        b = tl.load(b_ptrs, mask=(inner[:, None] < left) & (columns[None, :] < n), other=0.0)
        acc = tl.dot(a, b, acc)
        a_ptrs += BK * sak
    mask = (rows[:, None] < m) & (columns[None, :] < n)
    tl.store(c_ptr + rows[:, None] * scm + columns[None, :] * scn, acc, mask=mask)


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **PRODUCT)
@triton.jit
def matmul_takes_one_tile(  # refuted
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    a_ptrs = a_ptr + rows[:, None] * sam + inner[None, :] * sak
    b_ptrs = b_ptr + inner[:, None] * sbk + columns[None, :] * sbn
    a = tl.load(a_ptrs, mask=(rows[:, None] < m) & (inner[None, :] < k), other=0.0)
    b = tl.load(b_ptrs, mask=(inner[:, None] < k) & (columns[None, :] < n), other=0.0)
    mask = (rows[:, None] < m) & (columns[None, :] < n)
    tl.store(c_ptr + rows[:, None] * scm + columns[None, :] * scn, tl.dot(a, b), mask=mask)


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **PRODUCT)
@triton.jit
def matmul_on_the_diagonal(  # refuted: never written
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    if tl.program_id(0) == tl.program_id(1):
        inner = tl.arange(0, BK)
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for step in range(0, k, BK):
            a = tl.load(a_ptr + rows[:, None] * sam + (step + inner[None, :]) * sak, mask=(rows[:, None] < m) & (step + inner[None, :] < k), other=0.0)
            b = tl.load(b_ptr + (step + inner[:, None]) * sbk + columns[None, :] * sbn, mask=(step + inner[:, None] < k) & (columns[None, :] < n), other=0.0)
            acc += tl.dot(a, b)
        mask = (rows[:, None] < m) & (columns[None, :] < n)
        tl.store(c_ptr + rows[:, None] * scm + columns[None, :] * scn, acc, mask=mask)  # error[coverage-gap]


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **PRODUCT)
@triton.jit
def matmul_stores_transposed(  # refuted: never written
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for step in range(0, k, BK):
        a = tl.load(a_ptr + rows[:, None] * sam + (step + inner[None, :]) * sak, mask=(rows[:, None] < m) & (step + inner[None, :] < k), other=0.0)
        b = tl.load(b_ptr + (step + inner[:, None]) * sbk + columns[None, :] * sbn, mask=(step + inner[:, None] < k) & (columns[None, :] < n), other=0.0)
        acc += tl.dot(a, b)
    mask = (rows[:, None] < m) & (columns[None, :] < n)
    tl.store(c_ptr + rows[:, None] * scn + columns[None, :] * scm, acc, mask=mask)  # error[coverage-gap]  # error[out-of-bounds]  # error[dim-mismatch]: N where the spec has M
