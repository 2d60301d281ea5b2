"""Plain code keeps the dims of its inputs: every name shows them, and where two that do not belong together meet
although their sizes agree, the operation is named as the cause of the wrong result."""

import jax.numpy as jnp
import numpy as np

from stile_engine import dim, kernel

Q, N, D = dim("Q", 64), dim("N", 64), dim("D", 32)


@kernel("softmax[N]((X:Q D, K:N D -> Q N) + B:N)")
def weights(X, K, B):  # proved
    scores = X @ K.T + B
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


@kernel("softmax[N]((X:Q D, K:N D -> Q N) + B:N)")
def weights_summed_over_keys(X, K, B):  # refuted
    scores = X @ K.T + B
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1)  # error[dim-mismatch]: shifted runs along N where shifted.sum(axis=1) runs


@kernel("X:Q D * rsqrt(mean[D](X:Q D ** 2) + 0.00001) * W:D")
def rms_norm(X, W):  # proved
    rows = jnp.reshape(X, (8, 8, 32))
    scale = jnp.sqrt(jnp.mean(rows**2, axis=-1, keepdims=True) + 1e-5)
    return jnp.reshape(rows / scale, X.shape) * W


@kernel("sum[N](X:N)")
def halves(X):  # proved
    pairs = X[:32] + X[32:]  # hint[dim-mismatch]: these are different parts of N
    return pairs.sum()
