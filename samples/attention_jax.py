"""Flash attention in plain JAX: nothing in the kernels knows of the verifier but their decorator."""

import jax.numpy as jnp

from stile_engine import dim, kernel

q, n, d = dim("q", 64), dim("n", 64), dim("d", 16)
TILE = 16

ATTENTION = "(softmax[n]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)"
CAUSAL = "(softmax[n where n <= q]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)"


@kernel(ATTENTION)
def attention(Q, K, V):  # proved
    rows = []
    for row in range(0, Q.shape[0], TILE):
        q_tile = Q[row : row + TILE]
        maximum = jnp.full((TILE, 1), -jnp.inf)
        total = jnp.zeros((TILE, 1))
        output = jnp.zeros((TILE, V.shape[1]))
        for column in range(0, K.shape[0], TILE):
            scores = q_tile @ K[column : column + TILE].T / jnp.sqrt(Q.shape[1])
            new_maximum = jnp.maximum(maximum, scores.max(axis=1, keepdims=True))
            rescale = jnp.exp(maximum - new_maximum)
            weights = jnp.exp(scores - new_maximum)
            total = total * rescale + weights.sum(axis=1, keepdims=True)
            output = output * rescale + weights @ V[column : column + TILE]
            maximum = new_maximum
        rows.append(output / total)
    return jnp.concatenate(rows)


@kernel(CAUSAL)
def causal_attention(Q, K, V):  # proved
    """Tiles above the diagonal are skipped; the tile on it is masked."""
    rows = []
    for row in range(0, Q.shape[0], TILE):
        q_tile = Q[row : row + TILE]
        maximum = jnp.full((TILE, 1), -jnp.inf)
        total = jnp.zeros((TILE, 1))
        output = jnp.zeros((TILE, V.shape[1]))
        for column in range(0, row + TILE, TILE):
            scores = q_tile @ K[column : column + TILE].T / jnp.sqrt(Q.shape[1])
            visible = (column + jnp.arange(TILE))[None, :] <= (row + jnp.arange(TILE))[:, None]
            scores = jnp.where(visible, scores, -jnp.inf)
            new_maximum = jnp.maximum(maximum, scores.max(axis=1, keepdims=True))
            rescale = jnp.exp(maximum - new_maximum)
            weights = jnp.exp(scores - new_maximum)
            total = total * rescale + weights.sum(axis=1, keepdims=True)
            output = output * rescale + weights @ V[column : column + TILE]
            maximum = new_maximum
        rows.append(output / total)
    return jnp.concatenate(rows)


@kernel(CAUSAL)
def last_tile_skipped(Q, K, V):  # refuted
    """The loop over the keys stops before the diagonal tile, except for the first rows."""
    rows = []
    for row in range(0, Q.shape[0], TILE):
        q_tile = Q[row : row + TILE]
        maximum = jnp.full((TILE, 1), -jnp.inf)
        total = jnp.zeros((TILE, 1))
        output = jnp.zeros((TILE, V.shape[1]))
        for column in range(0, max(row, TILE), TILE):
            scores = q_tile @ K[column : column + TILE].T / jnp.sqrt(Q.shape[1])
            visible = (column + jnp.arange(TILE))[None, :] <= (row + jnp.arange(TILE))[:, None]
            scores = jnp.where(visible, scores, -jnp.inf)
            new_maximum = jnp.maximum(maximum, scores.max(axis=1, keepdims=True))
            rescale = jnp.exp(maximum - new_maximum)
            weights = jnp.exp(scores - new_maximum)
            total = total * rescale + weights.sum(axis=1, keepdims=True)
            output = output * rescale + weights @ V[column : column + TILE]
            maximum = new_maximum
        rows.append(output / total)
    return jnp.concatenate(rows)
