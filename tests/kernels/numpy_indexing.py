"""Plain NumPy: integers that are data, as indices and in conditions."""

import numpy as np

from stile_engine import dim, kernel

T, S, D, E, F, N = dim("T", 6), dim("S", 9), dim("D", 2), dim("E", 3), dim("F", 2), dim("N", 8)
P, B, n, q, b, G = dim("P", 5), dim("B", 2), dim("n", 8), dim("q", 2), dim("b", 3), dim("G", 4)
T3 = dim("T3", 3)
L, K, K2 = dim("L", 4), dim("K", 4), dim("K2", 4)


@kernel("gather[E](W:E D, eid:T)", assume="eid in E")
def embedding(W, eid):  # proved
    return W[eid]


@kernel("gather[E](W:E D, eid:T)", assume="eid in E")
def embedding_by_take(W, eid):  # proved
    return np.take(W, eid, axis=0)


@kernel("gather[E](W:E D, eid:T)", assume="eid in E")
def embedding_row_by_row(W, eid):  # proved
    out = np.empty((T, D))
    for t in range(T):
        out[t] = W[eid[t]]
    return out


@kernel("gather[E](W:E D, eid:T)", assume="eid in E")
def embedding_of_the_next_row(W, eid):  # refuted
    return W[(eid + 1) % E]


@kernel("gather[K](W:K K2, kid:T)", assume="kid in K")
def embedding_of_the_wrong_axis(W, kid):  # refuted
    return W[:, kid].T  # error[dim-mismatch]: the result runs along K where the spec has K2


@kernel("gather[E](W:E D, eid:T)")
def embedding_without_a_range(W, eid):  # unsupported: declared to lie in
    return W[eid]  # warning[unsupported]


@kernel("gather[N](X:N, I:N)", assume="I in N")
def own_dim(X, I):  # proved
    return X[I]


@kernel("X:N", inputs={"I": "I:N"}, assume=["I in N"])
def own_dim_as_constant(X, I):  # refuted
    return X[I]


@kernel("X:N + 0 * gather[N](X:N, I:N)", assume="I in N")
def own_dim_taken_for_the_identity(X, I):  # refuted
    return X[I]


@kernel("X:N + 0 * gather[N](X:N, I:N)", assume="I permutation of N")
def round_trip_of_a_permutation(X, I):  # proved
    out = np.empty_like(X)
    out[I] = X
    return out[I]


@kernel("X:N + 0 * gather[N](X:N, I:N)", assume="I permutation of N")
def gathered_twice(X, I):  # refuted
    return X[I][I]


@kernel("scatter[N](X:N, I:N)", assume="I permutation of N")
def scattered_everywhere(X, I):  # proved
    out = np.empty_like(X)
    out[I] = X
    return out


@kernel("scatter[S](Kp:T D, pos:T, cache:S D)", assume=["pos unique", "pos in S"])
def cache_write(Kp, pos, cache):  # proved
    out = cache.copy()
    out[pos] = Kp
    return out


@kernel({"cache": "scatter[S](Kp:T D, pos:T, cache:S D)"}, assume=["pos unique", "pos in S"])
def cache_write_in_place(Kp, pos, cache):  # proved
    cache[pos] = Kp


@kernel({"cache": "scatter[S](Kp:T3 D, pos:T3, cache:S D)"}, assume=["pos unique", "pos in S"])
def cache_write_token_by_token(Kp, pos, cache):  # proved
    for t in range(T3):
        cache[pos[t]] = Kp[t]


@kernel({"cache": "scatter[S](Kp:T3 D, pos:T3, cache:S D)"}, assume=["pos unique", "pos in S"])
def cache_write_without_the_last_token(Kp, pos, cache):  # refuted
    for t in range(T3 - 1):
        cache[pos[t]] = Kp[t]


@kernel({"cache": "scatter[S](Kp:T3 D, pos:T3, cache:S D)"}, assume=["pos unique", "pos in S"])
def cache_write_at_the_step(Kp, pos, cache):  # refuted
    for t in range(T3):
        cache[t] = Kp[t]


@kernel("scatter[S, sum](X:T, pos:T, Y:S)", assume="pos in S")
def added_up(X, pos, Y):  # proved
    out = Y.copy()
    np.add.at(out, pos, X)
    return out


@kernel("scatter[S, sum](X:T3, pos:T3, Y:S)", assume="pos in S")
def added_up_one_by_one(X, pos, Y):  # proved
    out = Y.copy()
    for t in range(T3):
        out[pos[t]] += X[t]
    return out


@kernel("scatter[S, sum](X:T, pos:T, Y:S)", assume="pos in S")
def overwritten_instead_of_added(X, pos, Y):  # refuted
    out = Y.copy()
    out[pos] += X
    return out


@kernel("scatter[S, sum](X:T, pos:T, Y:S)", assume=["pos in S", "pos unique"])
def added_where_nothing_repeats(X, pos, Y):  # proved
    out = Y.copy()
    out[pos] += X
    return out


@kernel("scatter[S, max](X:T, pos:T, Y:S)", assume="pos in S")
def greatest_of_each_place(X, pos, Y):  # proved
    out = Y.copy()
    np.maximum.at(out, pos, X)
    return out




