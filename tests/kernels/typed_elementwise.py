"""Typed NumPy: pointwise functions, reductions and masks."""

import math

import numpy as np

from stile_engine import dim, kernel
import stile_engine.numpy as tnp

M, N = dim("M", 6), dim("N", 8)


@kernel("X:M N + Y:M N", typed=True)
def addition(X, Y):  # proved
    return X + Y


@kernel("X:M N - Y:M N", typed=True)
def operands_swapped(X, Y):  # refuted
    return Y - X


@kernel("sigmoid(X:M N) * X:M N", typed=True)
def silu(X):  # proved
    return X / (1 + tnp.exp(-X))


@kernel("relu(X:M N)", typed=True)
def relu_as_maximum(X):  # proved
    return tnp.maximum(X, 0)


@kernel("abs(X:M N)", typed=True)
def absolute_value(X):  # proved
    return tnp.relu(X) + tnp.relu(-X)


@kernel("X:M N / sqrt(size(N))", typed=True)
def scaled_by_the_root_of_the_size(X):  # proved
    return X * (1 / math.sqrt(N))


@kernel("X:M N / 3", typed=True)
def third(X):  # proved
    return X * 0.3333333333333333


@kernel("X:M N / 3", typed=True)
def roughly_a_third(X):  # refuted
    return X * 0.333


@kernel("mean[N](X:M N)", typed=True)
def mean_of_rows(X):  # proved
    return X.sum(N) / N


@kernel("mean[N](X:M N)", typed=True)
def mean_with_the_wrong_size(X):  # refuted
    return X.sum(N) / M


@kernel("max[N](X:M N)", typed=True)
def maximum_of_halves(X):  # proved
    return tnp.maximum(X.slice(N, 0, 4).max(N), X.slice(N, 4, 8).max(N))


@kernel("max[N](X:M N)", typed=True)
def maximum_of_one_half(X):  # refuted
    return X.slice(N, 0, 4).max(N)


@kernel("X:M N where N <= M", typed=True)
def lower_triangle(X):  # proved
    return X.where("N <= M")


@kernel("X:M N where N <= M", typed=True)
def triangle_by_multiplication(X):  # proved
    return X * tnp.mask((M, N), "N <= M")


@kernel("X:M N where N <= M", typed=True)
def triangle_without_its_diagonal(X):  # refuted
    return X.where("N < M")


@kernel("exp(X:M N - max[N](X:M N))", typed=True)
def shifted_exponentials(X):  # proved
    top = X.max(N).repeat(N).rearrange(M, N)
    return tnp.exp(X - top)


@kernel("sin(X:M N) ** 2 + cos(X:M N) ** 2", typed=True)
def sum_of_squares(X):  # proved
    return tnp.sin(X) * tnp.sin(X) + tnp.cos(X) * tnp.cos(X)


@kernel("X:M N -> N M", typed=True)
def transposed(X):  # proved
    return X.rearrange(N, M)


@kernel("sqrt(X:M N * X:M N)", typed=True)
def root_of_square(X):  # proved
    return tnp.abs(X)


@kernel("minimum(X:M N, Y:M N)", typed=True)
def minimum_by_maximum(X, Y):  # proved
    return X + Y - tnp.maximum(X, Y)
