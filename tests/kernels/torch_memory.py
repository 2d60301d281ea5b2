"""Memory as PyTorch has it: views, strides, in-place operations, `out=`, running sums, losses."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from stile_engine import dim, kernel

M, N, K, L, Q = dim("M", 6), dim("N", 8), dim("K", 4), dim("L", 6), dim("Q", 2)


@kernel("sum[L where L <= M](x:L N) -> M N")
def running_sum(x):  # proved
    return x.cumsum(0)


@kernel("sum[L where L <= M](x:L N) -> M N")
def running_sum_by_a_loop(x):  # proved
    out = torch.empty_like(x)
    total = torch.zeros(N)
    for i in range(x.shape[0]):
        total = total + x[i]
        out[i] = total
    return out


@kernel("sum[L where L <= M](x:L N) -> M N")
def one_buffer_for_all_rows(x):  # refuted
    """Every row is a view of one and the same memory."""
    rows, total = [], torch.zeros(N)
    for i in range(x.shape[0]):
        total += x[i]
        rows.append(total)
    return torch.stack(rows)


@kernel("sum[L where L < M](x:L N) -> M N")
def exclusive_sum(x):  # refuted
    return torch.roll(x.cumsum(0), 1, 0)


@kernel("where(M == 0, 0, sum[L where L < M](x:L N)) -> M N")
def exclusive_sum_by_padding(x):  # proved
    return F.pad(x.cumsum(0), (0, 0, 1, 0))[:-1]


@kernel("x:M N + y:N")
def in_place_on_a_copy(x, y):  # proved
    out = x.clone()
    out.t().add_(y[:, None])
    return out


@kernel("x:M N + x:M N")
def view_changed_before_it_is_read(x):  # refuted
    first = x[:, :4]
    y = x.clone()
    x.zero_()
    return torch.cat([first, y[:, 4:]], 1) + y


@kernel({"out": "x:M N * 2 where N < 4"})
def half_of_the_columns(x, out):  # proved
    torch.mul(x[:, :4], 2, out=out[:, :4])
    out[:, 4:].zero_()


@kernel({"out": "x:M N * 2 where N < 4"})
def rest_left_unwritten(x, out):  # refuted: never written
    torch.mul(x[:, :4], 2, out=out[:, :4])  # error[coverage-gap]


@kernel("at[M := L](x:M N) where L == N -> L N")
def diagonal(x):  # proved
    out = torch.zeros(L, N)
    out.diagonal().copy_(x.diagonal())
    return out


@kernel("at[M := L](x:M N) where L == N -> L N")
def diagonal_with_the_wrong_stride(x):  # refuted
    out = torch.zeros(L * N)
    out[:: N][:6] = x.diagonal()
    return out.view(L, N)


@kernel("where(N % 2 == 0, x:M N, 0)")
def every_second_column(x):  # proved
    out = x.clone()
    out[:, 1::2] = 0
    return out


@kernel("where(N % 2 == 0, x:M N, 0)")
def every_second_place_of_the_flat_memory(x):  # proved
    out = x.clone()
    out.view(-1)[1::2] = 0
    return out


@kernel("where(N % 2 == 0, x:M N, 0)")
def flat_memory_of_the_transpose(x):  # refuted
    out = x.t().contiguous()
    out.view(-1)[1::2] = 0
    return out.t()


@kernel("mean[M](mean[N]((x:M N - y:M N) ** 2))")
def squared_error(x, y):  # proved
    return F.mse_loss(x, y)


@kernel("mean[M](mean[N]((x:M N - y:M N) ** 2))")
def squared_error_that_is_halved(x, y):  # refuted
    return 0.5 * ((x - y) ** 2).mean()


@kernel("mean[M](-sum[N](t:M N * (x:M N - logsumexp[N](x:M N))))")
def cross_entropy_of_probabilities(x, t):  # proved
    return F.cross_entropy(x, t)


@kernel("mean[M](-sum[N](t:M N * (x:M N - logsumexp[N](x:M N))))")
def cross_entropy_over_the_wrong_axis(x, t):  # refuted
    return -(t * F.log_softmax(x, dim=0)).sum(1).mean()


@kernel("(x:M N, y:L N -> M L) / (sqrt(sum[N](x:M N ** 2)) * sqrt(sum[N](y:L N ** 2)))")
def cosine(x, y):  # proved
    return (x @ y.T) / (x.norm(dim=1)[:, None] * y.norm(dim=1)[None])


@kernel("sum[N]((x:M N - y:L N) ** 2)")
def squared_distances(x, y):  # proved
    return (x * x).sum(1)[:, None] + (y * y).sum(1) - 2 * x @ y.T


@kernel("sum[N]((x:M N - y:L N) ** 2)")
def squared_distances_without_the_factor(x, y):  # refuted
    return (x * x).sum(1)[:, None] + (y * y).sum(1) - x @ y.T


@kernel("let c = x:M N - mean[M](x:M N) in (c, at[N := K](c) -> N K) / 5")
def covariance(x):  # proved
    c = x - x.mean(0)
    return (c.T @ c / (M - 1))[:, :K]


@kernel("let c = x:M N - mean[M](x:M N) in (c, at[N := K](c) -> N K) / 5")
def covariance_of_the_population(x):  # refuted
    c = x - x.mean(0)
    return (c.T @ c / M)[:, :K]


@kernel("sum[M](x:M N ** 2) / 5 - sum[M](x:M N) ** 2 / 30")
def variance(x):  # proved
    return x.var(dim=0)


@kernel("sum[M](x:M N ** 2) / 6 - sum[M](x:M N) ** 2 / 36")
def variance_with_the_default_correction(x):  # refuted
    return x.var(0)


@kernel("at[N := 7 - N](x:M N)")
def mirrored(x):  # proved
    return x.flip(-1)


@kernel("maximum(x:M N, 0.1 * x:M N)")
def leaky(x):  # proved
    return F.leaky_relu(x, 0.1)


@kernel("2 * x:M N")
def random_numbers(x):  # unsupported: random
    return x * 2 + torch.randn_like(x) * 0.01  # warning[unsupported]


@kernel("2 * x:M N")
def numbers_in_a_list(x):  # unsupported
    return torch.tensor([v * 2 for v in x[0].tolist()])  # warning[unsupported]


@kernel("max[N](x:M N)")
def most_frequent(x):  # unsupported: mode
    return x.mode(dim=1).values  # warning[unsupported]