@kernel(
    "let Kn = at[P := page:L](K:P B D) in (softmax[L]((Q:q D, sum[B](Kn) -> q L)), V:L D -> q D)",
    assume="page in P",
)
def attention_over_gathered_rows(Q, K, V, page):  # proved
    rows = K[page].sum(axis=1)
    s = Q @ rows.T
    w = np.exp(s - s.max(axis=1, keepdims=True))
    return w / w.sum(axis=1, keepdims=True) @ V


@kernel(
    "let Kn = gather[S](K:S D, slot:n) in let Vn = gather[S](V:S D, slot:n) in"
    " (softmax[n]((Q:q D, Kn -> q n)), Vn -> q D)",
    assume="slot in S",
)
def paged_attention(Q, K, V, slot):  # proved
    m = np.full(q, -np.inf)
    total = np.zeros(q)
    out = np.zeros((q, D))
    for start in range(0, n, 2):
        here = slot[start : start + 2]
        s = Q @ K[here].T
        new = np.maximum(m, s.max(axis=1))
        scale, w = np.exp(m - new), np.exp(s - new[:, None])
        total = total * scale + w.sum(axis=1)
        out = out * scale[:, None] + w @ V[here]
        m = new
    return out / total[:, None]


@kernel(
    "let Kn = gather[S](K:S D, slot:n) in let Vn = gather[S](V:S D, slot:n) in"
    " (softmax[n]((Q:q D, Kn -> q n)), Vn -> q D)",
    assume="slot in S",
)
def paged_attention_with_the_values_of_the_next_page(Q, K, V, slot):  # refuted
    s = Q @ K[slot].T
    w = np.exp(s - s.max(axis=1, keepdims=True))
    return w / w.sum(axis=1, keepdims=True) @ V[(slot + 1) % S]


@kernel("at[P := page:b L](K:P D)", assume="page in P")
def pages_of_a_batch(K, page):  # proved
    out = np.empty((b, L, D))
    for i in range(b):
        out[i] = K[page[i]]
    return out


@kernel("at[P := page:b L](K:P D)", assume="page in P")
def pages_of_the_first_row(K, page):  # refuted
    return np.stack([K[page[0]]] * b)


@kernel("sum[n where n < len:b](X:b n)", assume=["len:b <= 8", "len:b >= 0"])
def ragged_sum(X, len):  # proved
    mask = np.arange(n)[None, :] < len[:, None]
    return np.where(mask, X, 0).sum(axis=1)


@kernel("sum[n where n < len:b](X:b n)", assume=["len:b <= 8", "len:b >= 0"])
def ragged_sum_with_one_too_many(X, len):  # refuted
    mask = np.arange(n)[None, :] <= len[:, None]
    return np.where(mask, X, 0).sum(axis=1)


@kernel("softmax[n where n < len:b](X:b n)", assume=["len:b <= 8", "len:b >= 1"])
def ragged_softmax(X, len):  # proved
    mask = np.arange(n)[None, :] < len[:, None]
    s = np.where(mask, X, -np.inf)
    w = np.exp(s - s.max(axis=1, keepdims=True))
    return w / w.sum(axis=1, keepdims=True)


@kernel("softmax[n where n < len:b](X:b n)", assume=["len:b <= 8", "len:b >= 1"])
def ragged_softmax_with_unmasked_denominator(X, len):  # refuted
    mask = np.arange(n)[None, :] < len[:, None]
    w = np.exp(X - X.max(axis=1, keepdims=True))
    return np.where(mask, w, 0) / w.sum(axis=1, keepdims=True)


@kernel("where(X:N > 0, X:N, 0)")
def relu(X):  # proved
    return np.maximum(X, 0)


@kernel("relu(X:N)")
def relu_by_a_mask(X):  # proved
    return np.where(X > 0, X, 0)


@kernel("relu(X:N)")
def relu_of_the_wrong_side(X):  # refuted
    return np.where(X < 0, X, 0)


@kernel("maximum(X:N, Y:N)")
def larger_by_a_mask(X, Y):  # proved
    return np.where(Y >= X, Y, X)


@kernel("relu(X:N)")
def relu_in_place(X):  # proved
    out = X.copy()
    out[out < 0] = 0
    return out


@kernel(
    "(X:T D, gather[E](W:E D F, eid:T) -> T F)",
    inputs={"off": "off:G"},
    assume="eid sorted by E with offsets off",
)
def experts_block_by_block(X, W, eid, off):  # proved
    token = np.arange(T)[:, None]
    out = np.zeros((T, F))
    for e in range(E):
        block = (off[e] <= token) & (token < off[e + 1])
        out += np.where(block, X @ W[e], 0)
    return out


@kernel(
    "(X:T D, gather[E](W:E D F, eid:T) -> T F)",
    inputs={"off": "off:G"},
    assume="eid sorted by E with offsets off",
)
def experts_of_the_block_before(X, W, eid, off):  # refuted
    token = np.arange(T)[:, None]
    out = np.zeros((T, F))
    for e in range(E):
        block = (off[e] <= token) & (token < off[e + 1])
        out += np.where(block, X @ W[max(e - 1, 0)], 0)
    return out


@kernel(
    "(X:T D, gather[E](W:E D F, eid:T) -> T F)",
    inputs={"off": "off:G"},
    assume="eid sorted by E with offsets off",
)
def experts_with_an_offset_forgotten(X, W, eid, off):  # refuted
    token = np.arange(T)[:, None]
    out = np.zeros((T, F))
    for e in range(E):
        block = token < off[e + 1]
        out += np.where(block, X @ W[e], 0)
    return out
