"""Plain NumPy: pointwise functions, reductions, shapes."""

import math

import numpy as np
from numpy import exp as e_to_the

from stile_engine import dim, kernel

M, N, H, E = dim("M", 6), dim("N", 8), dim("H", 2), dim("E", 4)


@kernel("softmax[N](X:M N)")
def softmax(X):  # proved
    shifted = e_to_the(X - X.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


@kernel("softmax[N](X:M N)")
def softmax_along_the_wrong_axis(X):  # refuted
    shifted = np.exp(X - X.max(axis=0, keepdims=True))
    return shifted / shifted.sum(axis=0, keepdims=True)


def normalise(x, epsilon):
    """A helper of the module sees the traced arrays, too."""
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.var(x, axis=-1, keepdims=True) + epsilon)


@kernel("let D = X:M N - mean[N](X:M N) in D * rsqrt(mean[N](D ** 2) + 0.00001) * W:N + B:N")
def layer_norm(X, W, B):  # proved
    return normalise(X, 1e-5) * W + B


@kernel("let D = X:M N - mean[N](X:M N) in D * rsqrt(mean[N](D ** 2) + 0.00001) * W:N + B:N")
def unbiased_variance(X, W, B):  # refuted
    centred = X - np.mean(X, axis=-1, keepdims=True)
    return centred / np.sqrt(np.var(X, axis=-1, ddof=1, keepdims=True) + 1e-5) * W + B


@kernel("gelu_tanh(X:M N)")
def gelu(X):  # proved
    return 0.5 * X * (1 + np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3)))


@kernel("logsumexp[N](X:M N)")
def logsumexp(X):  # proved
    top = np.max(X, axis=1)
    return top + np.log(np.sum(np.exp(X - top[:, None]), axis=1))


@kernel("(A:M N, B:E N -> M E)")
def product_with_a_transpose(A, B):  # proved
    return np.dot(A, B.T)


@kernel("X:M N + Y:N")
def broadcast_row(X, Y):  # proved
    return X + Y[None, :]


@kernel("(Q:M H E, K:N H E -> H M N)")
def scores_of_heads(Q, K):  # proved
    return np.einsum("mhe,nhe->hmn", Q, K)


@kernel("(Q:M H E, K:N H E -> H M N)")
def heads_by_transposing(Q, K):  # proved
    return Q.transpose(1, 0, 2) @ K.transpose(1, 2, 0)


@kernel("sum[N](X:M N where N % 2 == 0)")
def every_other_column(X):  # proved
    return X[:, ::2].sum(axis=1)


@kernel("sum[N](X:M N where N % 2 == 0)")
def the_other_columns(X):  # refuted
    return X[:, 1::2].sum(axis=1)


@kernel("X:M N where N <= M")
def triangle(X):  # proved
    return np.tril(X)


@kernel("sum[N where N <= M](X:N) -> M")
def running_sum(X):  # proved
    rows = np.arange(M)[:, None] >= np.arange(N)[None, :]
    return np.where(rows, X, 0.0).sum(axis=1)


@kernel("at[N := 7 - N](X:M N)")
def reversed_columns(X):  # proved
    return X[:, ::-1]


@kernel("X:M N * 2")
def folded_and_unfolded(X):  # proved
    return (X.reshape(M * 2, 4) * 2).reshape(M, N)


@kernel("max[M](max[N](X:M N))")
def maximum_of_everything(X):  # proved
    return X.max()


@kernel("mean[M](X:M N)")
def mean_with_keepdims(X):  # proved
    return np.mean(X, axis=0, keepdims=True)[0]


@kernel("sqrt(sum[N](X:M N ** 2))")
def euclidean_norm(X):  # proved
    return np.square(X).sum(-1) ** 0.5
