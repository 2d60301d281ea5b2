"""NumPy: boolean masks of indices and of numbers, lists of indices, and functions with cases."""

import numpy as np

from stile_engine import dim, kernel

T, S, D, E = dim("T", 6), dim("S", 6), dim("D", 4), dim("E", 3)
M, N, Q, R, C = dim("M", 5), dim("N", 8), dim("Q", 5), dim("R", 4), dim("C", 3)
B, L = dim("B", 2), dim("L", 6)


@kernel("relu(x:M N)")
def relu_by_assignment(x):  # proved
    y = x.copy()
    y[y < 0] = 0
    return y


@kernel("where(x:M N > 0, x:M N, 0.1 * x:M N)")
def leaky_relu_in_place(x):  # proved
    y = x.copy()
    y[y < 0] *= 0.1
    return y


@kernel("where(x:M N > 0, x:M N, 0.1 * x:M N)")
def leaky_relu_of_the_other_half(x):  # refuted
    y = x.copy()
    y[y > 0] *= 0.1
    return y


@kernel("where(x:M N > 0, x:M N, exp(x:M N) - 1)")
def elu_on_the_negative_part(x):  # proved
    out = x.copy()
    negative = x <= 0
    out[negative] = np.exp(x[negative]) - 1
    return out


@kernel("where(x:M N > 0, x:M N, exp(x:M N) - 1)")
def elu_without_the_shift(x):  # refuted
    out = x.copy()
    negative = x <= 0
    out[negative] = np.exp(x[negative])
    return out


@kernel("where(x:M N > 0, g:M N, 0)")
def backward_of_relu(x, g):  # proved
    dx = np.array(g)
    dx[x <= 0] = 0
    return dx


@kernel("where(x:M N > 0, g:M N, 0)")
def backward_of_relu_with_the_wrong_mask(x, g):  # refuted
    dx = np.array(g)
    dx[g <= 0] = 0
    return dx


@kernel("at[N := Q + 3](x:M N)")
def columns_that_are_kept(x):  # proved
    return x[:, np.arange(N) >= 3]


@kernel("at[N := Q + 3](x:M N)")
def columns_one_too_early(x):  # refuted
    return x[:, (np.arange(N) >= 2) & (np.arange(N) < 7)]


@kernel("where(N % 2 == 0, 0, x:M N)")
def even_columns_cleared(x):  # proved
    y = x.copy()
    y[:, np.arange(N) % 2 == 0] = 0.0
    return y


@kernel("(softmax[S where S <= T]((q:T D, k:S D -> T S) / 2), v:S D -> T D)")
def causal_mask_by_indices(q, k, v):  # proved # information[dim-mismatch]: with S = 12
    scores = q @ k.T / np.sqrt(D)
    scores[np.triu_indices(T, k=1)] = -np.inf
    w = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (w / w.sum(axis=1, keepdims=True)) @ v


@kernel("(softmax[S where S <= T]((q:T D, k:S D -> T S) / 2), v:S D -> T D)")
def causal_mask_that_hides_the_past(q, k, v):  # refuted
    scores = q @ k.T / np.sqrt(D)
    scores[np.tril_indices(T, k=-1)] = -np.inf
    w = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (w / w.sum(axis=1, keepdims=True)) @ v


@kernel("where(C == 0, at[R := 2](x:M R), where(C == 1, at[R := 0](x:M R), at[R := 3](x:M R))) -> M C")
def channels_in_another_order(x):  # proved
    return x[:, [2, 0, 3]]


@kernel("where(C == 0, at[R := 2](x:M R), where(C == 1, at[R := 0](x:M R), at[R := 3](x:M R))) -> M C")
def channels_mixed_up(x):  # refuted
    return x[:, [0, 2, 3]]


@kernel("where(T == S, x:T S + 0.5, x:T S)")
def ridge_on_the_diagonal(x):  # proved
    y = x.copy()
    y[np.diag_indices(T)] += 0.5
    return y


@kernel("where(T == S, x:T S + 0.5, x:T S)")
def ridge_on_a_column(x):  # refuted
    y = x.copy()
    y[:, 0] += 0.5
    return y


