"""PyTorch over dims without a size: the sizes of a tensor are numbers there, so a kernel is checked at the smallest."""

import torch

from stile_engine import dim, kernel

N, M, D = dim("N", multiple_of=4), dim("M"), dim("D", 3)


@kernel("mean[M](X:M D)")
def mean(X):  # unknown: only at M = 1; M = 2; M = 3
    return X.mean(dim=0)


@kernel("mean[M](X:M D)")
def mean_over_the_padded_size(X):  # refuted
    return X.sum(dim=0) / (-(-X.shape[0] // 4) * 4)


@kernel("sum[N](X:N D)")
def sum_by_tiles(X):  # unknown: only at N = 4; N = 8; N = 12
    total = torch.zeros(3)
    for j in range(0, X.shape[0], 4):
        total = total + X[j : j + 4].sum(dim=0)
    return total


@kernel("sum[M](X:M D)")
def rows_left_after_whole_tiles(X):  # refuted
    total = torch.zeros(3)
    for j in range(0, X.shape[0] - 3, 4):
        total = total + X[j : j + 4].sum(dim=0)
    return total
