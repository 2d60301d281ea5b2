"""Typed NumPy: every rule of dims and slices, broken once, and what is independent of it still checked."""

from stile_engine import dim, kernel
import stile_engine.numpy as tnp

M, N, K = dim("M", 8), dim("N", 8), dim("K", 4)


@kernel("X:M K + Y:N K", typed=True)
def equal_sizes_are_not_equal_dims(X, Y):  # refuted
    return X + Y  # error[dim-mismatch]


@kernel("sum[M](X:M K)", typed=True)
def different_tiles(X):  # refuted
    return (X.slice(M, 0, 4) * X.slice(M, 4, 8)).sum(M)  # error[dim-mismatch]


@kernel("X:M K * V:K", typed=True)
def no_broadcasting(X, V):  # refuted
    return X * V  # error[dim-mismatch]


@kernel("X:M K * V:K", typed=True)
def repeated_instead(X, V):  # proved
    return X * V.repeat(M)


@kernel("X:M K + Y:M K", typed=True)
def order_of_dims(X, Y):  # refuted
    return X + Y.rearrange(K, M)  # error[dim-mismatch]


@kernel("(X:M N, Y:N K -> M K)", typed=True)
def einsum_with_the_axes_exchanged(X, Y):  # refuted
    return tnp.einsum(X, Y, "N M, N K -> M K")  # error[dim-mismatch]


@kernel("(X:M N, Y:N K -> M K)", typed=True)
def einsum_over_different_slices(X, Y):  # refuted
    return tnp.einsum(X.slice(N, 0, 4), Y.slice(N, 4, 8), "M N, N K -> M K")  # error[dim-mismatch]


@kernel("sum[K](X:M K)", typed=True)
def dim_left_unreduced(X):  # refuted
    result = tnp.TypedResult("sum[K](X:M K)")
    result.assign(X)  # error[unreduced-dim]
    result.done()
    return result


@kernel("sum[K](X:M K)", typed=True)
def slice_beyond_the_end(X):  # refuted
    return X.slice(K, 2, 6).sum(K)  # error[out-of-bounds]


@kernel("sum[K](X:M K)", typed=True)
def slice_outside_of_a_slice(X):  # refuted
    """Bounds are those of the whole dim, also in a slice."""
    return X.slice(K, 2, 4).slice(K, 0, 2).sum(K)  # error[out-of-bounds]


@kernel("sum[K](X:M K)", typed=True)
def empty_slice(X):  # refuted
    return X.slice(K, 2, 2).sum(K)  # error[out-of-bounds]


@kernel("sum[K](X:M K)", typed=True)
def reduced_over_a_dim_that_it_lacks(X):  # refuted
    return X.sum(N)  # error[dim-mismatch]


@kernel("X:M K where K <= N -> M K N", typed=True)
def mask_over_a_dim_that_it_lacks(X):  # refuted
    return X.where("K <= N")  # error[dim-mismatch]


@kernel("X:M K + Y:M K", typed=True)
def two_mistakes(X, Y):  # refuted
    """Both are reported, although the first one spoils the result."""
    first = X + Y.sum(K)  # error[dim-mismatch]
    second = X.slice(M, 0, 4) + Y  # error[dim-mismatch]
    return first + second


@kernel("X:M K + Y:M K", typed=True)
def unaffected_by_the_others(X, Y):  # proved
    return Y + X


@kernel("2 * X:M K", typed=True)
def numbers_asked_for(X):  # unsupported
    try:
        if X.arr[0, 0] > 0:  # warning[unsupported]
            return X
    except Exception:
        pass
    return X * 2
