"""Triton: elements that data leave out, by a mark such as -1 or by a length: written all the same, or not."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

T, D, V, B, S = dim("T"), dim("D"), dim("V"), dim("B"), dim("S")
G = dict(inputs={"w_ptr": "W:V D", "i_ptr": "idx:T"}, scalars={"d": D, "v": V}, consts={"BLOCK": 16}, grid=lambda c: (T, cdiv(D, 16)), assume="idx in V")
L0 = dict(inputs={"x_ptr": "X:B S", "l_ptr": "len:B"}, scalars={"s": S}, consts={"BLOCK": 16}, grid=(B,), assume=["len:B <= size(S)", "0 <= len:B"])
IG = dict(inputs={"x_ptr": "X:T V", "y_ptr": "tgt:T"}, scalars={"v": V}, consts={"BLOCK": 32}, grid=(T,), assume=["tgt:T < size(V)", "tgt:T >= -1"])


@kernel({"out_ptr": "where(idx:T == 0, 0, gather[V](W:V D, idx:T)) -> T D"}, **G)
@triton.jit
def embedding_padding_unwritten(w_ptr, i_ptr, out_ptr, d, v, BLOCK: tl.constexpr):  # refuted
    t = tl.program_id(0)
    c = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    i = tl.load(i_ptr + t)
    if i != 0:
        w = tl.load(w_ptr + i * d + c, mask=c < d, other=0.0)
        tl.store(out_ptr + t * d + c, w, mask=c < d)  # error[coverage-gap]


@kernel({"out_ptr": "X:B S where S < len:B"}, **L0)
@triton.jit
def ragged_copy_zeroes(x_ptr, l_ptr, out_ptr, s, BLOCK: tl.constexpr):  # proved
    b = tl.program_id(0)
    n = tl.load(l_ptr + b)
    for i in range(0, s, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + b * s + c, mask=c < n, other=0.0)
        tl.store(out_ptr + b * s + c, x, mask=c < s)


@kernel({"out_ptr": "X:B S where S < len:B"}, **L0)
@triton.jit
def ragged_copy_leaves_the_tail(x_ptr, l_ptr, out_ptr, s, BLOCK: tl.constexpr):  # refuted
    b = tl.program_id(0)
    n = tl.load(l_ptr + b)
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + b * s + c, mask=c < n, other=0.0)
        tl.store(out_ptr + b * s + c, x, mask=c < s)  # error[coverage-gap]


@kernel({"x_ptr": "where(S < len:B, X:B S, 0)"}, **L0)
@triton.jit
def zero_the_tail_in_place(x_ptr, l_ptr, s, BLOCK: tl.constexpr):  # proved
    b = tl.program_id(0)
    n = tl.load(l_ptr + b)
    for i in range(0, s, BLOCK):
        c = i + tl.arange(0, BLOCK)
        tl.store(x_ptr + b * s + c, 0.0, mask=(c >= n) & (c < s))


@kernel({"x_ptr": "where(S < len:B, X:B S, 0)"}, **L0)
@triton.jit
def zero_the_tail_off_by_one(x_ptr, l_ptr, s, BLOCK: tl.constexpr):  # refuted
    b = tl.program_id(0)
    n = tl.load(l_ptr + b)
    for i in range(0, s, BLOCK):
        c = i + tl.arange(0, BLOCK)
        tl.store(x_ptr + b * s + c, 0.0, mask=(c > n) & (c < s))


@kernel({"loss_ptr": "where(tgt:T >= 0, logsumexp[V](X:T V) - sum[V where V == tgt:T](X:T V), 0)"}, **IG)
@triton.jit
def cross_entropy_ignore(x_ptr, y_ptr, loss_ptr, v, BLOCK: tl.constexpr):  # proved
    t = tl.program_id(0)
    y = tl.load(y_ptr + t)
    if y == -1:
        tl.store(loss_ptr + t, 0.0)
        return
    own = tl.load(x_ptr + t * v + y)
    m = -float("inf")
    l = 0.0
    for i in range(0, v, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + t * v + c, mask=c < v, other=-float("inf"))
        new = tl.maximum(m, tl.max(x, 0))
        l = l * tl.exp(m - new) + tl.sum(tl.exp(x - new), 0)
        m = new
    tl.store(loss_ptr + t, m + tl.log(l) - own)


@kernel({"loss_ptr": "where(tgt:T >= 0, logsumexp[V](X:T V) - sum[V where V == tgt:T](X:T V), 0)"}, **IG)
@triton.jit
def cross_entropy_ignore_unwritten(x_ptr, y_ptr, loss_ptr, v, BLOCK: tl.constexpr):  # refuted
    t = tl.program_id(0)
    y = tl.load(y_ptr + t)
    if y == -1:
        return
    own = tl.load(x_ptr + t * v + y)
    m = -float("inf")
    l = 0.0
    for i in range(0, v, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + t * v + c, mask=c < v, other=-float("inf"))
        new = tl.maximum(m, tl.max(x, 0))
        l = l * tl.exp(m - new) + tl.sum(tl.exp(x - new), 0)
        m = new
    tl.store(loss_ptr + t, m + tl.log(l) - own)  # error[coverage-gap]


@kernel({"loss_ptr": "where(tgt:T >= 0, logsumexp[V](X:T V) - sum[V where V == tgt:T](X:T V), 0)"}, **IG)
@triton.jit
def cross_entropy_ignore_reads_before(x_ptr, y_ptr, loss_ptr, v, BLOCK: tl.constexpr):  # refuted
    t = tl.program_id(0)
    y = tl.load(y_ptr + t)
    own = tl.load(x_ptr + t * v + y)  # error[out-of-bounds]
    m = -float("inf")
    l = 0.0
    for i in range(0, v, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + t * v + c, mask=c < v, other=-float("inf"))
        new = tl.maximum(m, tl.max(x, 0))
        l = l * tl.exp(m - new) + tl.sum(tl.exp(x - new), 0)
        m = new
    tl.store(loss_ptr + t, tl.where(y >= 0, m + tl.log(l) - own, 0.0))
