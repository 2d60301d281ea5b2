"""Flash attention in typed NumPy: tiles of keys and values, one pass, plain and causal."""

import numpy as np

from stile_engine import dim, kernel
import stile_engine.numpy as tnp

q, n, d = dim("q", 64), dim("n", 64), dim("d", 16)
TILE = 16

ATTENTION = "(softmax[n]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)"
CAUSAL = "(softmax[n where n <= q]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)"


@kernel(ATTENTION, typed=True)
def attention(Q, K, V):  # proved
    result = tnp.TypedResult(ATTENTION)
    for row in range(0, q, TILE):
        q_tile = Q.slice(q, row, row + TILE)
        maximum, total, output = -np.inf, 0, 0
        for column in range(0, n, TILE):
            k_tile = K.slice(n, column, column + TILE)
            v_tile = V.slice(n, column, column + TILE)
            scores = tnp.einsum(k_tile, q_tile, "n d, q d -> n q") / np.sqrt(d)
            new_maximum = tnp.maximum(maximum, scores.max(n))
            weights = tnp.exp(scores - new_maximum.repeat(n[column : column + TILE]))
            rescale = tnp.exp(maximum - new_maximum)
            total = total * rescale + weights.sum(n)
            output = output * rescale.repeat(d) + tnp.einsum(weights, v_tile, "n q, n d -> d q")
            maximum = new_maximum
        result.assign((output / total.repeat(d)).rearrange(q[row : row + TILE], d))
    result.done()
    return result


@kernel(CAUSAL, typed=True)
def causal_attention(Q, K, V):  # proved
    """Tiles above the diagonal are skipped; the tile on it is masked."""
    result = tnp.TypedResult(CAUSAL)
    for row in range(0, q, TILE):
        q_tile = Q.slice(q, row, row + TILE)
        maximum, total, output = -np.inf, 0, 0
        for column in range(0, row + TILE, TILE):
            k_tile = K.slice(n, column, column + TILE)
            v_tile = V.slice(n, column, column + TILE)
            scores = tnp.einsum(k_tile, q_tile, "n d, q d -> n q") / np.sqrt(d)
            scores = scores + tnp.mask(scores.type.st, "n <= q", 0.0, -np.inf)
            new_maximum = tnp.maximum(maximum, scores.max(n))
            weights = tnp.exp(scores - new_maximum.repeat(n[column : column + TILE]))
            rescale = tnp.exp(maximum - new_maximum)
            total = total * rescale + weights.sum(n)
            output = output * rescale.repeat(d) + tnp.einsum(weights, v_tile, "n q, n d -> d q")
            maximum = new_maximum
        result.assign((output / total.repeat(d)).rearrange(q[row : row + TILE], d))
    result.done()
    return result


@kernel(CAUSAL, typed=True)
def mask_off_by_one(Q, K, V):  # refuted
    """Every query also sees the key after it, within its tile."""
    result = tnp.TypedResult(CAUSAL)
    for row in range(0, q, TILE):
        q_tile = Q.slice(q, row, row + TILE)
        maximum, total, output = -np.inf, 0, 0
        for column in range(0, row + TILE, TILE):
            k_tile = K.slice(n, column, column + TILE)
            v_tile = V.slice(n, column, column + TILE)
            scores = tnp.einsum(k_tile, q_tile, "n d, q d -> n q") / np.sqrt(d)
            scores = scores + tnp.mask(scores.type.st, "n <= q + 1", 0.0, -np.inf)
            new_maximum = tnp.maximum(maximum, scores.max(n))
            weights = tnp.exp(scores - new_maximum.repeat(n[column : column + TILE]))
            rescale = tnp.exp(maximum - new_maximum)
            total = total * rescale + weights.sum(n)
            output = output * rescale.repeat(d) + tnp.einsum(weights, v_tile, "n q, n d -> d q")
            maximum = new_maximum
        result.assign((output / total.repeat(d)).rearrange(q[row : row + TILE], d))
    result.done()
    return result
