"""Plain NumPy: kernels that need a law each, right and wrong."""

import numpy as np

from stile_engine import dim, kernel

q, n, d, f = dim("q", 8), dim("n", 8), dim("d", 4), dim("f", 6)
h, g = dim("h", 4), dim("g", 2)
TILE = 4


@kernel("(exp((Q:q d, K:n d -> q n)), V:n d -> q d) / (sum[n](exp((Q:q d, K:n d -> q n))) + exp(S:q))")
def attention_with_a_sink(Q, K, V, S):  # proved
    out = np.empty((q, d))
    for i in range(0, q, TILE):
        top = S[i : i + TILE]
        total = np.ones(TILE)
        sums = np.zeros((TILE, d))
        for j in range(0, n, TILE):
            scores = Q[i : i + TILE] @ K[j : j + TILE].T
            new_top = np.maximum(top, scores.max(axis=1))
            shrink = np.exp(top - new_top)
            weights = np.exp(scores - new_top[:, None])
            total = total * shrink + weights.sum(axis=1)
            sums = sums * shrink[:, None] + weights @ V[j : j + TILE]
            top = new_top
        out[i : i + TILE] = sums / total[:, None]
    return out


@kernel("(exp((Q:q d, K:n d -> q n)), V:n d -> q d) / (sum[n](exp((Q:q d, K:n d -> q n))) + exp(S:q))")
def sink_without_its_weight(Q, K, V, S):  # refuted
    scores = Q @ K.T
    top = np.maximum(S, scores.max(axis=1))
    weights = np.exp(scores - top[:, None])
    return weights @ V / (weights.sum(axis=1) + np.exp(S))[:, None]


@kernel("(softmax[n](20 * tanh((Q:q d, K:n d -> q n) / 20)), V:n d -> q d)")
def soft_cap_normalised_at_each_step(Q, K, V):  # proved
    top = np.full(q, -np.inf)
    total = np.zeros(q)
    out = np.zeros((q, d))
    for j in range(0, n, TILE):
        scores = 20 * np.tanh(Q @ K[j : j + TILE].T / 20)
        new_top = np.maximum(top, scores.max(axis=1))
        weights = np.exp(scores - new_top[:, None])
        old = total * np.exp(top - new_top)
        total = old + weights.sum(axis=1)
        out = (out * old[:, None] + weights @ V[j : j + TILE]) / total[:, None]
        top = new_top
    return out


@kernel("(softmax[n](20 * tanh((Q:q d, K:n d -> q n) / 20)), V:n d -> q d)")
def soft_cap_left_out(Q, K, V):  # refuted
    scores = Q @ K.T
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights @ V / weights.sum(axis=1, keepdims=True)


@kernel("(softmax[n]((Q:q d, K:n d -> q n)), V:n d -> q d)")
def split_keys_merged_by_logsumexp(Q, K, V):  # proved # information[dim-mismatch]: with n = 16
    parts, logs = [], []
    for j in range(0, n, TILE):
        scores = Q @ K[j : j + TILE].T
        top = scores.max(axis=1)
        weights = np.exp(scores - top[:, None])
        total = weights.sum(axis=1)
        parts.append(weights @ V[j : j + TILE] / total[:, None])
        logs.append(top + np.log(total))
    top = np.maximum(logs[0], logs[1])
    whole = top + np.log(np.exp(logs[0] - top) + np.exp(logs[1] - top))
    return parts[0] * np.exp(logs[0] - whole)[:, None] + parts[1] * np.exp(logs[1] - whole)[:, None]


@kernel("(softmax[n]((Q:q d, K:n d -> q n)), V:n d -> q d)")
def split_keys_merged_without_weights(Q, K, V):  # refuted
    parts = []
    for j in range(0, n, TILE):
        weights = np.exp(Q @ K[j : j + TILE].T)
        parts.append(weights @ V[j : j + TILE] / weights.sum(axis=1, keepdims=True))
    return (parts[0] + parts[1]) / 2