@kernel("where(x:M N > 1, 2 * x:M N, where(x:M N > 0, x:M N, 0))")
def cases_by_select(x):  # proved
    return np.select([x > 1, x > 0], [2 * x, x], default=0.0)


@kernel("where(x:M N > 1, 2 * x:M N, where(x:M N > 0, x:M N, 0))")
def cases_in_the_wrong_order(x):  # refuted
    return np.select([x > 0, x > 1], [x, 2 * x], default=0.0)


@kernel("where(x:M N > 0, x:M N ** 2, 0 - x:M N)")
def cases_by_piecewise(x):  # proved
    return np.piecewise(x, [x > 0, x <= 0], [np.square, np.negative])


@kernel("where(x:M N > 0, x:M N ** 2, 0 - x:M N)")
def cases_by_piecewise_swapped(x):  # refuted
    return np.piecewise(x, [x > 0, x <= 0], [np.negative, np.square])


@kernel("sum[N](where(x:M N > 0, 1, 0)) / 8")
def share_of_positive_elements(x):  # proved
    return np.count_nonzero(x > 0, axis=1) / N


@kernel("sum[N](where(x:M N > 0, 1, 0)) / 8")
def share_of_elements_that_are_not_zero(x):  # refuted
    return np.count_nonzero(x, axis=1) / N


@kernel("sum[M](where(x:M > 0, x:M, 0))")
def sum_at_a_mask(x):  # proved
    return x[x > 0].sum()


@kernel("sum[M](where(x:M > 0, x:M, 0))")
def sum_of_squares_at_a_mask(x):  # refuted
    return np.square(x[x > 0]).sum()


@kernel("clamp(floor(x:M N / 0.25 + 0.5), -128, 127) * 0.25")
def quantised_and_back(x):  # proved
    q = np.clip(np.floor(x / 0.25 + 0.5), -128, 127).astype(np.int8)
    return q.astype(np.float64) * 0.25


@kernel("clamp(floor(x:M N / 0.25 + 0.5), -128, 127) * 0.25")
def quantised_without_the_half(x):  # refuted
    q = np.clip(np.floor(x / 0.25), -128, 127).astype(np.int8)
    return q.astype(np.float64) * 0.25


@kernel("clamp(x:M N, -1, 1)")
def clamped_by_choices(x):  # proved
    below = np.where(x > 1, 1.0, x)
    return np.where(below < -1, -1.0, below)


@kernel("clamp(x:M N, -1, 1)")
def clamped_in_the_wrong_order(x):  # refuted
    below = np.where(x > 1, -1.0, x)
    return np.where(below < -1, 1.0, below)


@kernel("sum[N](where(x:M N > 0, x:M N * log(x:M N), 0))")
def entropy_of_what_is_positive(x):  # proved
    safe = np.where(x > 0, x, 1)
    return np.where(x > 0, x * np.log(safe), 0).sum(axis=1)


@kernel("sum[N](where(x:M N > 0, x:M N * log(x:M N), 0))")
def entropy_of_magnitudes(x):  # refuted
    safe = np.where(x != 0, np.abs(x), 1)
    return np.where(x != 0, np.abs(x) * np.log(safe), 0).sum(axis=1)


QUOTIENT = "where(y:M N != 0, x:M N / y:M N, 0)"


@kernel(QUOTIENT)
def quotient_where_there_is_one(x, y):  # proved
    return np.divide(x, y, out=np.zeros_like(x), where=y != 0)


@kernel(QUOTIENT)
def quotient_into_memory_without_numbers(x, y):  # refuted: never written
    out = np.empty_like(x)
    return np.divide(x, y, out=out, where=y > 0)  # error[coverage-gap]  # error[coverage-gap]


@kernel("where(y:M N > 0, x:M N, 1)")
def kept_where_the_condition_fails(x, y):  # proved
    out = np.ones_like(x)
    return np.multiply(x, 1, out=out, where=y > 0)


@kernel("where(y:M N > 0, x:M N, 1)")
def kept_where_it_holds(x, y):  # refuted
    out = np.ones_like(x)
    return np.multiply(x, 1, out=out, where=y <= 0)
