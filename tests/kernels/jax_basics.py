"""Plain JAX: pointwise functions, reductions, shapes, updates."""

import jax
import jax.numpy as jnp

from stile_engine import dim, kernel

M, N, K, D = dim("M", 8), dim("N", 6), dim("K", 4), dim("D", 8)


@kernel("softmax[N](X:M N)")
def softmax_of_the_library(X):  # proved
    return jax.nn.softmax(X, axis=-1)


@kernel("softmax[M](X:M N)")
def softmax_along_the_wrong_axis(X):  # refuted
    return jax.nn.softmax(X, axis=-1)


@kernel("silu(X:M N) * Y:M N")
def gated(X, Y):  # proved
    return X * jax.nn.sigmoid(X) * Y


@kernel("logsumexp[N](X:M N)")
def logsumexp(X):  # proved
    top = X.max(axis=1, keepdims=True)
    return (top + jnp.log(jnp.exp(X - top).sum(axis=1, keepdims=True)))[:, 0]


@kernel("(A:M N, B:N K -> M K)")
def tiled_matmul(A, B):  # proved
    total = jnp.zeros((M, K))
    for j in range(0, N, 2):
        total = total + A[:, j : j + 2] @ B[j : j + 2]
    return total


@kernel("(A:M N, B:N K -> M K)")
def tile_counted_twice(A, B):  # refuted
    total = jnp.zeros((M, K))
    for j in range(0, N, 2):
        total = total + A[:, j : j + 3] @ B[j : j + 3]
    return total


@kernel("(A:M N, B:N K -> M K)")
def updated_in_place(A, B):  # proved
    out = jnp.zeros((M, K))
    for i in range(0, M, 4):
        out = out.at[i : i + 4].set(A[i : i + 4] @ B)
    return out


@kernel("let C = X:M N - mean[N](X:M N) in C * rsqrt(mean[N](C ** 2) + 0.00001)")
def variance_in_one_pass(X):  # proved
    mean = X.mean(axis=-1, keepdims=True)
    variance = (X * X).mean(axis=-1, keepdims=True) - mean**2
    return (X - mean) / jnp.sqrt(variance + 1e-5)


@kernel("where(D < 4, -at[D := D + 4](X:M D), at[D := D - 4](X:M D))")
def rotated_halves(X):  # proved
    return jnp.concatenate([-X[:, 4:], X[:, :4]], axis=1)


@kernel("where(D < 4, -at[D := D + 4](X:M D), at[D := D - 4](X:M D))")
def halves_without_the_sign(X):  # refuted
    return jnp.concatenate([X[:, 4:], X[:, :4]], axis=1)


@kernel("sum[N where N <= M](X:M N)")
def sum_of_the_triangle(X):  # proved
    return jnp.tril(X).sum(axis=1)


@kernel("2 * X:M N")
def exception_caught_by_the_kernel(X):  # unsupported
    """With numbers nothing is raised, and the kernel returns something else."""
    try:
        if X[0, 0] > 0:  # warning[unsupported]
            return X + jnp.zeros(())
    except Exception:
        pass
    return X * 2


@kernel("(X:M N, W:K N -> M K)")
def product_in_integers(X, W):  # unsupported: truncates
    return jnp.einsum("mn,kn->mk", X, W, preferred_element_type=jnp.int32)  # warning[unsupported]
