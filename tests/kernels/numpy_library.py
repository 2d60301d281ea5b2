"""NumPy and SciPy: the functions of their libraries that numerical programs lean on."""

import numpy as np
import scipy.special
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import expit, logsumexp, softmax

from stile_engine import dim, kernel

T, S, D, H = dim("T", 6), dim("S", 5), dim("D", 4), dim("H", 2)
M, N, E = dim("M", 5), dim("N", 8), dim("E", 3)
h, w, y, z, r, s = dim("h", 6), dim("w", 7), dim("y", 4), dim("z", 5), dim("r", 3), dim("s", 3)


@kernel("(softmax[S]((q:T D, k:S D -> T S) / sqrt(size(D))), v:S D -> T D)")
def attention_by_scipy(q, k, v):  # proved
    return softmax(q @ k.T / np.sqrt(D), axis=-1) @ v


@kernel("(softmax[S]((q:T D, k:S D -> T S) / sqrt(size(D))), v:S D -> T D)")
def attention_normalised_over_queries(q, k, v):  # refuted
    return softmax(q @ k.T / np.sqrt(D), axis=0) @ v


@kernel("logsumexp[N](x:M N) - gather[N](x:M N, t:M)", assume="t in N")
def cross_entropy(x, t):  # proved
    return logsumexp(x, axis=1) - x[np.arange(M), t]


@kernel("logsumexp[N](x:M N) - gather[N](x:M N, t:M)", assume="t in N")
def cross_entropy_of_exponentials(x, t):  # refuted
    return logsumexp(np.exp(x), axis=1) - x[np.arange(M), t]


@kernel("x:M N - logsumexp[N](x:M N)")
def log_softmax(x):  # proved
    return scipy.special.log_softmax(x, axis=1)


@kernel("sigmoid(x:M N) * x:M N")
def swish(x):  # proved
    return x * expit(x)


@kernel("0.5 * x:M N * (1 + erf(x:M N / sqrt(2)))")
def gelu_by_the_normal_distribution(x):  # proved
    return x * scipy.special.ndtr(x)


@kernel("0.5 * x:M N * (1 + erf(x:M N / sqrt(2)))")
def gelu_without_the_root(x):  # refuted
    return 0.5 * x * (1 + scipy.special.erf(x / 2))


@kernel("sum[N](where(p:M N > 0, p:M N * log(p:M N / q:M N), 0))", assume=["p positive", "q positive"])
def divergence(p, q):  # proved
    return scipy.special.rel_entr(p, q).sum(axis=1)


@kernel("sum[r](sum[s](at[w := z + s](at[h := y + r](x:h w)) * K:r s))")
def correlation_by_windows(x, K):  # proved
    return np.einsum("yzrs,rs->yz", sliding_window_view(x, (r, s)), K)


@kernel("sum[r](sum[s](at[w := z + s](at[h := y + r](x:h w)) * K:r s))")
def correlation_with_a_turned_kernel(x, K):  # refuted
    return np.einsum("yzrs,rs->yz", sliding_window_view(x, (r, s)), K[::-1, ::-1])


@kernel("sum[r where T >= r](at[T := T - r](x:T) * K:r)")
def causal_filter(x, K):  # proved
    return np.convolve(x, K)[:T]


@kernel("sum[r where T >= r](at[T := T - r](x:T) * K:r)")
def filter_in_the_middle(x, K):  # refuted
    return np.convolve(x, K, mode="same")


@kernel("sqrt(sum[D]((a:T D - b:S D) ** 2))")
def distances(a, b):  # proved
    return np.linalg.norm(a[:, None] - b[None, :], axis=-1)


@kernel("sqrt(sum[D]((a:T D - b:S D) ** 2))")
def distances_by_the_sum_of_sizes(a, b):  # refuted
    return np.linalg.norm(a[:, None] - b[None, :], ord=1, axis=-1)


@kernel("(x:T D, y:S D -> T S) / (sqrt(sum[D](x:T D ** 2)) * sqrt(sum[D](y:S D ** 2)))")
def cosines(x, y):  # proved
    norms = np.multiply.outer(np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1))
    return np.inner(x, y) / norms


@kernel("sum[T](where(e:T == E, 1, 0))", assume="e in E")
def tokens_of_each_expert(e):  # proved
    return np.bincount(e, minlength=E)


@kernel("sum[T](where(e:T == E, g:T, 0))", assume="e in E")
def load_of_each_expert(e, g):  # proved
    return np.bincount(e, weights=g, minlength=E)


@kernel("sum[T](where(e:T == E, g:T, 0))", assume="e in E")
def tokens_instead_of_load(e, g):  # refuted
    return np.bincount(e, minlength=E) * g.mean()


@kernel("(A:M N, B:N D, C:D T -> M T)")
def product_of_three(A, B, C):  # proved
    return np.linalg.multi_dot([A, B, C])


@kernel("x:M N ** 3 - 2 * x:M N + 0.5")
def polynomial(x):  # proved
    return np.polyval([1, 0, -2, 0.5], x)


@kernel("x:M N ** 3 - 2 * x:M N + 0.5")
def polynomial_read_from_the_other_end(x):  # refuted
    return np.polyval([0.5, -2, 0, 1], x)


