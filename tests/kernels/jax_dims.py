"""Plain JAX: dims of one size that meet, rightly and by mistake."""

import jax
import jax.numpy as jnp
from jax import lax

from stile_engine import dim, kernel

M, K, N, E, T, H = dim("M", 8), dim("K", 8), dim("N", 6), dim("E", 16), dim("T", 12), dim("H", 2)
J = dim("J", 16)


@kernel("X:M K + B:K")
def bias_along_rows(X, B):  # refuted
    return X + B[:, None]  # error[dim-mismatch]: X runs along M where B[:, None] runs along K


@kernel("(X:M K, W:K N -> M N)")
def contraction_of_the_rows(X, W):  # refuted
    return jnp.matmul(X.T, W)  # error[dim-mismatch]: X.T runs along M and W runs along K, which are summed together


@kernel("softmax[K](X:M K)")
def normalised_over_queries(X):  # refuted
    weights = jnp.exp(X - X.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1)  # error[dim-mismatch]: weights.sum(axis=1) runs along M


@kernel("X:M K")
def returned_transposed(X):  # refuted
    return jnp.swapaxes(X, 0, 1)  # error[dim-mismatch]: K where the spec has M, M where the spec has K


@kernel("where(X:M K > 0, X:M K, 0)")
def chosen_by_a_transposed_mask(X):  # refuted
    return jnp.where(  # error[dim-mismatch]: these are different dims
        X.T > 0,
        X,
        0.0,
    )


@kernel("silu(X:M K) * G:M")
def gated_inside_jit(X, G):  # refuted
    @jax.jit
    def gate(x, g):
        return jax.nn.silu(x) * g  # error[dim-mismatch]: jax.nn.silu(x) runs along K where g runs along M

    return gate(X, G)


@kernel("X:M K * G:M")
def mapped_over_the_rows(X, G):  # proved
    return jax.vmap(lambda x, g: x * g)(X, G)


@kernel("X:M K * G:M")
def mapped_over_the_columns(X, G):  # refuted
    return jax.vmap(lambda x, g: x * g, in_axes=(1, None), out_axes=1)(X.T, G)  # error[dim-mismatch]: M


@kernel("(X:M K, Y:M K -> M)")
def summed_in_a_loop(X, Y):  # proved
    return lax.fori_loop(0, 8, lambda k, total: total + X[:, k] * Y[:, k], jnp.zeros(8))


@kernel("(X:M K, Y:M K -> M)")
def loop_over_the_wrong_axis(X, Y):  # refuted
    return lax.fori_loop(0, 8, lambda k, total: total + X[:, k] * Y[k], jnp.zeros(8))  # error[dim-mismatch]: Y[k]


@kernel("(X:M K, Y:M K -> M)")
def scanned_rows(X, Y):  # proved
    def step(carry, row):
        x, y = row
        return carry, jnp.dot(x, y)

    return lax.scan(step, 0.0, (X, Y))[1]


@kernel("(X:M K, Y:M K -> M)")
def scanned_against_columns(X, Y):  # refuted
    def step(carry, row):
        x, y = row
        return carry, jnp.dot(x, y)  # error[dim-mismatch]: these are different dims

    return lax.scan(step, 0.0, (X, Y.T))[1]


@kernel("(Q:M E, P:K E -> M K)")
def heads_apart(Q, P):  # proved
    q, p = (jnp.reshape(x, (8, 2, 8)).transpose(1, 0, 2) for x in (Q, P))
    return jnp.einsum("hqd,hkd->qk", q, p)


@kernel("(Q:M E, P:K E -> M K)")
def heads_split_in_two_ways(Q, P):  # refuted
    q = Q.reshape(8, 4, 4)
    p = P.reshape(8, 4, 4).swapaxes(1, 2)
    return jnp.einsum("qhd,khd->qk", q, p)  # error[dim-mismatch]: q runs along E%4 and p runs along E//4


@kernel("sum[T](X:T)")
def folded_in_halves(X):  # proved
    while X.shape[0] % 2 == 0:
        half = X.shape[0] // 2
        X = X[:half] + X[half:]
    return X.sum()


@kernel("(Q:M E, P:K E -> M K) + B:M")
def one_bias_for_each_key(Q, P, B):  # refuted
    scores = Q @ P.T
    return scores + B  # error[dim-mismatch]: scores runs along K where B runs along M


@kernel("where(J < 8, at[M := J % 8](X:M K), at[M := J % 8](Y:M K)) -> J K")
def one_above_the_other(X, Y):  # proved
    return jnp.concatenate([X, Y])


@kernel("where(J < 8, at[M := J % 8](X:M K), at[M := J % 8](Y:M K)) -> J K")
def one_above_the_other_transposed(X, Y):  # refuted
    return jnp.concatenate([X, Y.T])  # error[dim-mismatch]: these are different dims


@kernel("where(M < 4, Y:M K, X:M K)")
def upper_half_replaced(X, Y):  # proved
    return X.at[:4].set(Y[:4])


@kernel("where(M < 4, Y:M K, X:M K)")
def upper_half_replaced_by_columns(X, Y):  # refuted
    return X.at[:4].set(Y[:, :4].T)  # error[dim-mismatch]: these are different dims


@kernel("where(M < 4, Y:M K, X:M K)")
def upper_half_updated_by_columns(X, Y):  # refuted
    return lax.dynamic_update_slice(X, Y[:, :4].T, (0, 0))  # error[dim-mismatch]: these are different dims
