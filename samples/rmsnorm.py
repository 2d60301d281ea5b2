"""RMSNorm in plain NumPy and in plain JAX."""

import jax
import jax.numpy as jnp
import numpy as np

from stile_engine import dim, kernel

T, D = dim("T", 32), dim("D", 64)

RMSNORM = "X:T D * rsqrt(mean[D](X:T D ** 2) + 0.00001) * W:D"


@kernel(RMSNORM)
def rmsnorm_numpy(X, W):  # proved
    mean_square = np.mean(X * X, axis=-1, keepdims=True)
    return X / np.sqrt(mean_square + 1e-5) * W


@kernel(RMSNORM)
def rmsnorm_rows(X, W):  # proved
    """Row by row into an output that is allocated first."""
    output = np.empty_like(X)
    for row in range(X.shape[0]):
        mean_square = (X[row] ** 2).sum() / X.shape[1]
        output[row] = X[row] * (W / np.sqrt(mean_square + 1e-5))
    return output


@kernel(RMSNORM)
def epsilon_outside(X, W):  # refuted
    """The small number is added to the root instead of under it."""
    mean_square = np.mean(X * X, axis=-1, keepdims=True)
    return X / (np.sqrt(mean_square) + 1e-5) * W


@kernel(RMSNORM)
def rmsnorm_jax(X, W):  # proved
    mean_square = jnp.mean(X**2, axis=-1, keepdims=True)
    return X * jax.lax.rsqrt(mean_square + 1e-5) * W


@kernel(RMSNORM)
def mean_over_rows(X, W):  # refuted
    """The mean is taken along the wrong axis."""
    mean_square = jnp.mean(X**2, axis=0, keepdims=True)
    return X * jax.lax.rsqrt(mean_square + 1e-5) * W
