"""Plain JAX: masks made of ones and zeros, compared as the numbers that they are."""

import jax
import jax.numpy as jnp

from stile_engine import dim, kernel

M, N = dim("M", 4), dim("N", 4)

CAUSAL = "softmax[N where N <= M](X:M N)"


@kernel(CAUSAL)
def triangle_of_ones(X):  # proved
    mask = jnp.tril(jnp.ones((4, 4)))
    return jax.nn.softmax(jnp.where(mask == 0, -jnp.inf, X))


@kernel(CAUSAL)
def triangle_the_wrong_way(X):  # refuted
    mask = jnp.triu(jnp.ones((4, 4)))
    return jax.nn.softmax(jnp.where(mask == 0, -jnp.inf, X))


@kernel(CAUSAL)
def triangle_of_the_library(X):  # proved
    return jax.nn.softmax(X, where=jnp.tri(4) > 0)


@kernel(CAUSAL)
def diagonal_left_out(X):  # refuted
    return jax.nn.softmax(X, where=jnp.tri(4, k=-1) > 0)


@kernel("X:M N where N <= M")
def mask_as_a_condition(X):  # proved
    return jnp.where(jnp.tri(4), X, 0.0)


@kernel("X:M N where N <= M and N < 2")
def part_of_a_larger_mask(X):  # proved
    mask = jnp.tril(jnp.ones((8, 8)))[:4, :4] * jnp.where(jnp.arange(4) < 2, 3.0, 0.0)
    return jnp.where(mask > 1, X, 0.0)


@kernel("X:M N where N <= M")
def shifted_part_of_a_larger_mask(X):  # refuted
    return jnp.where(jnp.tril(jnp.ones((8, 8)))[1:5, :4] == 1, X, 0.0)


@kernel("X:M N where N <= M + 1")
def shift_that_the_spec_has_too(X):  # proved
    return jnp.where(jnp.tril(jnp.ones((8, 8)))[1:5, :4] == 1, X, 0.0)
