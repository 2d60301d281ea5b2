"""Typed Triton: kernels over slices of dims, and those that a first reading of such kernels once took for right."""

import triton
import triton.language as tl

import stile_engine.triton as ttl
from stile_engine import cdiv, dim

M, N, K = dim("M"), dim("N"), dim("K")
P, Q = dim("P", multiple_of=32), dim("Q", multiple_of=32)
V, D = dim("V"), dim("D", 16)

VECTOR = dict(inputs={"x_ptr": "X:N"}, out_shape=(N,), consts={"BLOCK": 16}, grid=lambda c: (cdiv(N, c["BLOCK"]),))
PRODUCT = dict(
    inputs={"a_ptr": "A:M K", "b_ptr": "B:K N"},
    out_shape=(M, N),
    consts={"BM": 32, "BN": 16, "BK": 16},
    grid=lambda c: (cdiv(M, c["BM"]), cdiv(N, c["BN"])),
)
SQUARE = dict(inputs={"x_ptr": "X:P Q"}, out_shape=(P, Q), consts={"T": 32}, grid=(P // 32, Q // 32))


@triton.jit
def doubled(x):
    return x + x


@ttl.jit(spec="2 * X:N", **VECTOR)
def vector(x_ptr, out_ptr, BLOCK: tl.constexpr):  # proved
    start = tl.program_id(0) * BLOCK
    x = ttl.load(x_ptr, N[start : start + BLOCK])
    ttl.store(out_ptr, doubled(x), N[start : start + BLOCK])


@ttl.jit(spec="X:N + 1", **VECTOR)
def slice_by_products(x_ptr, out_ptr, BLOCK: tl.constexpr):  # proved
    i = tl.program_id(0)
    end = (i + 1) * BLOCK
    ttl.store(out_ptr, ttl.load(x_ptr, N[i * BLOCK : end]) + 1, N[BLOCK * i : end])


@ttl.jit(spec="(A:M K, B:K N -> M N)", **PRODUCT)
def matmul(a_ptr, b_ptr, c_ptr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # proved
    m, n = tl.program_id(0) * BM, tl.program_id(1) * BN
    acc = ttl.zeros(M[m : m + BM], N[n : n + BN])
    for k in ttl.range(0, K, BK, invariant={"acc": "(A:M K[0:k], B:K[0:k] N -> M N)"}):
        a = ttl.load(a_ptr, M[m : m + BM], K[k : k + BK], other=0.0)
        b = ttl.load(b_ptr, K[k : k + BK], N[n : n + BN], other=0.0)
        acc += tl.dot(a, b)
    ttl.store(c_ptr, acc, M[m : m + BM], N[n : n + BN])


@ttl.jit(spec="(A:M K, B:K N -> M N)", **PRODUCT)
def claims_too_much(a_ptr, b_ptr, c_ptr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # refuted: the invariant does not say
    m, n = tl.program_id(0) * BM, tl.program_id(1) * BN
    acc = ttl.zeros(M[m : m + BM], N[n : n + BN])
    for k in ttl.range(0, K, BK, invariant={"acc": "(A:M K[0:k + 1], B:K[0:k + 1] N -> M N)"}):  # error[invariant-base]  # error[invariant-step]
        a = ttl.load(a_ptr, M[m : m + BM], K[k : k + BK], other=0.0)
        b = ttl.load(b_ptr, K[k : k + BK], N[n : n + BN], other=0.0)
        acc += tl.dot(a, b)
    ttl.store(c_ptr, acc, M[m : m + BM], N[n : n + BN])


@ttl.jit(spec="where(Q <= P, X:P Q, 0)", **SQUARE)
def triangle(x_ptr, out_ptr, T: tl.constexpr):  # proved
    a, b = tl.program_id(0) * T, tl.program_id(1) * T
    x = ttl.load(x_ptr, P[a : a + T], Q[b : b + T])
    below = ttl.mask(P[a : a + T], Q[b : b + T], predicate="Q <= P")
    ttl.store(out_ptr, x * below, P[a : a + T], Q[b : b + T])


@ttl.jit(spec="where(Q <= P, X:P Q, 0)", **SQUARE)
def strict_triangle(x_ptr, out_ptr, T: tl.constexpr):  # refuted
    a, b = tl.program_id(0) * T, tl.program_id(1) * T
    x = ttl.load(x_ptr, P[a : a + T], Q[b : b + T])
    below = ttl.mask(P[a : a + T], Q[b : b + T], predicate="Q < P")
    ttl.store(out_ptr, x * below, P[a : a + T], Q[b : b + T])


@ttl.jit(spec="max[Q](X:P Q)", inputs={"x_ptr": "X:P Q"}, out_shape=(P,), consts={"T": 32}, grid=(P // 32,))
def row_maximum(x_ptr, out_ptr, T: tl.constexpr):  # proved
    a = tl.program_id(0) * T
    best = ttl.full(P[a : a + T], value=-float("inf"))
    for b in ttl.range(0, Q, T):
        best = tl.maximum(best, tl.max(ttl.load(x_ptr, P[a : a + T], Q[b : b + T]), 1))
    ttl.store(out_ptr, best, P[a : a + T])


@ttl.jit(spec=["sum[D](X:N D)", "2 * X:N D"], inputs={"x_ptr": "X:N D"}, out_shape=[(N,), (N, D)], grid=(N,))
def two_outputs(x_ptr, sum_ptr, out_ptr):  # proved
    i = tl.program_id(0)
    x = ttl.load(x_ptr, N[i : i + 1], D)
    ttl.store(sum_ptr, tl.sum(x, 1), N[i : i + 1])
    ttl.store(out_ptr, 2 * x, N[i : i + 1], D)


@ttl.jit(
    spec="gather[V](X:V D, ids:N)", inputs={"x_ptr": "X:V D", "ids_ptr": "ids:N"}, out_shape=(N, D), grid=(N,), assume="ids in V"
)
def rows_of_a_table(x_ptr, ids_ptr, out_ptr):  # proved
    i = tl.program_id(0)
    ids = ttl.load(ids_ptr, N[i : i + 1])
    table = ttl.load(x_ptr, V, D)
    ttl.store(out_ptr, ttl.gather(table, V, ids), N[i : i + 1], D)


@ttl.jit(
    spec="gather[V](X:V D, ids:N)", inputs={"x_ptr": "X:V D", "ids_ptr": "ids:N"}, out_shape=(N, D), grid=(N,), assume="ids in V"
)
def a_table_read_in_place(x_ptr, ids_ptr, out_ptr):  # refuted: counts from the start of the dim
    i = tl.program_id(0)
    table = ttl.load(x_ptr, V[i : i + 16], D)
    ttl.store(out_ptr, ttl.gather(table, V, ttl.load(ids_ptr, N[i : i + 1])), N[i : i + 1], D)  # error[dim-mismatch]


# -- what a reading of the text alone takes for right ------------------------------------------


@ttl.jit(spec="X:P Q", **SQUARE)
def stores_another_tile(x_ptr, out_ptr, T: tl.constexpr):  # refuted
    a, b = tl.program_id(0) * T, tl.program_id(1) * T
    x = ttl.load(x_ptr, P[0:T], Q[b : b + T])
    ttl.store(out_ptr, x, P[a : a + T], Q[b : b + T])


@ttl.jit(spec="X:N", **VECTOR)
def negated_on_the_way(x_ptr, out_ptr, BLOCK: tl.constexpr):  # refuted
    start = tl.program_id(0) * BLOCK
    x = ttl.load(x_ptr, N[start : start + BLOCK])
    x = -x
    ttl.store(out_ptr, x, N[start : start + BLOCK])


@ttl.jit(spec="X:N", **VECTOR)
def program_id_is_replaced(x_ptr, out_ptr, BLOCK: tl.constexpr):  # refuted: write the same element
    i = tl.program_id(0)
    i = 0
    x = ttl.load(x_ptr, N[i * BLOCK : i * BLOCK + BLOCK])
    ttl.store(out_ptr, x, N[i * BLOCK : i * BLOCK + BLOCK])  # error[race]  # warning[unsupported]


@ttl.jit(spec="X:P Q", **SQUARE)
def transposed_on_the_way(x_ptr, out_ptr, T: tl.constexpr):  # refuted
    a, b = tl.program_id(0) * T, tl.program_id(1) * T
    ttl.store(out_ptr, tl.trans(ttl.load(x_ptr, P[a : a + T], Q[b : b + T])), P[a : a + T], Q[b : b + T])


@ttl.jit(spec="X:P Q", **SQUARE)
def loads_with_swapped_dims(x_ptr, out_ptr, T: tl.constexpr):  # refuted: a slice is of the dim of its axis
    a, b = tl.program_id(0) * T, tl.program_id(1) * T
    x = ttl.load(x_ptr, Q[b : b + T], P[a : a + T])  # error[dim-mismatch]
    ttl.store(out_ptr, x, P[a : a + T], Q[b : b + T])


@ttl.jit(spec="X:P Q", **SQUARE)
def stores_with_swapped_dims(x_ptr, out_ptr, T: tl.constexpr):  # refuted: a slice is of the dim of its axis
    a, b = tl.program_id(0) * T, tl.program_id(1) * T
    x = ttl.load(x_ptr, P[a : a + T], Q[b : b + T])
    ttl.store(out_ptr, x, Q[b : b + T], P[a : a + T])  # error[dim-mismatch]


@ttl.jit(
    spec="X:P Q * C:P", inputs={"x_ptr": "X:P Q", "c_ptr": "C:P"}, out_shape=(P, Q), consts={"T": 32}, grid=(P // 32, Q // 32)
)
def scales_rows(x_ptr, c_ptr, out_ptr, T: tl.constexpr):  # proved
    a, b = tl.program_id(0) * T, tl.program_id(1) * T
    c = ttl.load(c_ptr, P[a : a + T])
    ttl.store(out_ptr, ttl.load(x_ptr, P[a : a + T], Q[b : b + T]) * c[:, None], P[a : a + T], Q[b : b + T])


@ttl.jit(
    spec="X:P Q * C:P", inputs={"x_ptr": "X:P Q", "c_ptr": "C:P"}, out_shape=(P, Q), consts={"T": 32}, grid=(P // 32, Q // 32)
)
def scales_columns_instead(x_ptr, c_ptr, out_ptr, T: tl.constexpr):  # refuted
    a, b = tl.program_id(0) * T, tl.program_id(1) * T
    c = ttl.load(c_ptr, P[a : a + T])
    ttl.store(out_ptr, ttl.load(x_ptr, P[a : a + T], Q[b : b + T]) * c[None, :], P[a : a + T], Q[b : b + T])


@ttl.jit(spec="2 * X:P Q", inputs={"x_ptr": "X:P Q"}, out_shape=(P, Q), consts={"T": 32}, grid=(P // 32,))
def diagonal_tiles_only(x_ptr, out_ptr, T: tl.constexpr):  # refuted
    i = tl.program_id(0) * T
    x = ttl.load(x_ptr, P[i : i + T], Q[i : i + T])  # error[out-of-bounds]
    ttl.store(out_ptr, 2 * x, P[i : i + T], Q[i : i + T])  # error[out-of-bounds]  # error[coverage-gap]


@ttl.jit(spec="(A:M K, B:K N -> M N)", **PRODUCT)
def drops_the_accumulator(a_ptr, b_ptr, c_ptr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # refuted
    m, n = tl.program_id(0) * BM, tl.program_id(1) * BN
    acc = ttl.zeros(M[m : m + BM], N[n : n + BN])
    for k in ttl.range(0, K, BK):
        a = ttl.load(a_ptr, M[m : m + BM], K[k : k + BK], other=0.0)
        b = ttl.load(b_ptr, K[k : k + BK], N[n : n + BN], other=0.0)
        acc = tl.dot(a, b)
    ttl.store(c_ptr, acc, M[m : m + BM], N[n : n + BN])


@ttl.jit(spec="(A:M K, B:K N -> M N)", **PRODUCT)
def one_tile_for_the_sum(a_ptr, b_ptr, c_ptr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # refuted
    m, n = tl.program_id(0) * BM, tl.program_id(1) * BN
    a = ttl.load(a_ptr, M[m : m + BM], K[0:BK], other=0.0)
    b = ttl.load(b_ptr, K[0:BK], N[n : n + BN], other=0.0)
    ttl.store(c_ptr, tl.dot(a, b), M[m : m + BM], N[n : n + BN])


@ttl.jit(spec="sum[N](X:N)", inputs={"x_ptr": "X:N"}, out_shape=(), consts={"BLOCK": 16}, grid=(1,))
def lanes_past_the_end_count(x_ptr, out_ptr, BLOCK: tl.constexpr):  # refuted
    total = ttl.zeros(N[0:BLOCK])
    for start in ttl.range(0, N, BLOCK):
        total += ttl.load(x_ptr, N[start : start + BLOCK], other=1.0)
    ttl.store(out_ptr, tl.sum(total, 0))


@ttl.jit(spec="X:N", **VECTOR)
def a_slice_of_no_fixed_length(x_ptr, out_ptr, BLOCK: tl.constexpr):  # unsupported: not fixed when the kernel is compiled
    start = tl.program_id(0) * BLOCK
    x = ttl.load(x_ptr, N[0:start])  # warning[unsupported]
    ttl.store(out_ptr, x, N[start : start + BLOCK])


@ttl.jit(spec="X:N", **VECTOR)
def a_slice_that_is_negative(x_ptr, out_ptr, BLOCK: tl.constexpr):  # refuted: empty or negative
    start = tl.program_id(0) * BLOCK
    x = ttl.load(x_ptr, N[start : start - BLOCK])  # error[out-of-bounds]
    ttl.store(out_ptr, x, N[start : start + BLOCK])


@ttl.jit(spec="X:P", inputs={"x_ptr": "X:P"}, out_shape=(P,), consts={"T": 32}, grid=(P // 32,))
def a_tile_past_the_end(x_ptr, out_ptr, T: tl.constexpr):  # refuted: out of bounds
    i = tl.program_id(0) * T
    x = ttl.load(x_ptr, P[i + 1 : i + 1 + T])  # error[out-of-bounds]
    ttl.store(out_ptr, x, P[i : i + T])
