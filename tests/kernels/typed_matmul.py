"""Typed NumPy: contractions, whole and tiled."""

from stile_engine import dim, kernel
import stile_engine.numpy as tnp

M, N, K = dim("M", 8), dim("N", 6), dim("K", 4)


@kernel("(M N, N K -> M K)", typed=True)
def matmul(A, B):  # proved
    return A @ B


@kernel("(M N, N K -> M K)", typed=True)
def einsum_transposed(A, B):  # proved
    return tnp.einsum(A, B, "M N, N K -> K M").rearrange(M, K)


@kernel("(M N, N K -> M K)", typed=True)
def last_tile_of_the_contraction_missing(A, B):  # refuted
    total = tnp.zeros((M, K))
    for n in range(0, 4, 2):
        total = total + A.slice(N, n, n + 2) @ B.slice(N, n, n + 2)
    return total


@kernel("(M N, N K -> M K)", typed=True)
def split_contraction(A, B):  # proved
    """Partial products, added in the end, as split-K kernels do."""
    parts = [A.slice(N, n, n + 3) @ B.slice(N, n, n + 3) for n in (3, 0)]
    return parts[0] + parts[1]


@kernel("(M N, N K -> M K)", typed=True)
def tiles_in_both_dims(A, B):  # proved
    result = tnp.TypedResult("(M N, N K -> M K)")
    for m in range(0, M, 4):
        for k in range(0, K, 2):
            result.assign(A.slice(M, m, m + 4) @ B.slice(K, k, k + 2))
    result.done()
    return result


@kernel("(M N, N K -> M K)", typed=True)
def tiles_that_do_not_align(A, B):  # proved
    """A pinwheel: no cut through the whole result misses all tiles."""
    result = tnp.TypedResult("(M N, N K -> M K)")
    for rows, columns in (((0, 5), (0, 1)), ((5, 8), (0, 3)), ((3, 8), (3, 4)), ((0, 3), (1, 4)), ((3, 5), (1, 3))):
        result.assign(A.slice(M, *rows) @ B.slice(K, *columns))
    result.done()
    return result


@kernel("(M N, N K -> M K)", typed=True)
def first_tile_again(A, B):  # refuted
    """The slice of the operand does not move with the loop, so the tile comes a second time."""
    result = tnp.TypedResult("(M N, N K -> M K)")
    for m in range(0, M, 4):
        result.assign(A.slice(M, 0, 4) @ B)
    result.done()  # error[coverage-gap] # error[coverage-overlap]
    return result


@kernel("(M N, N K -> M K)", typed=True)
def last_row_of_tiles_missing(A, B):  # refuted
    result = tnp.TypedResult("(M N, N K -> M K)")
    for m in range(0, M - 4, 4):
        result.assign(A.slice(M, m, m + 4) @ B)
    result.done()  # error[coverage-gap]
    return result


@kernel("(M N, N K -> M K)", typed=True)
def never_written(A, B):  # refuted
    result = tnp.TypedResult("(M N, N K -> M K)")
    result.done()  # error[coverage-gap]
    return result


@kernel("(M N, N K -> M K)", typed=True)
def one_wrong_tile(A, B):  # refuted
    result = tnp.TypedResult("(M N, N K -> M K)")
    result.assign(A.slice(M, 0, 4) @ B)
    result.assign(A.slice(M, 4, 8) @ B * 2)
    result.done()
    return result


@kernel("(Q:M N, K:K N, V:K N -> M)", typed=True)
def three_operands(Q, K, V):  # proved
    return tnp.einsum(Q, K, V, "M N, K N, K N -> M")
