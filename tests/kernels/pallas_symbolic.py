"""Pallas calls whose grid depends on a size that stands for every size."""

import functools

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl

from stile_engine import dim, kernel

N, M = dim("N", multiple_of=16), dim("M")
D = dim("D", 3)
T = 16


def rows(width):
    return pl.BlockSpec((T, width), lambda i: (i, 0))


def by_rows(body, *arrays, grid=None):
    X = arrays[0]
    return pl.pallas_call(  # error[coverage-gap]: N >= 16 # error[coverage-gap]: size(M)=17
        body,
        out_shape=jax.ShapeDtypeStruct(X.shape, X.dtype),
        grid=(X.shape[0] // T if grid is None else grid,),
        in_specs=[rows(3)] * len(arrays),
        out_specs=rows(3),
        interpret=True,
    )(*arrays)


def add(x, y, o):
    o[...] = x[...] + y[...]


@kernel("X:N D + Y:N D")
def sum_by_blocks(X, Y):  # proved: for every N that is a multiple of 16
    return by_rows(add, X, Y)


@kernel("X:N D + Y:N D")
def sum_without_the_last_block(X, Y):  # refuted
    return by_rows(add, X, Y, grid=X.shape[0] // T - 1 if X.shape[0] > T else 1)


@kernel("X:M D + Y:M D")
def sum_with_a_ragged_block(X, Y):  # proved
    return by_rows(add, X, Y, grid=pl.cdiv(X.shape[0], T))


@kernel("X:M D + Y:M D")
def sum_of_whole_blocks_only(X, Y):  # refuted
    return by_rows(add, X, Y, grid=1 + X.shape[0] // (2 * T))


@kernel("softmax[D](X:M D)")
def softmax_of_rows(X):  # proved
    def body(x, o):
        e = jnp.exp(x[...] - x[...].max(axis=1, keepdims=True))
        o[...] = e / e.sum(axis=1, keepdims=True)

    return by_rows(body, X, grid=pl.cdiv(X.shape[0], T))


def total(X, first):
    def body(x, o, *, first):
        @pl.when(pl.program_id(0) == 0)
        def _():
            o[...] = jnp.full((3,), first, X.dtype)

        o[...] += x[...].sum(axis=0)

    return pl.pallas_call(
        functools.partial(body, first=first),
        out_shape=jax.ShapeDtypeStruct((3,), X.dtype),
        grid=(X.shape[0] // T,),
        in_specs=[rows(3)],
        out_specs=pl.BlockSpec((3,), lambda i: (0,)),
        interpret=True,
    )(X)


@kernel("sum[N](X:N D)")
def sum_carried_along_the_grid(X):  # proved
    return total(X, 0.0)


@kernel("sum[N](X:N D)")
def sum_that_starts_at_one(X):  # refuted
    return total(X, 1.0)


@kernel("2 * X:M D")
def one_block_of_every_size(X):  # unknown: does not support dynamically-shaped blocks
    def body(x, o):
        o[...] = 2 * x[...]

    return pl.pallas_call(body, out_shape=jax.ShapeDtypeStruct(X.shape, X.dtype), interpret=True)(X)
