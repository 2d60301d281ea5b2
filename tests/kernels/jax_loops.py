"""Plain JAX: rolled loops, proved by induction over their rounds."""

import jax
import jax.numpy as jnp
from jax import lax

from stile_engine import dim, kernel

Q, N, D = dim("Q", 12), dim("N", 24), dim("D", 3)
T = 4
ATTENTION = "(softmax[N]((Qm:Q D, K:N D -> Q N)), V:N D -> Q D)"
CAUSAL = "(softmax[N where N <= Q]((Qm:Q D, K:N D -> Q N)), V:N D -> Q D)"


def empty(rows=12):
    return jnp.full((rows,), -jnp.inf), jnp.zeros((rows,)), jnp.zeros((rows, 3))


def tile(X, j):
    return lax.dynamic_slice(X, (j * T, 0), (T, 3))


def update(carry, s, v):
    m, l, acc = carry
    new = jnp.maximum(m, s.max(axis=1))
    scale = jnp.exp(m - new)
    p = jnp.exp(s - new[:, None])
    return new, l * scale + p.sum(axis=1), acc * scale[:, None] + p @ v  # error[dim-mismatch]: different parts of N


@kernel(ATTENTION)
def online_softmax(Qm, K, V):  # proved
    m, l, acc = lax.fori_loop(0, N // T, lambda j, c: update(c, Qm @ tile(K, j).T, tile(V, j)), empty())
    return acc / l[:, None]


@kernel(ATTENTION)
def last_tile_left_out(Qm, K, V):  # refuted: never visits
    m, l, acc = lax.fori_loop(0, N // T - 1, lambda j, c: update(c, Qm @ tile(K, j).T, tile(V, j)), empty())
    return acc / l[:, None]


@kernel(ATTENTION)
def sum_not_rescaled(Qm, K, V):  # refuted
    def body(j, carry):
        m, l, acc = carry
        s = Qm @ tile(K, j).T
        new = jnp.maximum(m, s.max(axis=1))
        p = jnp.exp(s - new[:, None])
        return new, l + p.sum(axis=1), acc * jnp.exp(m - new)[:, None] + p @ tile(V, j)

    m, l, acc = lax.fori_loop(0, N // T, body, empty())
    return acc / l[:, None]


@kernel(ATTENTION)
def values_of_the_tile_before(Qm, K, V):  # refuted
    m, l, acc = lax.fori_loop(0, N // T, lambda j, c: update(c, Qm @ tile(K, j).T, tile(V, (j + 5) % 6)), empty())
    return acc / l[:, None]


@kernel(ATTENTION)
def divided_in_every_round(Qm, K, V):  # proved
    def body(carry, blocks):
        m, l, out = carry
        k, v = blocks
        s = Qm @ k.T
        new = jnp.maximum(m, s.max(axis=1))
        p = jnp.exp(s - new[:, None])
        kept = l * jnp.exp(m - new)
        total = kept + p.sum(axis=1)
        return (new, total, (out * kept[:, None] + p @ v) / total[:, None]), None

    return lax.scan(body, empty(), (K.reshape(6, T, 3), V.reshape(6, T, 3)))[0][2]


@kernel(ATTENTION)
def backwards(Qm, K, V):  # proved
    def body(carry, blocks):
        k, v = blocks
        return update(carry, Qm @ k.T, v), None

    m, l, acc = lax.scan(body, empty(), (K.reshape(6, T, 3), V.reshape(6, T, 3)), reverse=True)[0]
    return acc / l[:, None]


def causal(Qm, K, V, rounds):
    def rows(i, out):
        q = lax.dynamic_slice(Qm, (i * T, 0), (T, 3))

        def body(j, carry):
            s = q @ tile(K, j).T
            visible = j * T + jnp.arange(T)[None, :] <= i * T + jnp.arange(T)[:, None]
            return update(carry, jnp.where(visible, s, -jnp.inf), tile(V, j))

        m, l, acc = lax.fori_loop(0, rounds(i), body, empty(T))
        return lax.dynamic_update_slice(out, acc / l[:, None], (i * T, 0))

    return lax.fori_loop(0, Q // T, rows, jnp.zeros((12, 3)))


@kernel(CAUSAL)
def causal_with_tiles_skipped(Qm, K, V):  # proved
    return causal(Qm, K, V, lambda i: i + 1)


@kernel(CAUSAL)
def causal_diagonal_tile_skipped(Qm, K, V):  # refuted
    return causal(Qm, K, V, lambda i: jnp.maximum(i, 1))


@kernel("mean[N](X:Q N)")
def running_mean(X):  # proved
    def body(j, carry):
        mean, count = carry
        x = lax.dynamic_slice(X, (0, j * T), (12, T))
        return mean + (x.sum(axis=1) - T * mean) / (count + T), count + T

    return lax.fori_loop(0, N // T, body, (jnp.zeros(12), 0.0))[0]


@kernel("mean[N](X:Q N)")
def running_mean_counts_late(X):  # refuted
    def body(j, carry):
        mean, count = carry
        x = lax.dynamic_slice(X, (0, j * T), (12, T))
        return mean + (x.sum(axis=1) - T * mean) / (count + T + 1), count + T

    return lax.fori_loop(0, N // T, body, (jnp.zeros(12), 0.0))[0]


@kernel("logsumexp[N](X:Q N)")
def streaming_logsumexp(X):  # proved
    def body(c, x):
        m = jnp.maximum(c, x.max(axis=1))
        return m + jnp.log(jnp.exp(c - m) + jnp.exp(x - m[:, None]).sum(axis=1)), None

    return lax.scan(body, jnp.full(12, -jnp.inf), X.reshape(12, 6, T).transpose(1, 0, 2))[0]


@kernel("(A:Q N, B:N D -> Q D)")
def matmul_over_k(A, B):  # proved
    def body(j, acc):
        return acc + lax.dynamic_slice(A, (0, j * T), (12, T)) @ tile(B, j)

    return lax.fori_loop(0, N // T, body, jnp.zeros((12, 3)))


@kernel("(A:Q N, B:N D -> Q D)")
def matmul_starts_at_the_second_tile(A, B):  # refuted: never visits
    def body(j, acc):
        return acc + lax.dynamic_slice(A, (0, j * T), (12, T)) @ tile(B, j)

    return lax.fori_loop(1, N // T, body, jnp.zeros((12, 3)))


@kernel("(A:Q N, B:N D -> Q D)")
def matmul_slice_clamped_at_the_end(A, B):  # refuted
    def body(j, acc):
        return acc + lax.dynamic_slice(A, (0, j * T + 1), (12, T)) @ lax.dynamic_slice(B, (j * T + 1, 0), (T, 3))

    return lax.fori_loop(0, N // T, body, jnp.zeros((12, 3)))


@kernel("sum[N](X:Q N where N <= Q)")
def rows_end_at_the_diagonal(X):  # proved
    def body(j, acc):
        x = lax.dynamic_slice(X, (0, j * T), (12, T))
        visible = j * T + jnp.arange(T)[None, :] <= jnp.arange(12)[:, None]
        return acc + jnp.where(visible, x, 0.0).sum(axis=1)

    return lax.fori_loop(0, Q // T, body, jnp.zeros(12))


@kernel("max[N](X:Q N)")
def while_with_a_condition(X):  # proved
    def body(carry):
        j, best = carry
        return j + 1, jnp.maximum(best, lax.dynamic_slice(X, (0, j * T), (12, T)).max(axis=1))

    return lax.while_loop(lambda c: c[0] * T < N, body, (0, jnp.full(12, -jnp.inf)))[1]


@kernel("exp(X:Q N)")
def every_round_writes_its_columns(X):  # proved
    def body(j, out):
        return lax.dynamic_update_slice(out, jnp.exp(lax.dynamic_slice(X, (0, j * T), (12, T))), (0, j * T))

    return lax.fori_loop(0, N // T, body, jnp.zeros((12, 24)))


@kernel("exp(X:Q N)")
def every_second_tile_written(X):  # refuted
    def body(j, out):
        return lax.dynamic_update_slice(out, jnp.exp(lax.dynamic_slice(X, (0, 2 * j * T), (12, T))), (0, 2 * j * T))

    return lax.fori_loop(0, N // T // 2, body, jnp.zeros((12, 24)))


@kernel("X:Q * 2")
def what_the_last_round_leaves(X):  # proved
    return lax.fori_loop(0, 5, lambda i, c: X * 2, jnp.zeros(12))


@kernel("X:Q * 32")
def doubled_five_times(X):  # proved
    return lax.fori_loop(0, 5, lambda i, c: c + c, X)


@kernel("X:Q")
def no_round_at_all(X):  # proved
    return lax.fori_loop(3, 3, lambda i, c: c * 2, X)


@kernel("sum[N](X:Q N)")
def branch_on_the_round(X):  # proved
    def body(j, acc):
        x = lax.dynamic_slice(X, (0, j * T), (12, T)).sum(axis=1)
        return lax.cond(j == 0, lambda: x, lambda: acc + x)

    return lax.fori_loop(0, N // T, body, jnp.full(12, 7.0))


@kernel("sum[N](X:Q N)")
def branch_on_the_wrong_round(X):  # refuted
    def body(j, acc):
        x = lax.dynamic_slice(X, (0, j * T), (12, T)).sum(axis=1)
        return lax.cond(j == 1, lambda: x, lambda: acc + x)

    return lax.fori_loop(0, N // T, body, jnp.zeros(12))


@kernel("sum[N](X:Q N)")
def nested_over_elements(X):  # proved
    def tiles(j, acc):
        return lax.fori_loop(0, T, lambda k, a: a + X[:, j * T + k], acc)

    return lax.fori_loop(0, N // T, tiles, jnp.zeros(12))


@kernel("mean[N]((X:Q N - mean[N](X:Q N)) ** 2)")
def welford(X):  # proved
    def body(carry, x):
        count, mean, squares = carry
        distance = x - mean
        new = mean + distance / (count + 1)
        return (count + 1, new, squares + distance * (x - new)), None

    return lax.scan(body, (0.0, jnp.zeros(12), jnp.zeros(12)), X.T)[0][2] / 24


@kernel("mean[N]((X:Q N - mean[N](X:Q N)) ** 2)")
def welford_with_the_old_mean_twice(X):  # refuted
    def body(carry, x):
        count, mean, squares = carry
        distance = x - mean
        return (count + 1, mean + distance / (count + 1), squares + distance * distance), None

    return lax.scan(body, (0.0, jnp.zeros(12), jnp.zeros(12)), X.T)[0][2] / 24


@kernel("max[N](abs(X:Q N))")
def largest_magnitude(X):  # proved
    return lax.fori_loop(0, 24, lambda i, c: jnp.maximum(c, jnp.abs(X[:, i])), jnp.zeros(12))


@kernel("max[D](X:Q D)")
def largest_but_not_below_zero(X):  # refuted
    return lax.fori_loop(0, 3, lambda i, c: jnp.maximum(c, X[:, i]), jnp.zeros(12))


@kernel("prod[N](X:Q N)")
def product(X):  # proved
    return lax.scan(lambda c, x: (c * x, None), jnp.ones(12), X.T)[0]


@kernel("(softmax[N](20 * tanh((Qm:Q D, K:N D -> Q N) / 20)), V:N D -> Q D)")
def soft_cap(Qm, K, V):  # proved
    def body(j, c):
        return update(c, 20 * jnp.tanh(Qm @ tile(K, j).T / 20), tile(V, j))

    m, l, acc = lax.fori_loop(0, N // T, body, empty())
    return acc / l[:, None]


@kernel(
    "let S = (Qm:Q D, K:N D -> Q N) in "
    "(exp(S - max[N](S)), V:N D -> Q D) / (sum[N](exp(S - max[N](S))) + exp(Z:Q - max[N](S)))"
)
def attention_sink(Qm, K, V, Z):  # proved
    start = Z, jnp.ones(12), jnp.zeros((12, 3))
    m, l, acc = lax.fori_loop(0, N // T, lambda j, c: update(c, Qm @ tile(K, j).T, tile(V, j)), start)
    return acc / l[:, None]


@kernel(ATTENTION)
def split_keys(Qm, K, V):  # proved
    def part(low):
        def body(j, c):
            return update(c, Qm @ tile(K, low + j).T, tile(V, low + j))

        m, l, acc = lax.fori_loop(0, 3, body, empty())
        return m + jnp.log(l), acc / l[:, None]

    (first, a), (second, b) = part(0), part(3)
    m = jnp.maximum(first, second)
    wa, wb = jnp.exp(first - m), jnp.exp(second - m)
    return (wa[:, None] * a + wb[:, None] * b) / (wa + wb)[:, None]


@kernel(ATTENTION)
def split_keys_that_overlap(Qm, K, V):  # refuted
    def part(low):
        def body(j, c):
            return update(c, Qm @ tile(K, low + j).T, tile(V, low + j))

        m, l, acc = lax.fori_loop(0, 3, body, empty())
        return m + jnp.log(l), acc / l[:, None]

    (first, a), (second, b) = part(0), part(2)
    m = jnp.maximum(first, second)
    wa, wb = jnp.exp(first - m), jnp.exp(second - m)
    return (wa[:, None] * a + wb[:, None] * b) / (wa + wb)[:, None]


@kernel("sum[N where N <= Q]((X:N -> Q N))")
def each_element_from_the_one_before(X):  # proved
    return lax.fori_loop(0, 12, lambda i, out: out.at[i].set(jnp.where(i > 0, out[i - 1], 0.0) + X[i]), jnp.zeros(12))


@kernel("sum[N where N <= Q]((X:N -> Q N))")
def each_element_from_the_one_before_that(X):  # refuted
    return lax.fori_loop(0, 12, lambda i, out: out.at[i].set(jnp.where(i > 1, out[i - 2], 0.0) + X[i]), jnp.zeros(12))


@kernel("2 * X:Q D")
def rows_written_side_by_side(X):  # proved
    return lax.fori_loop(0, 3, lambda i, out: out.at[jnp.arange(4) + 4 * i].set(2 * X[jnp.arange(4) + 4 * i]), 0 * X)


@kernel("(softmax[N]((Qm:Q D, K:N D -> Q N) / sqrt(size(D))), V:N D -> Q D)")
def scores_scaled_by_a_root(Qm, K, V):  # proved
    q = Qm / jnp.sqrt(3.0)
    m, l, acc = lax.fori_loop(0, N // T, lambda j, c: update(c, q @ tile(K, j).T, tile(V, j)), empty())
    return acc / l[:, None]


@kernel("max[N](X:Q N) / 2")
def largest_half(X):  # proved
    return lax.fori_loop(0, 24, lambda i, c: jnp.maximum(c, X[:, i] / 2), jnp.full(12, -jnp.inf))


@kernel("max[N](X:Q N) / 2")
def halved_in_every_round(X):  # refuted
    return lax.fori_loop(0, 24, lambda i, c: jnp.maximum(c, X[:, i]) / 2, jnp.full(12, -jnp.inf))
