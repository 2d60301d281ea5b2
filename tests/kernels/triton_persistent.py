"""Triton: loops whose rounds are dealt out to the programs of the launch: tiles of a product, tiles of a vector."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

M, N, K, B, SMS = dim("M"), dim("N"), dim("K"), dim("B"), dim("SMS")

MM = {
    "inputs": {"a_ptr": "A:M K", "b_ptr": "B:K N"},
    "scalars": {"m": M, "n": N, "k": K},
    "strides": {"a_ptr": ("sam", "sak"), "b_ptr": ("sbk", "sbn"), "c_ptr": ("scm", "scn")},
}
V = {"inputs": {"x_ptr": "X:N"}, "scalars": {"n": N}, "consts": {"BLOCK": 16}}


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **MM, consts={"BM": 32, "BN": 16, "BK": 16, "G": 4, "SMS": 6}, grid=(6,))
@triton.jit
def persistent_matmul(  # proved
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, G: tl.constexpr, SMS: tl.constexpr
):
    start = tl.program_id(0)
    num_m = tl.cdiv(m, BM)
    num_n = tl.cdiv(n, BN)
    for tile in tl.range(start, num_m * num_n, SMS):
        width = G * num_n
        group = tile // width
        first = group * G
        size = min(num_m - first, G)
        pid_m = first + (tile % width) % size
        pid_n = (tile % width) // size
        rows = pid_m * BM + tl.arange(0, BM)
        cols = pid_n * BN + tl.arange(0, BN)
        inner = tl.arange(0, BK)
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for ki in range(0, tl.cdiv(k, BK)):
            kk = ki * BK + inner
            a = tl.load(a_ptr + rows[:, None] * sam + kk[None, :] * sak, mask=(rows[:, None] < m) & (kk[None, :] < k), other=0.0)
            b = tl.load(b_ptr + kk[:, None] * sbk + cols[None, :] * sbn, mask=(kk[:, None] < k) & (cols[None, :] < n), other=0.0)
            acc = tl.dot(a, b, acc)
        tl.store(c_ptr + rows[:, None] * scm + cols[None, :] * scn, acc, mask=(rows[:, None] < m) & (cols[None, :] < n))


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **MM, consts={"BM": 32, "BN": 16, "BK": 16}, grid=(6,))
@triton.jit
def persistent_matmul_row_major(  # proved
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    num_n = tl.cdiv(n, BN)
    tiles = tl.cdiv(m, BM) * num_n
    for tile in range(tl.program_id(0), tiles, tl.num_programs(0)):
        rows = (tile // num_n) * BM + tl.arange(0, BM)
        cols = (tile % num_n) * BN + tl.arange(0, BN)
        inner = tl.arange(0, BK)
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for ki in range(0, k, BK):
            kk = ki + inner
            a = tl.load(a_ptr + rows[:, None] * sam + kk[None, :] * sak, mask=(rows[:, None] < m) & (kk[None, :] < k), other=0.0)
            b = tl.load(b_ptr + kk[:, None] * sbk + cols[None, :] * sbn, mask=(kk[:, None] < k) & (cols[None, :] < n), other=0.0)
            acc = tl.dot(a, b, acc)
        tl.store(c_ptr + rows[:, None] * scm + cols[None, :] * scn, acc, mask=(rows[:, None] < m) & (cols[None, :] < n))


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **MM, consts={"BM": 32, "BN": 16, "BK": 16}, grid=(2,))
@triton.jit
def persistent_matmul_keeps_the_sum(  # refuted
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    num_n = tl.cdiv(n, BN)
    tiles = tl.cdiv(m, BM) * num_n
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for tile in range(tl.program_id(0), tiles, tl.num_programs(0)):
        rows = (tile // num_n) * BM + tl.arange(0, BM)
        cols = (tile % num_n) * BN + tl.arange(0, BN)
        inner = tl.arange(0, BK)
        for ki in range(0, k, BK):
            kk = ki + inner
            a = tl.load(a_ptr + rows[:, None] * sam + kk[None, :] * sak, mask=(rows[:, None] < m) & (kk[None, :] < k), other=0.0)
            b = tl.load(b_ptr + kk[:, None] * sbk + cols[None, :] * sbn, mask=(kk[:, None] < k) & (cols[None, :] < n), other=0.0)
            acc = tl.dot(a, b, acc)
        tl.store(c_ptr + rows[:, None] * scm + cols[None, :] * scn, acc, mask=(rows[:, None] < m) & (cols[None, :] < n))


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **MM, consts={"BM": 32, "BN": 16, "BK": 16}, grid=(6,))
@triton.jit
def persistent_matmul_floor(  # refuted
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    num_n = tl.cdiv(n, BN)
    tiles = (m // BM) * num_n
    for tile in range(tl.program_id(0), tiles, tl.num_programs(0)):
        rows = (tile // num_n) * BM + tl.arange(0, BM)
        cols = (tile % num_n) * BN + tl.arange(0, BN)
        inner = tl.arange(0, BK)
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for ki in range(0, k, BK):
            kk = ki + inner
            a = tl.load(a_ptr + rows[:, None] * sam + kk[None, :] * sak, mask=(rows[:, None] < m) & (kk[None, :] < k), other=0.0)
            b = tl.load(b_ptr + kk[:, None] * sbk + cols[None, :] * sbn, mask=(kk[:, None] < k) & (cols[None, :] < n), other=0.0)
            acc = tl.dot(a, b, acc)
        tl.store(c_ptr + rows[:, None] * scm + cols[None, :] * scn, acc, mask=(rows[:, None] < m) & (cols[None, :] < n))  # error[coverage-gap]


# As the tutorial has it: a second number of the tile, for the store, that runs beside the first.
@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **MM, consts={"BM": 32, "BN": 16, "BK": 16}, grid=(SMS,))
@triton.jit
def two_numbers_of_one_tile(  # proved
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr
):
    num_n = tl.cdiv(n, BN)
    tiles = tl.cdiv(m, BM) * num_n
    stored = tl.program_id(0) - tl.num_programs(0)
    for tile in tl.range(tl.program_id(0), tiles, tl.num_programs(0), flatten=True):
        rows = (tile // num_n) * BM + tl.arange(0, BM)
        cols = (tile % num_n) * BN + tl.arange(0, BN)
        inner = tl.arange(0, BK)
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for ki in range(0, k, BK):
            kk = ki + inner
            a = tl.load(a_ptr + rows[:, None] * sam + kk[None, :] * sak, mask=(rows[:, None] < m) & (kk[None, :] < k), other=0.0)
            b = tl.load(b_ptr + kk[:, None] * sbk + cols[None, :] * sbn, mask=(kk[:, None] < k) & (cols[None, :] < n), other=0.0)
            acc = tl.dot(a, b, acc)
        stored += tl.num_programs(0)
        rows = (stored // num_n) * BM + tl.arange(0, BM)
        cols = (stored % num_n) * BN + tl.arange(0, BN)
        tl.store(c_ptr + rows[:, None] * scm + cols[None, :] * scn, acc, mask=(rows[:, None] < m) & (cols[None, :] < n))


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **MM, consts={"BM": 32, "BN": 16, "BK": 16}, grid=(6,))
@triton.jit
def stored_one_tile_too_late(  # refuted
    a_ptr, b_ptr, c_ptr, m, n, k, sam, sak, sbk, sbn, scm, scn, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr  # error[coverage-gap]
):
    num_n = tl.cdiv(n, BN)
    tiles = tl.cdiv(m, BM) * num_n
    stored = tl.program_id(0)
    for tile in tl.range(tl.program_id(0), tiles, tl.num_programs(0)):
        rows = (tile // num_n) * BM + tl.arange(0, BM)
        cols = (tile % num_n) * BN + tl.arange(0, BN)
        inner = tl.arange(0, BK)
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for ki in range(0, k, BK):
            kk = ki + inner
            a = tl.load(a_ptr + rows[:, None] * sam + kk[None, :] * sak, mask=(rows[:, None] < m) & (kk[None, :] < k), other=0.0)
            b = tl.load(b_ptr + kk[:, None] * sbk + cols[None, :] * sbn, mask=(kk[:, None] < k) & (cols[None, :] < n), other=0.0)
            acc = tl.dot(a, b, acc)
        stored += tl.num_programs(0)
        rows = (stored // num_n) * BM + tl.arange(0, BM)
        cols = (stored % num_n) * BN + tl.arange(0, BN)
        tl.store(c_ptr + rows[:, None] * scm + cols[None, :] * scn, acc, mask=(rows[:, None] < m) & (cols[None, :] < n))


@kernel({"out_ptr": "2 * X:N"}, **V, grid=(SMS,))
@triton.jit
def any_number_of_programs(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    for tile in range(tl.program_id(0), tl.cdiv(n, BLOCK), tl.num_programs(0)):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)


@kernel({"out_ptr": "2 * X:N"}, **V, grid=(SMS,))
@triton.jit
def one_tile_less(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: never written
    for tile in range(tl.program_id(0), tl.cdiv(n, BLOCK) - 1, tl.num_programs(0)):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        tl.store(out_ptr + o, 2 * tl.load(x_ptr + o, mask=o < n), mask=o < n)  # error[coverage-gap]


# The number of the program is not that of the tile, and not the number of the program that has the tile.
@kernel({"out_ptr": "X:N"}, **V, grid=(3,))
@triton.jit
def program_beside_the_tile(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    pid = tl.program_id(0)
    for tile in range(pid, tl.cdiv(n, BLOCK), 3):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n) + (tile - pid), mask=o < n)


@kernel({"out_ptr": "X:N"}, **V, grid=(4,))
@triton.jit
def more_programs_than_it_steps(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: write the same element
    for tile in range(tl.program_id(0), tl.cdiv(n, BLOCK), 3):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)  # error[race]  # warning[unsupported]


# Neighbouring tiles overlap in one element; which program comes last is open.
@kernel({"out_ptr": "X:N"}, **V, grid=(3,))
@triton.jit
def tiles_that_overlap(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    for tile in range(tl.program_id(0), tl.cdiv(n, BLOCK - 1), tl.num_programs(0)):
        o = tile * (BLOCK - 1) + tl.arange(0, BLOCK)
        tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)  # error[race]  # warning[unsupported]


@kernel({"out_ptr": "exp(X:B N)"}, inputs={"x_ptr": "X:B N"}, scalars={"n": N}, consts={"BLOCK": 16}, grid=(SMS, B))
@triton.jit
def dealt_along_one_axis(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    row = tl.program_id(1)
    for tile in range(tl.program_id(0), tl.cdiv(n, BLOCK), tl.num_programs(0)):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n + o, mask=o < n, other=0.0)
        tl.store(out_ptr + row * n + o, tl.exp(x), mask=o < n)


# Rows of a normalisation dealt out to a fixed number of programs.
@kernel({"out_ptr": "softmax[N](X:B N)"}, inputs={"x_ptr": "X:B N"}, scalars={"rows": B, "n": N}, consts={"BLOCK": 64}, grid=(SMS,))
@triton.jit
def rows_dealt_out(x_ptr, out_ptr, rows, n, BLOCK: tl.constexpr):  # proved
    for row in tl.range(tl.program_id(0), rows, tl.num_programs(0), num_stages=2):
        m = -float("inf")
        total = 0.0
        for start in range(0, n, BLOCK):
            c = start + tl.arange(0, BLOCK)
            x = tl.load(x_ptr + row * n + c, mask=c < n, other=-float("inf"))
            new = tl.maximum(m, tl.max(x, 0))
            total = total * tl.exp(m - new) + tl.sum(tl.exp(x - new), 0)
            m = new
        for start in range(0, n, BLOCK):
            c = start + tl.arange(0, BLOCK)
            x = tl.load(x_ptr + row * n + c, mask=c < n, other=0.0)
            tl.store(out_ptr + row * n + c, tl.exp(x - m) / total, mask=c < n)


# Both loops begin with the same id: a program comes to the pairs of tiles that lie a multiple of the programs apart.
@kernel({"out_ptr": "X:B + Y:N"}, inputs={"x_ptr": "X:B", "y_ptr": "Y:N"}, scalars={"b": B, "n": N}, grid=(3,))
@triton.jit
def dealt_twice_by_one_id(x_ptr, y_ptr, out_ptr, b, n):  # refuted
    for row in range(tl.program_id(0), b, tl.num_programs(0)):
        x = tl.load(x_ptr + row)
        for column in range(tl.program_id(0), n, tl.num_programs(0)):
            tl.store(out_ptr + row * n + column, x + tl.load(y_ptr + column))  # error[coverage-gap]


@kernel({"out_ptr": "X:B + Y:N"}, inputs={"x_ptr": "X:B", "y_ptr": "Y:N"}, scalars={"b": B, "n": N}, grid=(3, SMS))
@triton.jit
def dealt_twice_by_two_ids(x_ptr, y_ptr, out_ptr, b, n):  # proved
    for row in range(tl.program_id(0), b, tl.num_programs(0)):
        x = tl.load(x_ptr + row)
        for column in range(tl.program_id(1), n, tl.num_programs(1)):
            tl.store(out_ptr + row * n + column, x + tl.load(y_ptr + column))


@kernel({"s_ptr": "S:B + sum[N](X:N)"}, inputs={"x_ptr": "X:N", "s_ptr": "S:B"}, scalars={"n": N, "b": B}, grid=(3,))
@triton.jit
def added_for_each_tile(x_ptr, s_ptr, n, b):  # proved
    for tile in range(tl.program_id(0), n, tl.num_programs(0)):
        x = tl.load(x_ptr + tile)
        for k in range(0, b):
            tl.atomic_add(s_ptr + k, x)


@kernel({"s_ptr": "S:B + sum[N](X:N)"}, inputs={"x_ptr": "X:N", "s_ptr": "S:B"}, scalars={"n": N, "b": B}, grid=(3,))
@triton.jit
def added_twice_for_each_tile(x_ptr, s_ptr, n, b):  # refuted
    for _ in range(2):
        for tile in range(tl.program_id(0), n, tl.num_programs(0)):
            x = tl.load(x_ptr + tile)
            for k in range(0, b):
                tl.atomic_add(s_ptr + k, x)


# What was made of the number of the program is not told by the tile.
@kernel({"out_ptr": "X:N"}, **V, grid=(SMS,))
@triton.jit
def value_of_the_program_beside_the_tile(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # unsupported: a value of the program beside the number of the tile
    pid = tl.program_id(0)
    own = pid.to(tl.float32)
    for tile in range(pid, tl.cdiv(n, BLOCK), tl.num_programs(0)):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + o, mask=o < n)
        tl.store(out_ptr + o, x + own - tile, mask=o < n)  # warning[unsupported]


@kernel({"s_ptr": "S:N + sum[B](X:B)"}, inputs={"x_ptr": "X:B", "s_ptr": "S:N"}, scalars={"n": N}, consts={"BLOCK": 16}, grid=(B,))
@triton.jit
def each_program_adds_to_the_tiles_of_others(x_ptr, s_ptr, n, BLOCK: tl.constexpr):  # refuted
    x = tl.load(x_ptr + tl.program_id(0))
    for tile in range(tl.program_id(0), tl.cdiv(n, BLOCK), tl.num_programs(0)):
        o = tile * BLOCK + tl.arange(0, BLOCK)
        tl.atomic_add(s_ptr + o, x + tl.zeros((BLOCK,), tl.float32), mask=o < n)