@kernel("(softmax[n where q - 3 < n <= q]((Q:q d, K:n d -> q n)), V:n d -> q d)")
def sliding_window(Q, K, V):  # proved
    scores = Q @ K.T
    distance = np.arange(q)[:, None] - np.arange(n)[None, :]
    scores = np.where((distance >= 0) & (distance < 3), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights @ V / weights.sum(axis=1, keepdims=True)


@kernel("(softmax[n where q - 3 < n <= q]((Q:q d, K:n d -> q n)), V:n d -> q d)")
def sliding_window_one_too_wide(Q, K, V):  # refuted
    scores = Q @ K.T
    distance = np.arange(q)[:, None] - np.arange(n)[None, :]
    scores = np.where((distance >= 0) & (distance <= 3), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights @ V / weights.sum(axis=1, keepdims=True)


NORMAL = "(X:q f - mean[f](X:q f)) * rsqrt(mean[f](X:q f ** 2) - mean[f](X:q f) ** 2 + 1e-6)"


@kernel(NORMAL)
def layer_norm_by_welford(X):  # proved
    count, mean, squares = 0, np.zeros(q), np.zeros(q)
    for j in range(0, f, 2):
        tile = X[:, j : j + 2]
        own = tile.mean(axis=1)
        gap = own - mean
        squares = squares + ((tile - own[:, None]) ** 2).sum(axis=1) + gap**2 * count * 2 / (count + 2)
        mean = mean + gap * 2 / (count + 2)
        count += 2
    return (X - mean[:, None]) / np.sqrt(squares / f + 1e-6)[:, None]


@kernel("(X:q f + R:q f) * rsqrt(mean[f]((X:q f + R:q f) ** 2) + 1e-5) * G:f")
def norm_of_a_residual(X, R, G):  # proved
    squares = (X * X).mean(axis=1) + 2 * (X * R).mean(axis=1) + (R * R).mean(axis=1)
    return (X * G + R * G) / np.sqrt(squares + 1e-5)[:, None]


@kernel("logsumexp[f](X:q f) - at[f := 2](X:q f)")
def cross_entropy_in_chunks(X):  # proved
    top, total = np.full(q, -np.inf), np.zeros(q)
    for j in range(0, f, 2):
        new_top = np.maximum(top, X[:, j : j + 2].max(axis=1))
        total = total * np.exp(top - new_top) + np.exp(X[:, j : j + 2] - new_top[:, None]).sum(axis=1)
        top = new_top
    return np.log(total) + top - X[:, 2]


@kernel("logsumexp[f](X:q f) - at[f := 2](X:q f)")
def cross_entropy_without_its_maximum(X):  # refuted
    top = X.max(axis=1)
    return np.log(np.exp(X - top[:, None]).sum(axis=1)) - X[:, 2]


@kernel("X:q f * cos(A:q f + B:q f) - Y:q f * sin(A:q f + B:q f)")
def rotations_in_turn(X, Y, A, B):  # proved
    left, right = X * np.cos(A) - Y * np.sin(A), X * np.sin(A) + Y * np.cos(A)
    return left * np.cos(B) - right * np.sin(B)


@kernel("X:q f * cos(A:q f + B:q f) - Y:q f * sin(A:q f + B:q f)")
def rotations_the_other_way(X, Y, A, B):  # refuted
    left, right = X * np.cos(A) + Y * np.sin(A), Y * np.cos(A) - X * np.sin(A)
    return left * np.cos(B) + right * np.sin(B)


@kernel("clamp(max[f](X:q f), -1, 1)")
def greatest_of_clipped(X):  # proved
    return np.clip(X, -1, 1).max(axis=1)


@kernel("max[f](abs(X:q f)) ** 2")
def greatest_square(X):  # proved
    return np.maximum((X[:, :3] ** 2).max(axis=1), (X[:, 3:] ** 2).max(axis=1))


@kernel("max[f](X:q f) ** 2")
def greatest_square_with_its_sign_lost(X):  # refuted
    return (X**2).max(axis=1)


@kernel("(X:q d, W:d f -> q f) * sigmoid((X:q d, W:d f -> q f)) * (X:q d, U:d f -> q f)")
def gated(X, W, U):  # proved
    hidden = X @ W
    return X @ U * hidden * 0.5 * (1 + np.tanh(hidden / 2))


@kernel("(softmax[n]((Q:h q d, at[g := h // 2](K:g n d) -> h q n)), at[g := h // 2](V:g n d) -> h q d)")
def grouped_heads(Q, K, V):  # proved
    out = np.empty((h, q, d))
    for head in range(h):
        scores = Q[head] @ K[head // 2].T
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        out[head] = weights @ V[head // 2] / weights.sum(axis=1, keepdims=True)
    return out


@kernel("(softmax[n]((Q:h q d, at[g := h // 2](K:g n d) -> h q n)), at[g := h // 2](V:g n d) -> h q d)")
def grouped_heads_in_the_wrong_order(Q, K, V):  # refuted
    out = np.empty((h, q, d))
    for head in range(h):
        scores = Q[head] @ K[head % 2].T
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        out[head] = weights @ V[head % 2] / weights.sum(axis=1, keepdims=True)
    return out


@kernel("sqrt(sum[f](X:q f ** 2)) * sqrt(sum[f](Y:q f ** 2))")
def norms_under_one_root(X, Y):  # proved
    return np.sqrt((X**2).sum(axis=1) * (Y**2).sum(axis=1))


@kernel("sum[f](log(1 + X:q f ** 2))")
def logarithm_of_a_product(X):  # proved
    return np.log((1 + X**2).prod(axis=1))


@kernel("(exp(A:q n), (B:n d, C:d f -> n f) -> q f) / sum[n](exp(A:q n))")
def low_rank_values(A, B, C):  # proved
    weights = np.exp(A - A.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True) @ B @ C


HUBER = "mean[n](minimum(abs(P:n - Y:n), 1) * (abs(P:n - Y:n) - 0.5 * minimum(abs(P:n - Y:n), 1)))"


@kernel(HUBER)
def huber_loss_by_cases(P, Y):  # proved
    d = np.abs(P - Y)
    return np.where(d < 1, 0.5 * d**2, d - 0.5).mean()


@kernel(HUBER)
def huber_loss_without_its_half(P, Y):  # refuted
    d = np.abs(P - Y)
    return np.where(d < 1, 0.5 * d**2, d).mean()


@kernel("sum[n](minimum(P:n, 1))")
def sum_cut_off_by_a_mask(P):  # proved
    return np.where(P < 1, P, 1).sum()


@kernel("sum[n](minimum(P:n, 1))")
def sum_of_the_small_ones_alone(P):  # refuted
    return np.where(P < 1, P, 0).sum()


@kernel("sum[n](relu(P:n) ** 2)")
def squares_of_the_positive(P):  # proved
    return (P[P > 0] ** 2).sum()


@kernel("sum[n](relu(P:n) ** 2)")
def squares_of_those_above_one(P):  # refuted
    return (P[P > 1] ** 2).sum()
