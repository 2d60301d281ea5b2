"""Triton: orders of tiles in which the place in the group is that of the whole program id, ``pid % group_size``."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

M, N = dim("M"), dim("N")

P = {
    "inputs": {"x_ptr": "X:M N"},
    "scalars": {"m": M, "n": N},
    "consts": {"BM": 8, "BN": 4, "G": 3},
    "grid": lambda c: (cdiv(M, c["BM"]) * cdiv(N, c["BN"]),),
}


@triton.jit
def doubled(x_ptr, y_ptr, m, n, i, j, BM: tl.constexpr, BN: tl.constexpr):
    rows = i.to(tl.int64) * BM + tl.arange(0, BM)[:, None]
    columns = j.to(tl.int64) * BN + tl.arange(0, BN)[None, :]
    mask = (rows < m) & (columns < n)
    tl.store(y_ptr + rows * n + columns, 2 * tl.load(x_ptr + rows * n + columns, mask=mask), mask=mask)  # error[race]  # error[coverage-gap]


@kernel({"y_ptr": "2 * X:M N"}, **P)
@triton.jit
def by_the_whole_id(x_ptr, y_ptr, m, n, BM: tl.constexpr, BN: tl.constexpr, G: tl.constexpr):  # proved
    pid = tl.program_id(0)
    columns = tl.cdiv(n, BN)
    first = pid // (G * columns) * G
    size = min(tl.cdiv(m, BM) - first, G)
    doubled(x_ptr, y_ptr, m, n, first + pid % size, pid % (G * columns) // size, BM, BN)


@kernel({"y_ptr": "2 * X:M N"}, **P)
@triton.jit
def from_the_next_on(x_ptr, y_ptr, m, n, BM: tl.constexpr, BN: tl.constexpr, G: tl.constexpr):  # unknown: part of a program id
    pid = tl.program_id(0)
    columns = tl.cdiv(n, BN)
    group = pid // (G * columns)
    size = min(tl.cdiv(m, BM) - group * G, G)
    doubled(x_ptr, y_ptr, m, n, group * G + (pid % (G * columns) + 1) % size, pid % (G * columns) // size, BM, BN)


@kernel({"y_ptr": "2 * X:M N"}, **P)
@triton.jit
def in_groups_of_one_size(x_ptr, y_ptr, m, n, BM: tl.constexpr, BN: tl.constexpr, G: tl.constexpr):  # refuted: never written
    pid = tl.program_id(0)
    columns = tl.cdiv(n, BN)
    first = pid // (G * columns) * G
    size = min(tl.cdiv(m, BM) - first, G)
    doubled(x_ptr, y_ptr, m, n, first + pid % G, pid % (G * columns) // size, BM, BN)


@kernel({"y_ptr": "2 * X:M N"}, **P)
@triton.jit
def places_in_two_ways(x_ptr, y_ptr, m, n, BM: tl.constexpr, BN: tl.constexpr, G: tl.constexpr):  # unknown: in two ways
    pid = tl.program_id(0)
    columns = tl.cdiv(n, BN)
    first = pid // (G * columns) * G
    size = min(tl.cdiv(m, BM) - first, G)
    own = pid % (G * columns)
    doubled(x_ptr, y_ptr, m, n, first + pid % size + own % size, own // size, BM, BN)


@kernel({"y_ptr": "2 * X:M N"}, **P)
@triton.jit
def turned_by_its_row(x_ptr, y_ptr, m, n, BM: tl.constexpr, BN: tl.constexpr, G: tl.constexpr):  # unknown: depends on the program
    pid = tl.program_id(0)
    columns = tl.cdiv(n, BN)
    first = pid // (G * columns) * G
    size = min(tl.cdiv(m, BM) - first, G)
    row = pid % (G * columns) // size
    doubled(x_ptr, y_ptr, m, n, first + (pid + row) % size, row, BM, BN)


@kernel({"y_ptr": "2 * X:M N"}, **P)
@triton.jit
def columns_by_the_whole_id(x_ptr, y_ptr, m, n, BM: tl.constexpr, BN: tl.constexpr, G: tl.constexpr):  # unknown: does not divide
    pid = tl.program_id(0)
    columns = tl.cdiv(n, BN)
    first = pid // (G * columns) * G
    size = min(tl.cdiv(m, BM) - first, G)
    doubled(x_ptr, y_ptr, m, n, first + pid % size, pid // size % columns, BM, BN)


@kernel({"y_ptr": "2 * X:M N"}, **P)
@triton.jit
def in_every_place(x_ptr, y_ptr, m, n, BM: tl.constexpr, BN: tl.constexpr, G: tl.constexpr):  # refuted: write the same element
    pid = tl.program_id(0)
    columns = tl.cdiv(n, BN)
    first = pid // (G * columns) * G
    size = min(tl.cdiv(m, BM) - first, G)
    own = pid % (G * columns)
    for turn in range(2):
        doubled(x_ptr, y_ptr, m, n, first + (own + turn) % size, own // size, BM, BN)
