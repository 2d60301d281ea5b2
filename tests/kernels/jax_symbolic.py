"""Plain JAX over dims without a size: a proof holds for every size, a mistake is found at the smallest one."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from stile_engine import dim, kernel

N, M, L = dim("N", multiple_of=16), dim("M"), dim("L")
Q, D, F = dim("Q", 4), dim("D", 3), dim("F", 2)
T = 16
LOOKED_UP = np.array([100, 200])
MEAN = "mean[M](X:M D)"
SUM = "sum[N](X:N D)"
NORM = "X:M D * rsqrt(mean[D](X:M D ** 2) + 0.00001) * W:D"
ATTENTION = "(softmax[N]((A:Q D, K:N D -> Q N)), V:N D -> Q D)"
SHIFTED = "at[M := M - 1](X:M D) where M > 0"


@kernel(MEAN)
def mean(X):  # proved: for every M
    return jnp.mean(X, axis=0)


@kernel(MEAN)
def mean_over_the_padded_size(X):  # refuted
    return X.sum(axis=0) / ((X.shape[0] + T - 1) // T * T)


@kernel(MEAN)
def mean_over_the_other_axis(X):  # refuted
    return X.sum(axis=0) / X.shape[1]


@kernel(NORM)
def norm(X, W):  # proved
    return X * lax.rsqrt(jnp.mean(X * X, axis=-1, keepdims=True) + 1e-5) * W


@kernel(NORM)
def norm_over_all_rows(X, W):  # refuted
    return X * lax.rsqrt(jnp.mean(X * X) + 1e-5) * W


@kernel("softmax[M](X:M D)")
def softmax(X):  # proved
    e = jnp.exp(X - X.max(axis=0))
    return e / e.sum(axis=0)


@kernel("softmax[M](X:M D)")
def softmax_over_the_wrong_axis(X):  # refuted
    return jax.nn.softmax(X, axis=1)


@kernel(SUM)
def sum_by_tiles(X):  # proved
    def body(j, total):
        return total + lax.dynamic_slice(X, (j * T, 0), (T, 3)).sum(axis=0)

    return lax.fori_loop(0, X.shape[0] // T, body, jnp.zeros(3))


@kernel(SUM)
def sum_without_the_last_tile(X):  # refuted
    def body(j, total):
        return total + lax.dynamic_slice(X, (j * T, 0), (T, 3)).sum(axis=0)

    return lax.fori_loop(0, X.shape[0] // T - 1, body, jnp.zeros(3))


@kernel(SUM)
def sum_by_a_dim_of_the_module(X):  # proved
    def body(j, total):
        return total + lax.dynamic_slice(X, (j * T, 0), (T, 3)).sum(axis=0)

    return lax.fori_loop(0, N // T, body, jnp.zeros(3))


@kernel(SUM)
def sum_by_scan(X):  # proved
    return lax.scan(lambda total, x: (total + x.sum(axis=0), None), jnp.zeros(3), X.reshape(-1, T, 3))[0]


@kernel("sum[M](X:M D)")
def rows_left_after_whole_tiles(X):  # refuted
    tiles = X.shape[0] // T
    return X[: tiles * T].sum(axis=0)


@kernel("sum[M where M % 2 == 0](X:M D)")
def every_second_row(X):  # proved
    return jnp.where(jnp.arange(X.shape[0])[:, None] % 2 == 0, X, 0).sum(axis=0)


@kernel("sum[M where M % 2 == 0](X:M D)")
def every_second_row_of_an_even_size(X):  # refuted
    return lax.fori_loop(0, X.shape[0] // 2, lambda j, total: total + X[2 * j], jnp.zeros(3))


@kernel("sum[M where M > 0](X:M D)")
def a_loop_that_may_not_run(X):  # proved
    return lax.fori_loop(1, X.shape[0], lambda j, total: total + X[j], jnp.zeros(3))


@kernel("sum[M where M > 0](X:M D)")
def a_loop_that_always_runs(X):  # refuted
    return lax.while_loop(lambda c: c[0] < X.shape[0], lambda c: (c[0] + 1, c[1] + X[c[0]]), (1, X[0]))[1]


def update(carry, s, v):
    m, l, acc = carry
    new = jnp.maximum(m, s.max(axis=1))
    scale = jnp.exp(m - new)
    p = jnp.exp(s - new[:, None])
    return new, l * scale + p.sum(axis=1), acc * scale[:, None] + p @ v


def attend(A, K, V, first):
    def body(j, carry):
        k, v = (lax.dynamic_slice(X, (j * T, 0), (T, 3)) for X in (K, V))
        return update(carry, A @ k.T, v)

    start = jnp.full(4, -jnp.inf), jnp.zeros(4), jnp.zeros((4, 3))
    m, l, acc = lax.fori_loop(first, K.shape[0] // T, body, start)
    return acc / l[:, None]


@kernel(ATTENTION)
def attention(A, K, V):  # proved
    return attend(A, K, V, 0)


@kernel(ATTENTION)
def attention_without_the_first_tile(A, K, V):  # refuted
    return attend(A, K, V, 1)


@kernel("(softmax[N where N <= M]((A:M D, K:N D -> M N)), V:N D -> M D)")
def causal_attention_of_two_sizes(A, K, V):  # proved
    scores = A @ K.T
    rows, columns = jnp.arange(A.shape[0])[:, None], jnp.arange(K.shape[0])[None, :]
    return jax.nn.softmax(jnp.where(columns <= rows, scores, -jnp.inf), axis=1) @ V


@kernel("(softmax[N where N <= M]((A:M D, K:N D -> M N)), V:N D -> M D)")
def causal_attention_that_leaves_the_diagonal_out(A, K, V):  # refuted
    scores = A @ K.T
    rows, columns = jnp.arange(A.shape[0])[:, None], jnp.arange(K.shape[0])[None, :]
    return jax.nn.softmax(jnp.where(columns < rows, scores, -jnp.inf), axis=1) @ V


@kernel(SHIFTED)
def shifted(X):  # proved
    return jnp.zeros(X.shape).at[1:].set(X[:-1])


@kernel(SHIFTED)
def shifted_with_the_first_row(X):  # refuted
    return X.at[1:].set(X[:-1])


@kernel("(A:M D, B:F D -> M F)")
def product(A, B):  # proved
    return A @ B.T


@kernel("(A:M D, B:N D -> M N)")
def product_with_its_dims_exchanged(A, B):  # refuted
    return B @ A.T  # error[dim-mismatch]: (16, 1) and (1, 16)



@kernel("sum[M](X:M D)")
def a_size_that_python_looks_at(X):  # refuted
    if X.shape[0] > 4:
        return X[1:].sum(axis=0)
    return X.sum(axis=0)


@kernel("sum[M](X:M D)")
def a_right_size_that_python_looks_at(X):  # unknown: not shown for every size, only at M = 1; M = 2; M = 3
    if X.shape[0] > 4:
        return X[:4].sum(axis=0) + X[4:].sum(axis=0)
    return X.sum(axis=0)


@kernel(SUM)
def a_python_loop(X):  # unknown: a Python loop is written out round by round
    total = jnp.zeros(3)
    for j in range(0, X.shape[0], T):
        total = total + X[j : j + T].sum(axis=0)
    return total


@kernel("X:M D")
def a_size_compared_with_a_number(X):  # refuted
    if X.shape[0] == 5:
        return 2 * X
    return X


@kernel("X:M D")
def a_remainder_as_a_condition(X):  # refuted
    if X.shape[0] % 16:
        return 2 * X
    return X


@kernel("X:N D")
def a_remainder_that_is_known(X):  # proved
    if X.shape[0] % 16:
        return 2 * X
    return X


@kernel("X:M D")
def a_size_looked_up(X):  # unknown: a symbolic size in a set
    if X.shape[0] in {100, 200}:
        return 2 * X
    return X


@kernel("X:M D")
def a_size_asked_for_its_type(X):  # proved
    if isinstance(X.shape[0], int):
        return X
    return 2 * X


@kernel("X:M D")
def a_refusal_that_is_caught(X):  # unsupported # warning[unsupported]: catches exceptions
    try:
        rows = int(X.shape[0])
    except Exception:
        return X
    return X * rows


@kernel("X:M D")
def an_axis_that_is_one_at_one_size(X):  # refuted
    return jnp.squeeze(X[:, None, :])  # error[dim-mismatch]: size(M)=1


@kernel("softmax[L](X:M L)")
def softmax_of_two_sizes(X):  # proved
    return jax.nn.softmax(X, axis=1)


def from_the_second_tile(X, combine, first):
    def body(j, carry):
        return combine(carry, lax.dynamic_slice(X, (j * T, 0), (T, 3)))

    return lax.fori_loop(1, X.shape[0] // T, body, first)


@kernel(SUM)
def sum_that_starts_with_the_first_tile(X):  # proved
    return from_the_second_tile(X, lambda c, tile: c + tile.sum(axis=0), X[:T].sum(axis=0))


@kernel("max[N](X:N D)")
def maximum_that_starts_with_the_first_tile(X):  # proved
    return from_the_second_tile(X, lambda c, tile: jnp.maximum(c, tile.max(axis=0)), X[:T].max(axis=0))


@kernel("max[N](X:N D)")
def maximum_that_starts_with_the_first_row(X):  # refuted
    return from_the_second_tile(X, lambda c, tile: jnp.maximum(c, tile.max(axis=0)), X[0])


@kernel("X:M")
def a_size_compared_with_a_fraction(X):  # refuted
    return X * (2 if X.shape[0] == 5.0 else 1)


@kernel("X:M")
def a_size_looked_up_in_an_array(X):  # unknown: compare
    return 1 * X * (2 if X.shape[0] in LOOKED_UP else 1)


@kernel("X:M")
def a_size_as_text(X):  # unknown: a symbolic size as text
    return 1 * X * {"100": 2}.get(f"{X.shape[0]}", 1)


J = dim("J", N)


@kernel("sum[J where J <= N](at[N := J](X:N))", backend="jax")
def running_sums(X):  # proved
    return jnp.cumsum(X)


@kernel("sum[J where J < N](at[N := J](X:N))", backend="jax")
def running_sums_of_those_before(X):  # refuted
    return jnp.cumsum(X)


@kernel("where(N == size(N) - 1, 1, X:N)")
def last_element_set(X):  # proved
    return X.at[X.shape[0] - 1].set(1.0)


@kernel("where(N == size(N) - 1, 1, X:N)")
def second_to_last_element_set(X):  # refuted
    return X.at[X.shape[0] - 2].set(1.0)


@kernel("at[N := size(N) - 1](X:N)")
def last_element_by_size(X):  # proved
    return X[X.shape[0] - 1]


@kernel("X:N M")
def second_tile_of_a_tiled_array(X):  # proved
    return jnp.tile(X, (3, 2))[X.shape[0] : 2 * X.shape[0], : X.shape[1]]


@kernel("X:N M")
def tiled_array_from_one_row_too_far(X):  # refuted
    return jnp.tile(X, (3, 2))[X.shape[0] + 1 : 2 * X.shape[0] + 1, : X.shape[1]]


@kernel("X:N")
def rolled_back_by_a_part(X):  # proved
    return jnp.roll(jnp.roll(X, X.shape[0] // 2), -(X.shape[0] // 2))


@kernel("X:N")
def rolled_by_one_and_back(X):  # proved
    return jnp.roll(jnp.roll(X, 1), -1)


@kernel("X:M")
def rolled_by_one_also_where_there_is_one_element(X):  # unknown: not shown for every size
    return jnp.roll(jnp.roll(X, 1), -1)  # warning[not-proved]


@kernel("X:N")
def more_indices_than_axes(X):  # error: Too many indices
    return X[0, 0, 0]  # error[exception]
