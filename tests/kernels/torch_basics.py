"""Plain PyTorch: pointwise functions, reductions, shapes, memory, masks."""

import math

import torch
import torch.nn.functional as F

from stile_engine import dim, kernel

M, N, K, D = dim("M", 8), dim("N", 6), dim("K", 4), dim("D", 8)
B, H, T, S, C = dim("B", 2), dim("H", 2), dim("T", 4), dim("S", 4), dim("C", 3)


@kernel("softmax[N](X:M N)")
def softmax_of_the_library(X):  # proved
    return F.softmax(X, dim=-1)


@kernel("softmax[M](X:M N)")
def softmax_along_the_wrong_axis(X):  # refuted
    return F.softmax(X, dim=-1)


@kernel("silu(X:M N) * Y:M N")
def gated(X, Y):  # proved
    return X * torch.sigmoid(X) * Y


@kernel("(A:M N, B:N K -> M K)")
def tiled_into_empty_memory(A, B):  # proved
    out = torch.empty(M, K)
    for i in range(0, M, 4):
        acc = torch.zeros(4, K)
        for j in range(0, N, 2):
            acc += A[i : i + 4, j : j + 2] @ B[j : j + 2]
        out[i : i + 4] = acc
    return out


@kernel("(A:M N, B:N K -> M K)")
def last_rows_never_written(A, B):  # refuted: never written
    out = torch.empty(M, K)
    for i in range(0, M - 4, 4):
        out[i : i + 4] = A[i : i + 4] @ B  # error[coverage-gap]
    return out


@kernel("X:M N * rsqrt(mean[N](X:M N ** 2) + 0.00001) * W:N")
def rms_norm_of_the_library(X, W):  # proved
    return F.rms_norm(X, (N,), W, eps=1e-5)


@kernel("let C = X:M N - mean[N](X:M N) in C * rsqrt(mean[N](C ** 2) + 0.00001)")
def layer_norm_of_the_library(X):  # proved
    return F.layer_norm(X, (N,))


@kernel("sum[N where N <= M](X:M N)")
def sum_of_the_triangle(X):  # proved
    return torch.tril(X).sum(1)


@kernel("(softmax[S](where(S <= T, (q:B H T C, k:B H S C -> B H T S) / sqrt(size(C)), -inf)), v:B H S C -> B H T C)")
def attention_with_a_buffer_mask(q, k, v):  # proved
    att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
    att = att.masked_fill(torch.tril(torch.ones(T, T)).view(1, 1, T, T) == 0, float("-inf"))
    att = F.softmax(att, dim=-1)
    return att @ v


@kernel("2 * X:M N")
def branch_on_the_numbers(X):  # unsupported
    if X[0, 0] > 0:  # warning[unsupported]
        return X + X
    return X * 2


@kernel("sum[N](X:M N)")
def sum_in_integers(X):  # refuted
    return X.sum(1, dtype=torch.int64).float()


@kernel("sum[N](X:M N)")
def running_sum_in_integers(X):  # refuted
    return X.cumsum(1, dtype=torch.int64)[:, -1].float()


@kernel("sum[N](X:M N)")
def sum_in_doubles(X):  # proved
    return X.sum(1, dtype=torch.float64).float()