@kernel("sum[N](x:M N ** 2) / 8 - mean[N](x:M N) ** 2")
def variance_by_einsum(x):  # proved
    return np.einsum("ii->i", x @ x.T) / N - x.mean(1) ** 2


@kernel("(x:M N - min[N](x:M N)) / (max[N](x:M N) - min[N](x:M N))")
def scaled_to_one(x):  # proved
    return (x - x.min(1, keepdims=True)) / np.ptp(x, axis=1, keepdims=True)


@kernel("x:M N / max[N](abs(x:M N))")
def scaled_by_the_greatest(x):  # proved
    return x / np.linalg.norm(x, np.inf, axis=1, keepdims=True)


@kernel("x:M N / max[N](abs(x:M N))")
def scaled_by_the_greatest_with_its_sign(x):  # refuted
    return x / x.max(axis=1, keepdims=True)


R, RC, J3 = dim("R", 4), dim("RC", 12), dim("J3", 3)


@kernel("at[R := RC % 4](at[J3 := RC // 4](x:R J3))")
def columns_one_after_another(x):  # proved
    return x.reshape(-1, order="F")


@kernel("at[R := RC % 4](at[J3 := RC // 4](x:R J3))")
def rows_one_after_another(x):  # refuted
    return x.T.reshape(-1, order="F")


@kernel("x:R J3 - (where(J3 == 0, 0, at[J3 := J3 - 1](x:R J3)))")
def differences_from_nothing(x):  # proved
    return np.diff(x, prepend=0)


@kernel("x:R J3 - (where(J3 == 0, 0, at[J3 := J3 - 1](x:R J3)))")
def differences_to_nothing(x):  # refuted
    return np.diff(x, append=0)


@kernel("sum[J3](x:R J3 * exp(w:J3)) / sum[J3](exp(w:J3))")
def average_by_exponentials(x, w):  # proved
    return np.average(x, axis=1, weights=np.exp(w))


@kernel("sum[J3](x:R J3 * exp(w:J3)) / sum[J3](exp(w:J3))")
def average_by_the_size(x, w):  # refuted
    return np.average(x * np.exp(w), axis=1)


@kernel("logsumexp[J3](x:R J3)")
def logarithm_of_sums_by_pairs(x):  # proved
    return np.logaddexp.reduce(x, axis=1)


@kernel("x:R J3 where R != J3")
def diagonal_set_to_zero(x):  # proved
    out = x.copy()
    np.fill_diagonal(out, 0)
    return out


@kernel("x:R J3 where R != J3")
def every_fourth_set_to_zero(x):  # refuted
    out = x.copy()
    out.ravel()[::3] = 0
    return out


@kernel("at[R := (R + 3) % 4](at[J3 := (J3 + 1) % 3](x:R J3))")
def rolled_along_two_axes(x):  # proved
    return np.roll(x, (1, -1), axis=(0, 1))


@kernel("at[R := (R + 3) % 4](at[J3 := (J3 + 1) % 3](x:R J3))")
def rolled_along_two_axes_exchanged(x):  # refuted
    return np.roll(x, (1, -1), axis=(1, 0))


# Arguments that a run refuses, or that leave nothing to do.


@kernel("sum[N](x:M N) / 8")
def weights_of_another_length(x):  # error
    return np.average(x, axis=1, weights=np.ones(1))  # error[exception]


@kernel("sum[N](x:M N) / 8")
def weights_of_another_shape(x):  # error
    return np.average(x, axis=1, weights=np.ones((1, 8)))  # error[exception]


@kernel("x:M N")
def repeats_of_less_than_nothing(x):  # error
    return np.repeat(np.concatenate([x, x[:1]]), [1, 1, 1, 1, 1, -1], axis=0)  # error[exception]


@kernel("0 * x:M N")
def roll_along_no_axis_is_a_copy(x):  # refuted
    y = np.roll(x, 1, ())
    y[...] = 0
    return x


@kernel("x:M N")
def differences_of_an_order_below_zero(x):  # error
    return np.diff(x, n=-1)  # error[exception]


@kernel("x:M N")
def deleted_where_a_truth_value_says(x):  # unsupported
    return np.delete(np.concatenate([x[:1], x]), False, axis=0)  # warning[unsupported]


@kernel("x:M N")
def condition_of_whole_numbers(x):  # unsupported
    return np.add(x, 0, out=np.zeros_like(x), where=np.where(x < x + 1, 1, 0))  # warning[unsupported]


@kernel("x:N")
def result_of_more_axes_than_its_place(x):  # error
    y = np.zeros(8)
    np.add(x[None, :], x, out=y)  # error[exception]
    return x


@kernel("x:N")
def sum_of_more_axes_than_its_place(x):  # error
    y = np.zeros(8)
    np.sum(x[None, None, :], axis=0, out=y)  # error[exception]
    return x


@kernel("sum[N](x:N where x:N > 0)")
def sum_where_whole_numbers_say(x):  # unsupported
    return np.sum(x, where=np.where(x > 0, 1, 0))  # warning[unsupported]
