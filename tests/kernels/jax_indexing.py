"""JAX: integers that are data, as indices and in conditions."""

import jax.numpy as jnp
from jax import lax

from stile_engine import dim, kernel

T, S, D, E, F, N = dim("T", 5), dim("S", 7), dim("D", 2), dim("E", 3), dim("F", 2), dim("N", 6)
n, q, b = dim("n", 6), dim("q", 2), dim("b", 3)


@kernel("gather[E](W:E D, eid:T)", assume="eid in E")
def embedding(W, eid):  # proved
    return W[eid]


@kernel("gather[E](W:E D, eid:T)", assume="eid in E")
def embedding_by_take(W, eid):  # proved
    return jnp.take(W, eid, axis=0)


@kernel("gather[E](W:E D, eid:T)", assume="eid in E")
def embedding_of_another_row(W, eid):  # refuted
    return W[(eid + 1) % E]


@kernel("gather[D](W:E D, did:T)", assume="did in D")
def columns(W, did):  # proved
    return W[:, did]


@kernel("gather[N](X:N, I:N)", assume="I in N")
def own_dim(X, I):  # proved
    return X[I]


@kernel("X:N + 0 * gather[N](X:N, I:N)", assume="I in N")
def own_dim_as_constant(X, I):  # refuted
    return X[I]


@kernel("X:N + 0 * gather[N](X:N, I:N)", assume="I permutation of N")
def round_trip(X, I):  # proved
    return jnp.zeros(N).at[I].set(X)[I]


@kernel("scatter[S](Kp:T D, pos:T, cache:S D)", assume=["pos unique", "pos in S"])
def cache_write(Kp, pos, cache):  # proved
    return cache.at[pos].set(Kp)


@kernel("scatter[S](Kp:T D, pos:T, cache:S D)", assume=["pos unique", "pos in S"])
def cache_write_added(Kp, pos, cache):  # refuted
    return cache.at[pos].add(Kp)


@kernel("scatter[S, sum](X:T, pos:T, Y:S)", assume="pos in S")
def added_up(X, pos, Y):  # proved
    return Y.at[pos].add(X)


@kernel("scatter[S, sum](X:T, pos:T, Y:S)", assume="pos in S")
def overwritten_instead_of_added(X, pos, Y):  # refuted
    return Y.at[pos].set(Y[pos] + X)


@kernel("scatter[S, max](X:T, pos:T, Y:S)", assume="pos in S")
def greatest(X, pos, Y):  # proved
    return Y.at[pos].max(X)


@kernel(
    "let Kn = gather[S](K:S D, slot:n) in let Vn = gather[S](V:S D, slot:n) in"
    " (softmax[n]((Q:q D, Kn -> q n)), Vn -> q D)",
    assume="slot in S",
)
def paged_attention(Q, K, V, slot):  # proved
    s = Q @ K[slot].T
    w = jnp.exp(s - s.max(axis=1, keepdims=True))
    return (w / w.sum(axis=1, keepdims=True)) @ V[slot]


@kernel(
    "let Kn = gather[S](K:S D, slot:n) in let Vn = gather[S](V:S D, slot:n) in"
    " (softmax[n]((Q:q D, Kn -> q n)), Vn -> q D)",
    assume="slot in S",
)
def paged_attention_with_unpaged_values(Q, K, V, slot):  # refuted
    s = Q @ K[slot].T
    w = jnp.exp(s - s.max(axis=1, keepdims=True))
    return (w / w.sum(axis=1, keepdims=True)) @ V[: slot.shape[0]]  # error[dim-mismatch]: S[0:6]


@kernel("softmax[n where n < len:b](X:b n)", assume=["len:b <= 6", "len:b >= 1"])
def ragged_softmax(X, len):  # proved
    mask = jnp.arange(n)[None, :] < len[:, None]
    s = jnp.where(mask, X, -jnp.inf)
    w = jnp.exp(s - s.max(axis=1, keepdims=True))
    return w / w.sum(axis=1, keepdims=True)


@kernel("softmax[n where n < len:b](X:b n)", assume=["len:b <= 6", "len:b >= 1"])
def ragged_softmax_off_by_one(X, len):  # refuted
    mask = jnp.arange(n)[None, :] <= len[:, None]
    s = jnp.where(mask, X, -jnp.inf)
    w = jnp.exp(s - s.max(axis=1, keepdims=True))
    return w / w.sum(axis=1, keepdims=True)


@kernel("sum[n where seg:b == segk:n](X:b n)")
def segments(X, seg, segk):  # proved
    return jnp.where(seg[:, None] == segk[None, :], X, 0).sum(axis=1)


@kernel("sum[n where seg:b == segk:n](X:b n)")
def segments_turned_round(X, seg, segk):  # refuted
    return jnp.where(seg[:, None] != segk[None, :], X, 0).sum(axis=1)


@kernel("relu(X:N)")
def relu_by_a_mask(X):  # proved
    return jnp.where(X > 0, X, 0)


@kernel("relu(X:N)")
def relu_of_the_wrong_side(X):  # refuted
    return jnp.where(X < 0, X, 0)


@kernel("maximum(X:N, Y:N)")
def larger_by_a_mask(X, Y):  # proved
    return lax.select(X >= Y, X, Y)


@kernel("where(X:N > 1, 2 * X:N, X:N)")
def doubled_above_one(X):  # proved
    return jnp.where(~(X <= 1), X + X, X)
