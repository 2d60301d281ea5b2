"""Safe softmax, one pass over tiles: the running maximum and the running sum are rescaled as the maximum grows."""

import numpy as np

from stile_engine import dim, kernel
import stile_engine.numpy as tnp

R, N = dim("R", 8), dim("N", 128)
TILE = 32


@kernel("softmax[N](X:R N)", typed=True)
def online_softmax(X):  # proved
    maximum, total = -np.inf, 0
    for n in range(0, N, TILE):
        tile = X.slice(N, n, n + TILE).rearrange(N, R)
        new_maximum = tnp.maximum(maximum, tile.max(N))
        shifted = tnp.exp(tile - new_maximum.repeat(N[n : n + TILE]))
        total = total * tnp.exp(maximum - new_maximum) + shifted.sum(N)
        maximum = new_maximum

    result = tnp.TypedResult("softmax[N](X:R N)")
    for n in range(0, N, TILE):
        columns = N[n : n + TILE]
        tile = X.slice(N, n, n + TILE).rearrange(N, R)
        weights = tnp.exp(tile - maximum.repeat(columns)) / total.repeat(columns)
        result.assign(weights.rearrange(R, columns))
    result.done()
    return result


@kernel("softmax[N](X:R N)", typed=True)
def forgotten_rescaling(X):  # refuted
    """The running sum is not rescaled when the maximum grows, so earlier tiles weigh too much."""
    maximum, total = -np.inf, 0
    for n in range(0, N, TILE):
        tile = X.slice(N, n, n + TILE).rearrange(N, R)
        maximum = tnp.maximum(maximum, tile.max(N))
        shifted = tnp.exp(tile - maximum.repeat(N[n : n + TILE]))
        total = total + shifted.sum(N)

    weights = tnp.exp(X.rearrange(N, R) - maximum.repeat(N)) / total.repeat(N)
    return weights.rearrange(R, N)
