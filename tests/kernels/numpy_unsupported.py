"""Plain NumPy: what has no model says so, at its line, and never passes."""

import numpy as np

from stile_engine import dim, kernel

M, N = dim("M", 4), dim("N", 4)


@kernel("X:M N")
def partitioned_rows(X):  # unsupported
    return np.partition(X, 1)  # warning[unsupported]


@kernel("relu(X:M N)")
def branch_on_data(X):  # unsupported
    if X[0, 0] > 0:  # warning[unsupported]
        return X
    return X * 0


@kernel("X:M N")
def elements_above_a_threshold(X):  # unsupported: size that is not known
    return X[X > 0].reshape(M, N)  # warning[unsupported]


@kernel("X:M N")
def linear_algebra(X):  # unsupported
    return np.linalg.inv(X)  # warning[unsupported]


@kernel("max[N](X:M N)")
def last_of_the_partitioned(X):  # unsupported
    return X[np.arange(M), np.argpartition(X, N - 1, axis=1)[:, -1]]  # warning[unsupported]


@kernel("max[N](X:M N)")
def place_of_the_maximum(X):  # proved
    return X[np.arange(M), X.argmax(axis=1)]


@kernel("max[N](X:M N)")
def place_of_the_minimum(X):  # refuted
    return X[np.arange(M), X.argmin(axis=1)]


@kernel("X:M N")
def random_noise(X):  # unsupported
    return X + np.random.randn(M, N)  # warning[unsupported]


@kernel("relu(X:M N)")
def exception_caught_by_the_kernel(X):  # unsupported
    """With numbers nothing is raised, and the kernel does something else."""
    try:
        X = np.partition(X, 1)  # warning[unsupported]
    except Exception:
        pass
    return np.maximum(X, 0)


@kernel("X:M N * 2")
def unaffected_by_the_others(X):  # proved
    return X + X
