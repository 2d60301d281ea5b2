"""Triton: wrong kernels that a reading of the text alone takes for right, each refuted with a witness."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

M, N, K = dim("M"), dim("N"), dim("K")
P, Q = dim("P", multiple_of=32), dim("Q", multiple_of=32)
HUGE = dim("HUGE", max=2**40)  # what no kernel names changes nothing

VECTOR = dict(inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts={"BLOCK": 16}, grid=lambda c: (cdiv(N, c["BLOCK"]),))
SQUARE = dict(inputs={"x_ptr": "X:P Q"}, scalars={"q": Q}, consts={"T": 32}, grid=(P // 32, Q // 32))
ROWS = dict(inputs={"x_ptr": "X:P Q", "c_ptr": "C:P"}, scalars={"q": Q}, consts={"T": 32}, grid=(P // 32, Q // 32))
PRODUCT = dict(
    inputs={"a_ptr": "A:M K", "b_ptr": "B:K N"},
    scalars={"m": M, "n": N, "k": K},
    consts={"BM": 32, "BN": 16, "BK": 16},
    grid=lambda c: (cdiv(M, c["BM"]), cdiv(N, c["BN"])),
)


@kernel({"out_ptr": "X:P Q"}, **SQUARE)
@triton.jit
def stores_another_tile(x_ptr, out_ptr, q, T: tl.constexpr):  # refuted
    rows, columns = tl.arange(0, T), tl.program_id(1) * T + tl.arange(0, T)
    x = tl.load(x_ptr + rows[:, None] * q + columns[None, :])
    rows += tl.program_id(0) * T
    tl.store(out_ptr + rows[:, None] * q + columns[None, :], x)


@kernel({"out_ptr": "X:N"}, **VECTOR)
@triton.jit
def negated_on_the_way(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + o, mask=o < n)
    x = -x
    tl.store(out_ptr + o, x, mask=o < n)


@kernel({"out_ptr": "X:N"}, **VECTOR)
@triton.jit
def program_id_is_replaced(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: write the same element
    pid = tl.program_id(0)
    pid = 0
    o = pid * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)  # error[race]  # warning[unsupported]


@kernel({"out_ptr": "X:P Q"}, **SQUARE)
@triton.jit
def transposed_on_the_way(x_ptr, out_ptr, q, T: tl.constexpr):  # refuted
    rows = tl.program_id(0) * T + tl.arange(0, T)
    columns = tl.program_id(1) * T + tl.arange(0, T)
    place = rows[:, None] * q + columns[None, :]
    tl.store(out_ptr + place, tl.trans(tl.load(x_ptr + place)))


@kernel({"out_ptr": "X:P Q"}, **SQUARE)
@triton.jit
def loads_a_transposed_tile(x_ptr, out_ptr, q, T: tl.constexpr):  # refuted
    rows = tl.program_id(0) * T + tl.arange(0, T)
    columns = tl.program_id(1) * T + tl.arange(0, T)
    x = tl.load(x_ptr + rows[None, :] * q + columns[:, None])
    tl.store(out_ptr + rows[:, None] * q + columns[None, :], x)


@kernel({"out_ptr": "X:P Q"}, **SQUARE)
@triton.jit
def stores_a_transposed_tile(x_ptr, out_ptr, q, T: tl.constexpr):  # refuted
    rows = tl.program_id(0) * T + tl.arange(0, T)
    columns = tl.program_id(1) * T + tl.arange(0, T)
    x = tl.load(x_ptr + rows[:, None] * q + columns[None, :])
    tl.store(out_ptr + rows[None, :] * q + columns[:, None], x)


@kernel({"out_ptr": "X:P Q * C:P"}, **ROWS)
@triton.jit
def scales_rows(x_ptr, c_ptr, out_ptr, q, T: tl.constexpr):  # proved
    rows = tl.program_id(0) * T + tl.arange(0, T)
    place = rows[:, None] * q + (tl.program_id(1) * T + tl.arange(0, T))[None, :]
    tl.store(out_ptr + place, tl.load(x_ptr + place) * tl.load(c_ptr + rows)[:, None])


@kernel({"out_ptr": "X:P Q * C:P"}, **ROWS)
@triton.jit
def scales_columns_instead(x_ptr, c_ptr, out_ptr, q, T: tl.constexpr):  # refuted
    rows = tl.program_id(0) * T + tl.arange(0, T)
    place = rows[:, None] * q + (tl.program_id(1) * T + tl.arange(0, T))[None, :]
    tl.store(out_ptr + place, tl.load(x_ptr + place) * tl.load(c_ptr + rows)[None, :])


@kernel({"out_ptr": "2 * X:P Q"}, inputs={"x_ptr": "X:P Q"}, scalars={"p": P, "q": Q}, consts={"T": 32}, grid=(P // 32,))
@triton.jit
def diagonal_tiles_only(x_ptr, out_ptr, p, q, T: tl.constexpr):  # refuted: never written
    rows = tl.program_id(0) * T + tl.arange(0, T)
    place = rows[:, None] * q + rows[None, :]
    inside = (rows < q)[None, :]
    tl.store(out_ptr + place, 2 * tl.load(x_ptr + place, mask=inside), mask=inside)  # error[coverage-gap]


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **PRODUCT)
@triton.jit
def drops_the_accumulator(a_ptr, b_ptr, c_ptr, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # refuted
    rows, columns = tl.program_id(0) * BM + tl.arange(0, BM), tl.program_id(1) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for start in range(0, k, BK):
        inner = start + tl.arange(0, BK)
        a_mask = (rows[:, None] < m) & (inner[None, :] < k)
        b_mask = (inner[:, None] < k) & (columns[None, :] < n)
        a = tl.load(a_ptr + rows[:, None] * k + inner[None, :], mask=a_mask, other=0.0)
        b = tl.load(b_ptr + inner[:, None] * n + columns[None, :], mask=b_mask, other=0.0)
        acc = tl.dot(a, b)
    mask = (rows[:, None] < m) & (columns[None, :] < n)
    tl.store(c_ptr + rows[:, None] * n + columns[None, :], acc, mask=mask)


@kernel({"c_ptr": "(A:M K, B:K N -> M N)"}, **PRODUCT)
@triton.jit
def one_tile_for_the_sum(a_ptr, b_ptr, c_ptr, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # refuted
    rows, columns = tl.program_id(0) * BM + tl.arange(0, BM), tl.program_id(1) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    a_mask = (rows[:, None] < m) & (inner[None, :] < k)
    b_mask = (inner[:, None] < k) & (columns[None, :] < n)
    a = tl.load(a_ptr + rows[:, None] * k + inner[None, :], mask=a_mask, other=0.0)
    b = tl.load(b_ptr + inner[:, None] * n + columns[None, :], mask=b_mask, other=0.0)
    mask = (rows[:, None] < m) & (columns[None, :] < n)
    tl.store(c_ptr + rows[:, None] * n + columns[None, :], tl.dot(a, b), mask=mask)


# With other constants than those that were meant: the grid counts tiles of 16.
FIXED = {**VECTOR, "grid": (cdiv(N, 16),)}


@kernel({"out_ptr": "X:N"}, **FIXED)
@triton.jit
def tiles_of_sixteen(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)


@kernel({"out_ptr": "X:N"}, **{**FIXED, "consts": {"BLOCK": 8}})
@triton.jit
def tiles_of_eight(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: never written
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + o, tl.load(x_ptr + o, mask=o < n), mask=o < n)  # error[coverage-gap]
