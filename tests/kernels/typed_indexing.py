"""Typed arrays: integers that are data, as indices."""

from stile_engine import dim, kernel
from stile_engine.numpy import TypedResult, einsum, exp

T, S, D, E, F, N = dim("T", 6), dim("S", 8), dim("D", 2), dim("E", 3), dim("F", 2), dim("N", 6)
q, n, G = dim("q", 2), dim("n", 6), dim("G", 4)


@kernel("gather[E](W:E D, eid:T)", typed=True)
def embedding(W, eid):  # proved
    return W.gather(E, eid).rearrange(T, D)


@kernel("gather[E](W:E D, eid:T)", typed=True)
def embedding_in_tiles(W, eid):  # proved
    out = TypedResult("gather[E](W:E D, eid:T)")
    for t in range(0, T, 2):
        out.assign(W.gather(E, eid.slice(T, t, t + 2)))
    out.done()
    return out


@kernel("gather[E](W:E D, eid:T)", typed=True)
def embedding_of_the_first_tile(W, eid):  # refuted
    out = TypedResult("gather[E](W:E D, eid:T)")
    for t in range(0, T, 2):
        out.assign(W.gather(E, eid.slice(T, 0, 2)))
    out.done()  # error[coverage-gap]  # error[coverage-overlap]
    return out


@kernel("gather[E](W:E D, eid:T)", typed=True)
def embedding_of_a_slice(W, eid):  # refuted
    return W.slice(E, 0, 2).gather(E, eid)  # error[dim-mismatch]: gather from all of it


@kernel("gather[N](X:N, I:N)", typed=True)
def own_dim(X, I):  # proved
    return X.gather(N, I)


@kernel("X:N + 0 * gather[N](X:N, I:N)", assume="I in N", typed=True)
def own_dim_as_constant(X, I):  # refuted
    return X.gather(N, I)


@kernel("X:N + 0 * gather[N](X:N, I:N)", assume="I permutation of N", typed=True)
def round_trip(X, I):  # proved
    return X.scatter(N, I).gather(N, I)


@kernel("scatter[S](Kp:T D, pos:T, cache:S D)", assume=["pos unique", "pos in S"], typed=True)
def cache_write(Kp, pos, cache):  # proved
    return cache.at[S, pos].set(Kp)


@kernel("scatter[S](Kp:T D, pos:T, cache:S D)", assume=["pos unique", "pos in S"], typed=True)
def cache_write_added(Kp, pos, cache):  # refuted
    return cache.at[S, pos].add(Kp)


@kernel("scatter[S, sum](X:T, pos:T, Y:S)", assume="pos in S", typed=True)
def added_up(X, pos, Y):  # proved
    return Y.at[S, pos].add(X)


@kernel("scatter[S, sum](X:T, pos:T, Y:S)", assume="pos in S", typed=True)
def overwritten_instead_of_added(X, pos, Y):  # refuted
    return Y.at[S, pos].set(X + Y.at[S, pos].get())


@kernel(
    "let Kn = gather[S](K:S D, slot:n) in let Vn = gather[S](V:S D, slot:n) in"
    " (softmax[n]((Q:q D, Kn -> q n)), Vn -> q D)",
    assume="slot in S",
    typed=True,
)
def paged_attention(Q, K, V, slot):  # proved
    total, out = None, None
    for start in range(0, n, 2):
        here = slot.slice(n, start, start + 2)
        w = exp(einsum(Q, K.gather(S, here), "q D, n D -> q n"))
        part, weighted = w.sum(n), einsum(w, V.gather(S, here), "q n, n D -> q D")
        total = part if total is None else total + part
        out = weighted if out is None else out + weighted
    return out / total.repeat(D).rearrange(q, D)


@kernel(
    "let Kn = gather[S](K:S D, slot:n) in let Vn = gather[S](V:S D, slot:n) in"
    " (softmax[n]((Q:q D, Kn -> q n)), Vn -> q D)",
    assume="slot in S",
    typed=True,
)
def paged_attention_with_a_page_left_out(Q, K, V, slot):  # refuted
    total, out = None, None
    for start in range(0, n - 2, 2):
        here = slot.slice(n, start, start + 2)
        w = exp(einsum(Q, K.gather(S, here), "q D, n D -> q n"))
        part, weighted = w.sum(n), einsum(w, V.gather(S, here), "q n, n D -> q D")
        total = part if total is None else total + part
        out = weighted if out is None else out + weighted
    return out / total.repeat(D).rearrange(q, D)


@kernel(
    "(X:T D, gather[E](W:E D F, eid:T) -> T F)",
    inputs={"off": "off:G"},
    assume="eid sorted by E with offsets off",
    typed=True,
)
def experts_block_by_block(X, W, eid, off):  # proved
    out = TypedResult("(X:T D, gather[E](W:E D F, eid:T) -> T F)")
    for e in range(E):
        rows = X.block_at(T, off, e)
        out.assign(einsum(rows, W.slice(E, e, e + 1).sum(E), "T D, D F -> T F"))
    out.done()
    return out


@kernel(
    "(X:T D, gather[E](W:E D F, eid:T) -> T F)",
    inputs={"off": "off:G"},
    assume="eid sorted by E with offsets off",
    typed=True,
)
def experts_of_the_block_before(X, W, eid, off):  # refuted
    out = TypedResult("(X:T D, gather[E](W:E D F, eid:T) -> T F)")
    for e in range(E):
        rows = X.block_at(T, off, e)
        out.assign(einsum(rows, W.slice(E, max(e - 1, 0), max(e, 1)).sum(E), "T D, D F -> T F"))
    out.done()
    return out
