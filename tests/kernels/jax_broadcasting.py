"""Plain JAX: primitives take operands with axes of size 1, which stand for index 0 of the array they were cut from."""

import jax.numpy as jnp

from stile_engine import dim, kernel

M, N = dim("M", 4), dim("N", 4)


@kernel("X:M N / at[N := 0](X:M N)")
def divided_by_the_first_column(X):  # proved
    return X / X[:, :1]


@kernel("X:M N / at[N := 1](X:M N)")
def divided_by_another_column(X):  # refuted
    return X / X[:, :1]


@kernel("X:M N - at[M := 3](X:M N)")
def less_the_last_row(X):  # proved
    return X - X[-1:]


@kernel("X:M N where N == 2")
def first_row_of_indices(X):  # proved
    columns = jnp.arange(4)[:, None][:1] + jnp.zeros((4, 4), int) + jnp.arange(4)
    return jnp.where(columns == 2, X, 0.0)


@kernel("X:M N where M + N == 2")
def first_row_taken_for_all(X):  # refuted
    columns = jnp.arange(4)[:, None][:1] + jnp.zeros((4, 4), int) + jnp.arange(4)
    return jnp.where(columns == 2, X, 0.0)


@kernel("X:M N where M == N")
def first_row_of_a_mask_taken_for_all(X):  # refuted
    diagonal = jnp.arange(4)[:, None] == jnp.arange(4)
    return jnp.where(diagonal[:1] & jnp.ones((4, 4), bool), X, 0.0)
