"""Typed NumPy: softmax and attention in tiles, right and with the mistakes that happen."""

import numpy as np

from stile_engine import dim, kernel
import stile_engine.numpy as tnp

q, n, d = dim("q", 8), dim("n", 8), dim("d", 4)
TILE = 4

ATTENTION = "(softmax[n]((Q:q d, K:n d -> q n) / sqrt(size(d))), V:n d -> q d)"
WINDOW = "(softmax[n where q - 4 < n <= q](Q:q d, K:n d -> q n), V:n d -> q d)"


@kernel(ATTENTION, typed=True)
def whole_attention(Q, K, V):  # proved
    scores = tnp.einsum(Q, K, "q d, n d -> n q") / 2
    weights = tnp.exp(scores - scores.max(n).repeat(n))
    weights = weights / weights.sum(n).repeat(n)
    return tnp.einsum(weights, V, "n q, n d -> q d")


@kernel(ATTENTION, typed=True)
def forgotten_scale(Q, K, V):  # refuted
    scores = tnp.einsum(Q, K, "q d, n d -> n q")
    weights = tnp.exp(scores - scores.max(n).repeat(n))
    weights = weights / weights.sum(n).repeat(n)
    return tnp.einsum(weights, V, "n q, n d -> q d")


@kernel(ATTENTION, typed=True)
def without_the_maximum(Q, K, V):  # proved
    """Equal over the reals: the maximum only guards against overflow."""
    weights = tnp.exp(tnp.einsum(Q, K, "q d, n d -> n q") / 2)
    weights = weights / weights.sum(n).repeat(n)
    return tnp.einsum(weights, V, "n q, n d -> q d")


@kernel(ATTENTION, typed=True)
def output_not_rescaled(Q, K, V):  # refuted
    maximum, total, output = -np.inf, 0, 0
    for j in range(0, n, TILE):
        scores = tnp.einsum(K.slice(n, j, j + TILE), Q, "n d, q d -> n q") / 2
        new_maximum = tnp.maximum(maximum, scores.max(n))
        weights = tnp.exp(scores - new_maximum.repeat(n[j : j + TILE]))
        total = total * tnp.exp(maximum - new_maximum) + weights.sum(n)
        output = output + tnp.einsum(weights, V.slice(n, j, j + TILE), "n q, n d -> d q")
        maximum = new_maximum
    return (output / total.repeat(d)).rearrange(q, d)


@kernel(ATTENTION, typed=True)
def keys_and_values_from_different_tiles(Q, K, V):  # refuted
    total, output = 0, 0
    for j in range(0, n, TILE):
        weights = tnp.exp(tnp.einsum(K.slice(n, j, j + TILE), Q, "n d, q d -> n q") / 2)
        total = total + weights.sum(n)
        output = output + tnp.einsum(weights, V.slice(n, 0, TILE), "n q, n d -> d q")  # error[dim-mismatch]
    return (output / total.repeat(d)).rearrange(q, d)


@kernel(ATTENTION, typed=True)
def split_and_combined(Q, K, V):  # proved
    """Flash decoding: each half on its own, then combined by their maxima."""
    halves = []
    for j in range(0, n, TILE):
        scores = tnp.einsum(K.slice(n, j, j + TILE), Q, "n d, q d -> n q") / 2
        top = scores.max(n)
        weights = tnp.exp(scores - top.repeat(n[j : j + TILE]))
        output = tnp.einsum(weights, V.slice(n, j, j + TILE), "n q, n d -> d q")
        halves.append((top, weights.sum(n), output))
    (top1, total1, output1), (top2, total2, output2) = halves
    top = tnp.maximum(top1, top2)
    share1, share2 = tnp.exp(top1 - top), tnp.exp(top2 - top)
    output = output1 * share1.repeat(d) + output2 * share2.repeat(d)
    return (output / (total1 * share1 + total2 * share2).repeat(d)).rearrange(q, d)


@kernel(WINDOW, typed=True)
def sliding_window(Q, K, V):  # proved
    scores = tnp.einsum(Q, K, "q d, n d -> n q")
    scores = scores + tnp.mask(scores.type.st, "q - 4 < n <= q", 0.0, -np.inf)
    weights = tnp.exp(scores - scores.max(n).repeat(n))
    weights = weights / weights.sum(n).repeat(n)
    return tnp.einsum(weights, V, "n q, n d -> q d")


@kernel(WINDOW, typed=True)
def window_one_too_wide(Q, K, V):  # refuted
    scores = tnp.einsum(Q, K, "q d, n d -> n q")
    scores = scores + tnp.mask(scores.type.st, "q - 4 <= n <= q", 0.0, -np.inf)
    weights = tnp.exp(scores - scores.max(n).repeat(n))
    weights = weights / weights.sum(n).repeat(n)
    return tnp.einsum(weights, V, "n q, n d -> q d")
