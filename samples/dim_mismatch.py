"""Two tiles that must not be added: they are different parts of the same dim, although their sizes agree."""

from stile_engine import dim, kernel
import stile_engine.numpy as tnp

M, K = dim("M", 32), dim("K", 64)


@kernel("sum[K](M K)", typed=True)
def sum_of_columns(X):  # refuted
    tile_a = X.slice(K, 0, 32)
    tile_b = X.slice(K, 32, 64)
    both = tile_a + tile_b  # error[dim-mismatch]
    return both.sum(K)


@kernel("sum[K](M K)", typed=True)
def sum_of_halves(X):  # proved
    """What was meant: reduce each tile first, then add the results, which have the dims of the whole."""
    result = tnp.TypedResult("sum[K](M K)")
    left = X.slice(K, 0, 32).sum(K)
    right = X.slice(K, 32, 64).sum(K)
    result.assign(left + right)
    result.done()
    return result
