"""Pallas: dims of one size that meet in a block, rightly and by mistake."""

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from stile_engine import dim, kernel

M, K, N = dim("M", 8), dim("K", 8), dim("N", 4)


def over_rows(body, out_columns, *arrays):
    """The body on blocks of four rows of the first array; the others whole."""
    first, *others = arrays
    whole = [pl.BlockSpec(a.shape, lambda i, rank=a.ndim: (0,) * rank) for a in others]
    return pl.pallas_call(
        body,
        grid=(2,),
        in_specs=[pl.BlockSpec((4, first.shape[1]), lambda i: (i, 0)), *whole],
        out_specs=pl.BlockSpec((4, out_columns), lambda i: (i, 0)),
        out_shape=jax.ShapeDtypeStruct((first.shape[0], out_columns), first.dtype),
        interpret=True,
    )(*arrays)


@kernel("X:M K + B:K")
def bias(X, B):  # proved
    def body(x_ref, b_ref, o_ref):
        o_ref[...] = x_ref[...] + b_ref[...][None, :]

    return over_rows(body, 8, X, B)


@kernel("(X:M K, W:K N -> M N)")
def product(X, W):  # proved
    def body(x_ref, w_ref, o_ref):
        o_ref[...] = x_ref[...] @ w_ref[...]

    return over_rows(body, 4, X, W)


@kernel("(X:M K, W:K N -> M N)")
def product_of_the_transpose(X, W):  # refuted
    def body(x_ref, w_ref, o_ref):
        o_ref[...] = x_ref[...] @ w_ref[...]  # error[dim-mismatch]: x_ref[...] runs along M and w_ref[...] runs

    return over_rows(body, 4, X.T, W)


@kernel("X:M K * S:M")
def scaled_by_the_wrong_axis(X, S):  # refuted
    def body(x_ref, s_ref, o_ref):
        o_ref[...] = x_ref[...] * s_ref[...]  # error[dim-mismatch]: x_ref[...] runs along K where s_ref[...] runs

    return over_rows(body, 8, X, S)


@kernel("X:M K * S:M")
def scaled_by_rows(X, S):  # proved
    def body(x_ref, s_ref, o_ref):
        rows = s_ref[pl.ds(pl.program_id(0) * 4, 4)]
        o_ref[...] = x_ref[...] * rows[:, None]

    return over_rows(body, 8, X, S)


@kernel("X:M K * S:M")
def scaled_by_the_first_rows(X, S):  # refuted
    def body(x_ref, s_ref, o_ref):
        o_ref[...] = x_ref[...] * s_ref[:4][:, None]  # error[dim-mismatch]: different parts of M

    return over_rows(body, 8, X, S)


@kernel("softmax[K](X:M K)")
def softmax(X):  # proved
    def body(x_ref, o_ref):
        x = x_ref[...]
        weights = jnp.exp(x - x.max(axis=-1, keepdims=True))
        o_ref[...] = weights / weights.sum(axis=-1, keepdims=True)

    return over_rows(body, 8, X)
