"""Plain NumPy: buffers, views and writing in place."""

import copy

import numpy as np

from stile_engine import dim, kernel

M, N, K = dim("M", 8), dim("N", 6), dim("K", 4)
TILE = 4


@kernel("(A:M N, B:N K -> M K)")
def tiled_matmul(A, B):  # proved
    out = np.zeros((M, K), dtype=np.float32)
    for m in range(0, M, TILE):
        for k in range(0, K, 2):
            for n in range(0, N, 2):
                out[m : m + TILE, k : k + 2] += A[m : m + TILE, n : n + 2] @ B[n : n + 2, k : k + 2]
    return out


@kernel("(A:M N, B:N K -> M K)")
def accumulator_overwritten(A, B):  # refuted
    out = np.zeros((M, K), dtype=np.float32)
    for m in range(0, M, TILE):
        for n in range(0, N, 2):
            out[m : m + TILE] = A[m : m + TILE, n : n + 2] @ B[n : n + 2]
    return out


@kernel("X:M N + 1")
def last_rows_never_written(X):  # refuted
    out = np.empty_like(X)
    out[: M - 2] = X[: M - 2] + 1  # error[coverage-gap]: M >= 6
    return out


@kernel("2 * X:M N + 1")
def in_place_arithmetic(X):  # proved
    y = X.copy()
    y *= 2
    y += 1
    return y


@kernel("2 * X:M N")
def a_view_shares_memory(X):  # proved
    y = X.copy()
    half = y[:4]
    half *= 2
    y[4:] *= 2
    return y


@kernel("2 * X:M N")
def a_copy_does_not(X):  # refuted
    y = X.copy()
    half = y[:4].copy()
    half *= 2
    y[4:] *= 2
    return y


@kernel("X:M N")
def a_copy_of_the_copy_module(X):  # proved
    y = copy.copy(X)
    z = copy.deepcopy(X)
    y *= 2
    z *= 2
    return X


@kernel("2 * X:M N")
def a_copy_taken_for_the_original(X):  # refuted
    y = copy.copy(X)
    y *= 2
    return X


@kernel("X:M N ** 2 + X:M N")
def results_into_a_buffer(X):  # proved
    out = np.empty_like(X)
    np.multiply(X, X, out=out)
    np.add(out, X, out=out)
    return out


@kernel("X:M N where N >= M")
def assignment_through_a_mask(X):  # proved
    y = X.copy()
    y[np.arange(M)[:, None] > np.arange(N)[None, :]] = 0.0
    return y


@kernel("X:M N -> N M")
def written_through_a_transpose(X):  # proved
    out = np.empty((N, M), dtype=np.float32)
    out.T[...] = X
    return out


@kernel("X:M N * 3")
def written_through_a_reshape(X):  # proved
    out = np.empty((M, N), dtype=np.float32)
    flat = out.reshape(-1)
    flat[:] = X.reshape(-1) * 3
    return out


@kernel("X:M N * 3")
def every_row_but_shifted(X):  # refuted
    out = np.zeros((M, N), dtype=np.float32)
    out[1:] = X[:-1] * 3
    return out


@kernel("X:M N")
def rows_in_two_strides(X):  # proved
    out = np.empty_like(X)
    out[::2] = X[::2]
    out[1::2] = X[1::2]
    return out


@kernel("X:M N")
def joined_from_parts(X):  # proved
    return np.concatenate([X[:3], X[3:]], axis=0)


@kernel("X:M N")
def joined_in_the_wrong_order(X):  # refuted
    return np.concatenate([X[4:], X[:4]], axis=0)


@kernel({"out": "X:M N + Y:M N"})
def output_parameter(X, Y, out):  # proved
    out[:4] = X[:4] + Y[:4]
    np.add(X[4:], Y[4:], out=out[4:])


@kernel({"out": "X:M N + Y:M N"})
def output_parameter_half_written(X, Y, out):  # refuted
    out[:4] = X[:4] + Y[:4]  # error[coverage-gap]: M >= 4
