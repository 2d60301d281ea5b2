"""Plain NumPy over dims without a size: a proof holds for every size, a mistake is found at the smallest one."""

import numpy as np

from stile_engine import dim, kernel

N, M, L = dim("N", multiple_of=16), dim("M"), dim("L")
D = dim("D", 3)
T = 16
LOOKED_UP = np.array([100, 200])
ATTENTION = "(softmax[L where L <= M]((A:M D, K:L D -> M L) / sqrt(size(D))), V:L D -> M D)"
SHIFTED = "at[M := M - 1](X:M D) where M > 0"


@kernel("mean[M](X:M D)")
def mean(X):  # proved: for every M
    return X.mean(axis=0)


@kernel("mean[M](X:M D)")
def mean_by_a_reciprocal(X):  # proved
    return X.sum(axis=0) * (1 / len(X))


@kernel("mean[M](X:M D)")
def mean_over_the_padded_size(X):  # refuted
    return X.sum(axis=0) / (-(-X.shape[0] // T) * T)


@kernel("mean[M](X:M D)")
def mean_with_one_too_few(X):  # refuted
    return X.sum(axis=0) / (X.shape[0] - 1)


@kernel("mean[M]((X:M D - mean[M](X:M D)) ** 2)")
def variance(X):  # proved
    return X.var(axis=0)


@kernel("mean[M]((X:M D - mean[M](X:M D)) ** 2)")
def variance_of_a_sample(X):  # refuted
    return ((X - X.mean(axis=0)) ** 2).sum(axis=0) / np.maximum(X.shape[0] - 1, 1)


@kernel("softmax[L](X:M L)")
def softmax(X):  # proved: for every L and every M
    e = np.exp(X - X.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@kernel("softmax[L](X:M L)")
def softmax_over_the_other_axis(X):  # refuted
    e = np.exp(X - X.max(axis=0))
    return e / e.sum(axis=0)


@kernel("X:M D * rsqrt(mean[D](X:M D ** 2) + 0.00001) * W:D")
def norm(X, W):  # proved
    return X / np.sqrt((X**2).mean(axis=-1, keepdims=True) + 1e-5) * W


@kernel(ATTENTION)
def causal_attention(A, K, V):  # proved
    scores = A @ K.T / np.sqrt(A.shape[1])
    visible = np.arange(K.shape[0])[None, :] <= np.arange(A.shape[0])[:, None]
    scores = np.where(visible, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights @ V / weights.sum(axis=1)[:, None]


@kernel(ATTENTION)
def causal_attention_that_sees_one_more(A, K, V):  # refuted
    scores = A @ K.T / np.sqrt(A.shape[1])
    visible = np.arange(K.shape[0])[None, :] <= np.arange(A.shape[0])[:, None] + 1
    scores = np.where(visible, scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights @ V / weights.sum(axis=1)[:, None]


@kernel("sum[N](X:N D)")
def sum_by_tiles(X):  # proved: for every N that is a multiple of 16
    return X.reshape(-1, T, D).sum(axis=1).sum(axis=0)


@kernel("sum[N](X:N D)")
def sum_without_the_last_tile(X):  # refuted: never visits
    return X.reshape(-1, T, D)[:-1].sum(axis=(0, 1))


@kernel("sum[M](X:M D)")
def rows_left_after_whole_tiles(X):  # refuted
    return X[: X.shape[0] // T * T].sum(axis=0)


@kernel(SHIFTED)
def shifted(X):  # proved
    out = np.zeros_like(X)
    out[1:] = X[:-1]
    return out


@kernel(SHIFTED)
def shifted_without_the_first_row(X):  # refuted
    out = np.empty_like(X)
    out[1:] = X[:-1]  # error[coverage-gap]: never written
    return out


@kernel({"out": "X:M + Y:M"})
def in_place(X, Y, out):  # proved
    out[:] = X
    out += Y


@kernel({"out": "X:M + Y:M"})
def in_place_from_the_second_element(X, Y, out):  # refuted
    np.add(X[1:], Y[1:], out=out[1:])  # error[coverage-gap]: never written


@kernel("X:N where N % 2 == 0")
def every_second_element(X):  # proved
    out = np.zeros(X.shape[0])
    out[::2] = X[::2]
    return out


@kernel("X:N where N % 2 == 0")
def every_second_element_from_the_second(X):  # refuted
    out = np.zeros(X.shape[0])
    out[1::2] = X[1::2]
    return out


@kernel("at[M := size(M) - 1 - M](X:M)")
def reversed_order(X):  # proved
    return X[::-1]


@kernel("X:M - at[M := size(M) - 1](X:M)")
def less_the_last(X):  # proved
    return X - X[-1]


@kernel("X:M - at[M := size(M) - 1](X:M)")
def less_the_first(X):  # refuted
    return X - X[0]


@kernel("X:N")
def rolled_there_and_back(X):  # proved
    return np.roll(np.roll(X, 3), -3)


@kernel("X:N")
def rolled_too_far_back(X):  # refuted
    return np.roll(np.roll(X, 3), -4)


@kernel("X:M")
def a_size_compared_with_a_number(X):  # refuted
    if X.shape[0] == 5:
        return 2 * X
    return X


@kernel("X:M")
def a_size_looked_up(X):  # unknown: a symbolic size in a set
    if X.shape[0] in {100, 200}:
        return 2 * X
    return X


@kernel("X:N")
def a_remainder_that_is_known(X):  # proved
    return X if X.shape[0] % 8 == 0 else 2 * X


@kernel("X:M")
def a_size_asked_for_its_type(X):  # proved
    return X if isinstance(X.shape[0], int) else 2 * X


@kernel("X:M")
def a_refusal_that_is_caught(X):  # unsupported # warning[unsupported]: catches exceptions
    try:
        rows = list(range(X.shape[0]))
    except Exception:
        return X
    return X * len(rows)


@kernel("sum[N](X:N D)")
def a_python_loop(X):  # unknown: only at N = 16; N = 32; N = 48
    total = np.zeros(3)
    for j in range(0, X.shape[0], T):
        total += X[j : j + T].sum(axis=0)
    return total


@kernel("sum[N](X:N D)")
def a_python_loop_that_ends_early(X):  # refuted
    total = np.zeros(3)
    for j in range(0, X.shape[0] - T, T):
        total += X[j : j + T].sum(axis=0)
    return total


@kernel("sum[M](X:M D)")
def a_python_loop_with_a_ragged_tail(X):  # refuted
    total = np.zeros(3)
    for j in range(0, X.shape[0] - X.shape[0] % 4, 4):
        total += X[j : j + 4].sum(axis=0)
    return total


@kernel("X:M")
def a_size_compared_with_a_fraction(X):  # refuted
    return X * (2 if X.shape[0] == 5.0 else 1)


@kernel("X:M")
def a_size_looked_up_in_an_array(X):  # unknown: compare
    return 1 * X * (2 if X.shape[0] in LOOKED_UP else 1)


@kernel("X:M")
def a_size_as_text(X):  # unknown: a symbolic size as text
    return 1 * X * {"100": 2}.get(f"{X.shape[0]}", 1)


@kernel("size(M) * X:M")
def a_size_rounded_to_tens(X):  # refuted
    return X * round(X.shape[0], -1)


@kernel("X:M")
def a_size_compared_with_infinity(X):  # proved
    return X if 0.5 < X.shape[0] < np.inf else 2 * X


@kernel("X:M L")
def second_tile_of_a_tiled_array(X):  # proved
    return np.tile(X, (3, 2))[len(X) : 2 * len(X), : X.shape[1]]


@kernel("X:M L")
def tiled_array_from_one_row_too_far(X):  # refuted
    return np.tile(X, (3, 2))[len(X) + 1 : 2 * len(X) + 1, : X.shape[1]]


@kernel("X:N")
def rolled_back_by_a_part(X):  # proved
    return np.roll(np.roll(X, len(X) // 2), -(len(X) // 2))


@kernel("X:N * (size(N) - 0.5) + 0.5 / size(N)")
def sizes_meet_fractions(X):  # proved
    return X * (len(X) - 0.5) + 0.5 / len(X)


AS_LONG = dim("AS_LONG", L)


@kernel("sum[AS_LONG where AS_LONG <= L](at[L := AS_LONG](X:L))")
def running_sums_round_by_round(X):  # unknown: not shown for every size
    out = np.zeros(len(X))
    total = 0.0
    for i in range(len(X)):  # warning[not-proved]
        total = total + X[i]
        out[i] = total
    return out
