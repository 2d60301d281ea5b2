"""Plain NumPy: attention in tiles."""

import math

import numpy as np

from stile_engine import dim, kernel

q, n, d = dim("q", 8), dim("n", 8), dim("d", 4)
TILE = 4

ATTENTION = "(softmax[n]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)"
CAUSAL = "(softmax[n where n <= q]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)"


@kernel(ATTENTION)
def flash_attention(Q, K, V):  # proved
    out = np.empty((q, d), dtype=np.float32)
    scale = 1 / math.sqrt(d)
    for i in range(0, q, TILE):
        top = np.full(TILE, -np.inf)
        total = np.zeros(TILE)
        sums = np.zeros((TILE, d))
        for j in range(0, n, TILE):
            scores = Q[i : i + TILE] @ K[j : j + TILE].T * scale
            new_top = np.maximum(top, scores.max(axis=1))
            shrink = np.exp(top - new_top)
            weights = np.exp(scores - new_top[:, None])
            total = total * shrink + weights.sum(axis=1)
            sums = sums * shrink[:, None] + weights @ V[j : j + TILE]
            top = new_top
        out[i : i + TILE] = sums / total[:, None]
    return out


@kernel(CAUSAL)
def causal_flash_attention(Q, K, V):  # proved
    out = np.empty((q, d), dtype=np.float32)
    for i in range(0, q, TILE):
        top = np.full((TILE, 1), -np.inf)
        total = np.zeros((TILE, 1))
        sums = np.zeros((TILE, d))
        for j in range(0, i + TILE, TILE):
            scores = Q[i : i + TILE] @ K[j : j + TILE].T / np.sqrt(d)
            hidden = np.arange(j, j + TILE)[None, :] > np.arange(i, i + TILE)[:, None]
            scores[hidden] = -np.inf
            new_top = np.maximum(top, scores.max(axis=1, keepdims=True))
            shrink = np.exp(top - new_top)
            weights = np.exp(scores - new_top)
            total *= shrink
            total += weights.sum(axis=1, keepdims=True)
            sums *= shrink
            sums += weights @ V[j : j + TILE]
            top = new_top
        out[i : i + TILE] = sums / total
    return out


@kernel(CAUSAL)
def causal_mask_upside_down(Q, K, V):  # refuted
    scores = Q @ K.T / np.sqrt(d)
    scores = np.where(np.arange(n)[None, :] >= np.arange(q)[:, None], scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ V


@kernel(CAUSAL)
def strictly_causal(Q, K, V):  # refuted
    """The first query sees nothing at all, and its softmax has no value."""
    scores = Q @ K.T / np.sqrt(d)
    scores = np.where(np.arange(n)[None, :] < np.arange(q)[:, None], scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ V
