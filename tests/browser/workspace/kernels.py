"""A proved kernel, one that a single key makes right, and one whose tiles do not fit."""

import stile_engine.numpy as tnp
from stile_engine import dim, kernel

M, N, K = dim("M", 32), dim("N", 16), dim("K", 32)


@kernel("6 * (A:M N, B:N K -> M K)", typed=True)
def right(A, B):
    tripled = A * 3
    doubled = B * 2
    return tripled @ doubled


@kernel("2 * (A:M N, B:N K -> M K)", typed=True)
def wrong(A, B):
    left = A * 2
    other = B * 2
    return left @ other


@kernel("2 * X:M K", typed=True)
def mismatch(X):
    result = tnp.TypedResult("2 * X:M K")
    tile_a = X.slice(M, 0, 16)
    tile_b = X.slice(M, 16, 32)
    total = tile_a + tile_b
    result.assign(total)
    result.assign(X.slice(M, 16, 32) * 2)
    return result
