"""A tiled matrix product in typed NumPy, once right and once wrong.

Open this file in an editor with the Stile extension, or run `stile check samples/matmul.py`.
"""

from stile_engine import dim, kernel
import stile_engine.numpy as tnp

M, N, K = dim("M", 64), dim("N", 48), dim("K", 32)
TILE = 16


@kernel("6 * (M N, N K -> M K)", typed=True)
def scaled_matmul(A, B):  # proved
    """One operand is scaled by 3 and the other by 2: together that is 6."""
    result = tnp.TypedResult("6 * (M N, N K -> M K)")
    for m in range(0, M, TILE):
        for k in range(0, K, TILE):
            accumulator = 0
            for n in range(0, N, TILE):
                tile_a = A.slice(M, m, m + TILE).slice(N, n, n + TILE) * 3
                tile_b = B.slice(N, n, n + TILE).slice(K, k, k + TILE) * 2
                accumulator = accumulator + tnp.einsum(tile_a, tile_b, "M N, N K -> M K")
            result.assign(accumulator)
    result.done()
    return result


@kernel("2 * (M N, N K -> M K)", typed=True)
def doubled_matmul(A, B):  # refuted
    """Both operands are doubled, which is 4 times the product: the kernel is 2 × its spec."""
    result = tnp.TypedResult("2 * (M N, N K -> M K)")
    for m in range(0, M, TILE):
        for k in range(0, K, TILE):
            accumulator = 0
            for n in range(0, N, TILE):
                tile_a = A.slice(M, m, m + TILE).slice(N, n, n + TILE) * 2
                tile_b = B.slice(N, n, n + TILE).slice(K, k, k + TILE) * 2
                accumulator = accumulator + tnp.einsum(tile_a, tile_b, "M N, N K -> M K")
            result.assign(accumulator)
    result.done()
    return result
