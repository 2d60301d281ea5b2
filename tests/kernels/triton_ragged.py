"""Triton: data say where elements lie and how many there are: lengths, offsets, page tables, slots, experts."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

B, T, S, R = dim("B", max=4096), dim("T", max=2**20), dim("S", max=2**20), dim("R", max=4096)
E, K, F, P, W = dim("E", max=256), dim("K", max=4096), dim("F", max=4096), dim("P", max=2**16), dim("W", max=4096)
H, D, s = dim("H", 4), dim("D", 32), dim("s", 16)
B1, E1 = dim("B1", B + 1), dim("E1", E + 1)
N, n = dim("N", 16 * W), dim("n", T)


@kernel({"out_ptr": "sum[K where K < len:B](X:B K)"}, inputs={"x_ptr": "X:B K", "len_ptr": "len:B"}, assume=["len:B >= 0", "len:B <= size(K)"],
  scalars={"stride": K}, consts=dict(BLOCK=64), grid=(B,))
@triton.jit
def ragged_sum(x_ptr, len_ptr, out_ptr, stride, BLOCK: tl.constexpr):  # proved
    b = tl.program_id(0)
    length = tl.load(len_ptr + b)
    acc = tl.zeros((BLOCK,), tl.float32)
    for i in range(0, length, BLOCK):
        c = i + tl.arange(0, BLOCK)
        acc += tl.load(x_ptr + b * stride + c, mask=c < length, other=0.0)
    tl.store(out_ptr + b, tl.sum(acc))


@kernel({"out_ptr": "sum[K where K < len:B](X:B K)"}, inputs={"x_ptr": "X:B K", "len_ptr": "len:B"}, assume=["len:B >= 0", "len:B <= size(K)"],
  scalars={"stride": K}, consts=dict(BLOCK=64), grid=(B,))
@triton.jit
def ragged_sum_without_the_last_block(x_ptr, len_ptr, out_ptr, stride, BLOCK: tl.constexpr):  # refuted
    b = tl.program_id(0)
    length = tl.load(len_ptr + b)
    acc = tl.zeros((BLOCK,), tl.float32)
    for i in range(0, length - BLOCK, BLOCK):
        c = i + tl.arange(0, BLOCK)
        acc += tl.load(x_ptr + b * stride + c, mask=c < length, other=0.0)
    tl.store(out_ptr + b, tl.sum(acc))


@kernel({"out_ptr": "sum[K where K < len:B](X:B K)"}, inputs={"x_ptr": "X:B K", "len_ptr": "len:B"}, assume=["len:B >= 0", "len:B <= size(K)"],
  scalars={"stride": K}, consts=dict(BLOCK=64), grid=(B,))
@triton.jit
def ragged_sum_of_whole_blocks(x_ptr, len_ptr, out_ptr, stride, BLOCK: tl.constexpr):  # refuted
    b = tl.program_id(0)
    length = tl.load(len_ptr + b)
    acc = tl.zeros((BLOCK,), tl.float32)
    for i in range(0, length, BLOCK):
        c = i + tl.arange(0, BLOCK)
        acc += tl.load(x_ptr + b * stride + c, mask=c < stride, other=0.0)
    tl.store(out_ptr + b, tl.sum(acc))


@kernel({"out_ptr": "sum[K where K < len:B](X:B K)"}, inputs={"x_ptr": "X:B K", "len_ptr": "len:B"}, assume=["len:B >= 0", "len:B <= size(K)"],
  scalars={"stride": K}, consts=dict(BLOCK=64), grid=(B,))
@triton.jit
def ragged_sum_of_the_next_length(x_ptr, len_ptr, out_ptr, stride, BLOCK: tl.constexpr):  # refuted
    b = tl.program_id(0)
    length = tl.load(len_ptr + b + 1)
    acc = tl.zeros((BLOCK,), tl.float32)
    for i in range(0, length, BLOCK):
        c = i + tl.arange(0, BLOCK)
        acc += tl.load(x_ptr + b * stride + c, mask=c < length, other=0.0)
    tl.store(out_ptr + b, tl.sum(acc))


@kernel({"out_ptr": "sum[K where K < len:B](X:B K)"}, inputs={"x_ptr": "X:B K", "len_ptr": "len:B"},
  scalars={"stride": K}, consts=dict(BLOCK=64), grid=(B,))
@triton.jit
def ragged_sum_of_any_length(x_ptr, len_ptr, out_ptr, stride, BLOCK: tl.constexpr):  # unknown: declare it with assume='len:B <= size(K)'
    b = tl.program_id(0)
    length = tl.load(len_ptr + b)
    acc = tl.zeros((BLOCK,), tl.float32)
    for i in range(0, length, BLOCK):
        c = i + tl.arange(0, BLOCK)
        acc += tl.load(x_ptr + b * stride + c, mask=c < length, other=0.0)
    tl.store(out_ptr + b, tl.sum(acc))


@kernel({"out_ptr": "softmax[K where K < len:B](X:B K)"}, inputs={"x_ptr": "X:B K", "len_ptr": "len:B"}, assume=["len:B >= 1", "len:B <= size(K)"],
  scalars={"n": K}, consts=dict(BLOCK=64), grid=(B,))
@triton.jit
def ragged_softmax(x_ptr, len_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    b = tl.program_id(0)
    length = tl.load(len_ptr + b)
    m = -float("inf")
    d = 0.0
    for i in range(0, length, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + b * n + c, mask=c < length, other=-float("inf"))
        new = tl.maximum(m, tl.max(x))
        d = d * tl.exp(m - new) + tl.sum(tl.exp(x - new))
        m = new
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + b * n + c, mask=c < length, other=-float("inf"))
        tl.store(out_ptr + b * n + c, tl.exp(x - m) / d, mask=c < n)


@kernel({"out_ptr": "softmax[K where K < len:B](X:B K)"}, inputs={"x_ptr": "X:B K", "len_ptr": "len:B"}, assume=["len:B >= 1", "len:B <= size(K)"],
  scalars={"n": K}, consts=dict(BLOCK=64), grid=(B,))
@triton.jit
def ragged_softmax_that_keeps_the_rest(x_ptr, len_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    b = tl.program_id(0)
    length = tl.load(len_ptr + b)
    m = -float("inf")
    d = 0.0
    for i in range(0, length, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + b * n + c, mask=c < length, other=-float("inf"))
        new = tl.maximum(m, tl.max(x))
        d = d * tl.exp(m - new) + tl.sum(tl.exp(x - new))
        m = new
    for i in range(0, n, BLOCK):
        c = i + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + b * n + c, mask=c < n, other=-float("inf"))
        tl.store(out_ptr + b * n + c, tl.exp(x - m) / d, mask=c < n)


@kernel({"out_ptr": "where(K < len:B, 2 * X:B K, C:B K)"}, inputs={"x_ptr": "X:B K", "len_ptr": "len:B", "out_ptr": "C:B K"}, assume=["len:B >= 0", "len:B <= size(K)"],
  scalars={"n": K}, consts=dict(BLOCK=64), grid=lambda c: (B, cdiv(K, c["BLOCK"])))
@triton.jit
def rows_up_to_their_length(x_ptr, len_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    b = tl.program_id(0)
    length = tl.load(len_ptr + b)
    start = tl.program_id(1) * BLOCK
    if start >= length:
        return
    c = start + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + b * n + c, mask=c < length)
    tl.store(out_ptr + b * n + c, 2 * x, mask=c < length)


@kernel({"out_ptr": "where(K < len:B, 2 * X:B K, C:B K)"}, inputs={"x_ptr": "X:B K", "len_ptr": "len:B", "out_ptr": "C:B K"}, assume=["len:B >= 0", "len:B <= size(K)"],
  scalars={"n": K}, consts=dict(BLOCK=64), grid=lambda c: (B, cdiv(K, c["BLOCK"])))
@triton.jit
def rows_up_to_the_end_of_a_block(x_ptr, len_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    b = tl.program_id(0)
    length = tl.load(len_ptr + b)
    start = tl.program_id(1) * BLOCK
    if start >= length:
        return
    c = start + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + b * n + c, mask=c < n)
    tl.store(out_ptr + b * n + c, 2 * x, mask=c < n)


@kernel({"out_ptr": "where(K < len:B, 2 * X:B K, C:B K)"}, inputs={"x_ptr": "X:B K", "len_ptr": "len:B", "out_ptr": "C:B K"}, assume=["len:B >= 0", "len:B <= size(K)"],
  scalars={"n": K}, consts=dict(BLOCK=64), grid=lambda c: (B, cdiv(K, c["BLOCK"])))
@triton.jit
def rows_without_their_last_block(x_ptr, len_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    b = tl.program_id(0)
    length = tl.load(len_ptr + b)
    start = tl.program_id(1) * BLOCK
    if start + BLOCK > length:
        return
    c = start + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + b * n + c, mask=c < length)
    tl.store(out_ptr + b * n + c, 2 * x, mask=c < length)


@kernel({"cache_ptr": "scatter[S](X:T D, slot:T, C:S D)"}, inputs={"x_ptr": "X:T D", "slot_ptr": "slot:T", "cache_ptr": "C:S D"}, dtypes={"slot_ptr": "int64"}, assume=["slot unique", "slot in S"],
  consts=dict(D=32), grid=(T,))
@triton.jit
def cache_write(x_ptr, slot_ptr, cache_ptr, D: tl.constexpr):  # proved
    t = tl.program_id(0)
    d = tl.arange(0, D)
    slot = tl.load(slot_ptr + t)
    tl.store(cache_ptr + slot * D + d, tl.load(x_ptr + t * D + d))


@kernel({"cache_ptr": "scatter[S](X:T D, slot:T, C:S D)"}, inputs={"x_ptr": "X:T D", "slot_ptr": "slot:T", "cache_ptr": "C:S D"}, dtypes={"slot_ptr": "int64"}, assume="slot in S",
  consts=dict(D=32), grid=(T,))
@triton.jit
def cache_write_to_any_slots(x_ptr, slot_ptr, cache_ptr, D: tl.constexpr):  # refuted: assume='slot unique'
    t = tl.program_id(0)
    d = tl.arange(0, D)
    slot = tl.load(slot_ptr + t)
    tl.store(cache_ptr + slot * D + d, tl.load(x_ptr + t * D + d))


@kernel({"cache_ptr": "scatter[S](X:T D, slot:T, C:S D)"}, inputs={"x_ptr": "X:T D", "slot_ptr": "slot:T", "cache_ptr": "C:S D"}, dtypes={"slot_ptr": "int64"}, assume="slot unique",
  consts=dict(D=32), grid=(T,))
@triton.jit
def cache_write_anywhere(x_ptr, slot_ptr, cache_ptr, D: tl.constexpr):  # unknown: assume='slot in S'
    t = tl.program_id(0)
    d = tl.arange(0, D)
    slot = tl.load(slot_ptr + t)
    tl.store(cache_ptr + slot * D + d, tl.load(x_ptr + t * D + d))


@kernel({"cache_ptr": "scatter[S](X:T D, slot:T, C:S D)"}, inputs={"x_ptr": "X:T D", "slot_ptr": "slot:T", "cache_ptr": "C:S D"}, dtypes={"slot_ptr": "int64"}, assume=["slot unique", "slot in S"],
  consts=dict(D=32), grid=(T,))
@triton.jit
def cache_write_in_pairs(x_ptr, slot_ptr, cache_ptr, D: tl.constexpr):  # refuted
    t = tl.program_id(0)
    d = tl.arange(0, D)
    slot = tl.load(slot_ptr + t) // 2
    tl.store(cache_ptr + slot * D + d, tl.load(x_ptr + t * D + d))


@kernel({"cache_ptr": "scatter[S](X:T D, slot:T, C:S D)"}, inputs={"x_ptr": "X:T D", "slot_ptr": "slot:T", "cache_ptr": "C:S D"}, dtypes={"slot_ptr": "int64"}, assume=["slot unique", "slot in S"],
  consts=dict(D=32), grid=(T,))
@triton.jit
def cache_write_at_the_next_slot(x_ptr, slot_ptr, cache_ptr, D: tl.constexpr):  # refuted
    t = tl.program_id(0)
    d = tl.arange(0, D)
    slot = tl.load(slot_ptr + t)
    tl.store(cache_ptr + (slot + 1) * D + d, tl.load(x_ptr + t * D + d))


@kernel({"cache_ptr": "scatter[S](X:T D, slot:T, C:S D)"}, inputs={"x_ptr": "X:T D", "slot_ptr": "slot:T", "cache_ptr": "C:S D"}, dtypes={"slot_ptr": "int64"}, assume=["slot unique", "slot in S"],
  consts=dict(D=32), grid=(T,))
@triton.jit
def cache_write_of_another_token(x_ptr, slot_ptr, cache_ptr, D: tl.constexpr):  # refuted
    t = tl.program_id(0)
    d = tl.arange(0, D)
    slot = tl.load(slot_ptr + t)
    tl.store(cache_ptr + slot * D + d, tl.load(x_ptr + slot * D + d))


@kernel({"cache_ptr": "scatter[S](X:T D, slot:T, C:S D)"}, inputs={"x_ptr": "X:T D", "slot_ptr": "slot:T", "cache_ptr": "C:S D"}, assume=["slot unique", "slot in S"],
  scalars={"count": T}, consts=dict(D=32, BLOCK=16), grid=lambda c: (cdiv(T, c["BLOCK"]),))
@triton.jit
def cache_write_by_blocks(x_ptr, slot_ptr, cache_ptr, count, D: tl.constexpr, BLOCK: tl.constexpr):  # proved
    t = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, D)
    slot = tl.load(slot_ptr + t, mask=t < count, other=0)
    x = tl.load(x_ptr + t[:, None] * D + d[None, :], mask=t[:, None] < count)
    tl.store(cache_ptr + slot[:, None] * D + d[None, :], x, mask=t[:, None] < count)


@kernel({"cache_ptr": "scatter[S](X:T D, slot:T, C:S D)"}, inputs={"x_ptr": "X:T D", "slot_ptr": "slot:T", "cache_ptr": "C:S D"}, assume=["slot unique", "slot in S"],
  scalars={"count": T}, consts=dict(D=32, BLOCK=16), grid=lambda c: (cdiv(T, c["BLOCK"]),))
@triton.jit
def cache_write_of_the_tail_as_well(x_ptr, slot_ptr, cache_ptr, count, D: tl.constexpr, BLOCK: tl.constexpr):  # unsupported
    t = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, D)
    slot = tl.load(slot_ptr + t, mask=t < count, other=0)
    x = tl.load(x_ptr + t[:, None] * D + d[None, :], mask=t[:, None] < count, other=0.0)
    tl.store(cache_ptr + slot[:, None] * D + d[None, :], x)


@kernel({"y_ptr": "scatter[S, sum](X:T D, slot:T, Y:S D)"}, inputs={"x_ptr": "X:T D", "slot_ptr": "slot:T", "y_ptr": "Y:S D"}, assume="slot in S",
  consts=dict(D=32), grid=(T,))
@triton.jit
def scatter_add(x_ptr, slot_ptr, y_ptr, D: tl.constexpr):  # proved
    t = tl.program_id(0)
    d = tl.arange(0, D)
    slot = tl.load(slot_ptr + t)
    tl.atomic_add(y_ptr + slot * D + d, tl.load(x_ptr + t * D + d))


@kernel({"y_ptr": "scatter[S, sum](X:T D, slot:T, Y:S D)"}, inputs={"x_ptr": "X:T D", "slot_ptr": "slot:T", "y_ptr": "Y:S D"}, assume="slot in S",
  consts=dict(D=32), grid=(T,))
@triton.jit
def scatter_add_twice(x_ptr, slot_ptr, y_ptr, D: tl.constexpr):  # refuted
    t = tl.program_id(0)
    d = tl.arange(0, D)
    slot = tl.load(slot_ptr + t)
    tl.atomic_add(y_ptr + slot * D + d, 2 * tl.load(x_ptr + t * D + d))


@kernel({"y_ptr": "scatter[S, sum](X:T D, slot:T, Y:S D)"}, inputs={"x_ptr": "X:T D", "slot_ptr": "slot:T", "y_ptr": "Y:S D"}, assume="slot in S",
  consts=dict(D=32), grid=(T,))
@triton.jit
def scatter_add_without_atomics(x_ptr, slot_ptr, y_ptr, D: tl.constexpr):  # refuted
    t = tl.program_id(0)
    d = tl.arange(0, D)
    slot = tl.load(slot_ptr + t)
    tl.store(y_ptr + slot * D + d, tl.load(x_ptr + t * D + d))


@kernel({"out_ptr": "(X:T K, gather[E](W:E K F, eid:T) -> T F)"}, inputs={"x_ptr": "X:T K", "w_ptr": "W:E K F", "off_ptr": "off:E1"}, assume="eid sorted by E with offsets off",
  scalars={"k": K, "f": F}, consts=dict(BM=16, BN=16, BK=16), grid=lambda c: (E, cdiv(T, c["BM"]), cdiv(F, c["BN"])))
@triton.jit
def grouped_matmul(x_ptr, w_ptr, off_ptr, out_ptr, k, f, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # proved
    e = tl.program_id(0)
    start = tl.load(off_ptr + e)
    end = tl.load(off_ptr + e + 1)
    row = start + tl.program_id(1) * BM
    if row >= end:
        return
    r = row + tl.arange(0, BM)
    c = tl.program_id(2) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for i in range(0, k, BK):
        j = i + tl.arange(0, BK)
        x = tl.load(x_ptr + r[:, None] * k + j[None, :], mask=(r[:, None] < end) & (j[None, :] < k), other=0.0)
        w = tl.load(w_ptr + e * k * f + j[:, None] * f + c[None, :], mask=(j[:, None] < k) & (c[None, :] < f), other=0.0)
        acc += tl.dot(x, w)
    tl.store(out_ptr + r[:, None] * f + c[None, :], acc, mask=(r[:, None] < end) & (c[None, :] < f))


@kernel({"out_ptr": "(X:T K, gather[E](W:E K F, eid:T) -> T F)"}, inputs={"x_ptr": "X:T K", "w_ptr": "W:E K F", "off_ptr": "off:E1"}, assume="eid sorted by E with offsets off",
  scalars={"k": K, "f": F}, consts=dict(BM=16, BN=16, BK=16), grid=lambda c: (E, cdiv(T, c["BM"]), cdiv(F, c["BN"])))
@triton.jit
def grouped_matmul_with_the_first_expert(x_ptr, w_ptr, off_ptr, out_ptr, k, f, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # refuted
    e = tl.program_id(0)
    start = tl.load(off_ptr + e)
    end = tl.load(off_ptr + e + 1)
    row = start + tl.program_id(1) * BM
    if row >= end:
        return
    r = row + tl.arange(0, BM)
    c = tl.program_id(2) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for i in range(0, k, BK):
        j = i + tl.arange(0, BK)
        x = tl.load(x_ptr + r[:, None] * k + j[None, :], mask=(r[:, None] < end) & (j[None, :] < k), other=0.0)
        w = tl.load(w_ptr + j[:, None] * f + c[None, :], mask=(j[:, None] < k) & (c[None, :] < f), other=0.0)
        acc += tl.dot(x, w)
    tl.store(out_ptr + r[:, None] * f + c[None, :], acc, mask=(r[:, None] < end) & (c[None, :] < f))


@kernel({"out_ptr": "(X:T K, gather[E](W:E K F, eid:T) -> T F)"}, inputs={"x_ptr": "X:T K", "w_ptr": "W:E K F", "off_ptr": "off:E1"}, assume="eid sorted by E with offsets off",
  scalars={"k": K, "f": F}, consts=dict(BM=16, BN=16, BK=16), grid=lambda c: (E, cdiv(T, c["BM"]), cdiv(F, c["BN"])))
@triton.jit
def grouped_matmul_without_the_start(x_ptr, w_ptr, off_ptr, out_ptr, k, f, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # refuted
    e = tl.program_id(0)
    start = tl.load(off_ptr + e)
    end = tl.load(off_ptr + e + 1)
    row = tl.program_id(1) * BM
    if row >= end:
        return
    r = row + tl.arange(0, BM)
    c = tl.program_id(2) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for i in range(0, k, BK):
        j = i + tl.arange(0, BK)
        x = tl.load(x_ptr + r[:, None] * k + j[None, :], mask=(r[:, None] < end) & (j[None, :] < k), other=0.0)
        w = tl.load(w_ptr + e * k * f + j[:, None] * f + c[None, :], mask=(j[:, None] < k) & (c[None, :] < f), other=0.0)
        acc += tl.dot(x, w)
    tl.store(out_ptr + r[:, None] * f + c[None, :], acc, mask=(r[:, None] < end) & (c[None, :] < f))


@kernel({"out_ptr": "(X:T K, gather[E](W:E K F, eid:T) -> T F)"}, inputs={"x_ptr": "X:T K", "w_ptr": "W:E K F", "off_ptr": "off:E1"}, assume="eid sorted by E with offsets off",
  scalars={"k": K, "f": F}, consts=dict(BM=16, BN=16, BK=16), grid=lambda c: (E, cdiv(T, c["BM"]), cdiv(F, c["BN"])))
@triton.jit
def grouped_matmul_into_the_next_group(x_ptr, w_ptr, off_ptr, out_ptr, k, f, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # refuted
    e = tl.program_id(0)
    start = tl.load(off_ptr + e)
    end = tl.load(off_ptr + e + 1)
    row = start + tl.program_id(1) * BM
    if row >= end:
        return
    r = row + tl.arange(0, BM)
    c = tl.program_id(2) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for i in range(0, k, BK):
        j = i + tl.arange(0, BK)
        x = tl.load(x_ptr + r[:, None] * k + j[None, :], mask=(r[:, None] < end) & (j[None, :] < k), other=0.0)
        w = tl.load(w_ptr + e * k * f + j[:, None] * f + c[None, :], mask=(j[:, None] < k) & (c[None, :] < f), other=0.0)
        acc += tl.dot(x, w)
    tl.store(out_ptr + r[:, None] * f + c[None, :], acc, mask=(c[None, :] < f))


@kernel({"out_ptr": "(X:T K, gather[E](W:E K F, eid:T) -> T F)"}, inputs={"x_ptr": "X:T K", "w_ptr": "W:E K F", "off_ptr": "off:E1"}, assume="eid sorted by E with offsets off",
  scalars={"k": K, "f": F}, consts=dict(BM=16, BN=16, BK=16), grid=lambda c: (E, cdiv(T, c["BM"]), cdiv(F, c["BN"])))
@triton.jit
def grouped_matmul_without_the_last_rows(x_ptr, w_ptr, off_ptr, out_ptr, k, f, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # unknown: never written
    e = tl.program_id(0)
    start = tl.load(off_ptr + e)
    end = tl.load(off_ptr + e + 1)
    row = start + tl.program_id(1) * BM
    if row + BM > end:
        return
    r = row + tl.arange(0, BM)
    c = tl.program_id(2) * BN + tl.arange(0, BN)
    acc = tl.zeros((BM, BN), tl.float32)
    for i in range(0, k, BK):
        j = i + tl.arange(0, BK)
        x = tl.load(x_ptr + r[:, None] * k + j[None, :], mask=(r[:, None] < end) & (j[None, :] < k), other=0.0)
        w = tl.load(w_ptr + e * k * f + j[:, None] * f + c[None, :], mask=(j[:, None] < k) & (c[None, :] < f), other=0.0)
        acc += tl.dot(x, w)
    tl.store(out_ptr + r[:, None] * f + c[None, :], acc, mask=(r[:, None] < end) & (c[None, :] < f))


PAGED = ("let Kn = at[s := N % 16](at[W := N // 16](gather[P](K:P s H D, table:B W))) in "
         "let Vn = at[s := N % 16](at[W := N // 16](gather[P](V:P s H D, table:B W))) in "
         "(softmax[N where N < len:B]((Q:B H D, Kn -> B H N) / 4), Vn -> B H D)")


@kernel({"out_ptr": PAGED}, inputs={"q_ptr": "Q:B H D", "k_ptr": "K:P s H D", "v_ptr": "V:P s H D", "table_ptr": "table:B W", "len_ptr": "len:B"}, assume=["len:B >= 1", "len:B <= size(N)", "table in P"],
  scalars={"width": W}, consts=dict(PAGE=16, H=4, D=32), grid=(B, H))
@triton.jit
def paged_decode(q_ptr, k_ptr, v_ptr, table_ptr, len_ptr, out_ptr, width, PAGE: tl.constexpr, H: tl.constexpr, D: tl.constexpr):  # proved
    b = tl.program_id(0)
    h = tl.program_id(1)
    d = tl.arange(0, D)
    o = tl.arange(0, PAGE)
    q = tl.load(q_ptr + (b * H + h) * D + d)
    length = tl.load(len_ptr + b)
    m = -float("inf")
    l = 0.0
    acc = tl.zeros((D,), tl.float32)
    for i in range(0, tl.cdiv(length, PAGE)):
        page = tl.load(table_ptr + b * width + i)
        row = (page * PAGE + o) * H + h
        valid = i * PAGE + o < length
        k = tl.load(k_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        v = tl.load(v_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        x = tl.where(valid, tl.sum(q[None, :] * k, 1) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 0))
        p = tl.exp(x - new)
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 0)
        acc = acc * alpha + tl.sum(p[:, None] * v, 0)
        m = new
    tl.store(out_ptr + (b * H + h) * D + d, acc / l)


@kernel({"out_ptr": PAGED}, inputs={"q_ptr": "Q:B H D", "k_ptr": "K:P s H D", "v_ptr": "V:P s H D", "table_ptr": "table:B W", "len_ptr": "len:B"}, assume=["len:B >= 1", "len:B <= size(N)", "table in P"],
  scalars={"width": W}, consts=dict(PAGE=16, H=4, D=32), grid=(B, H))
@triton.jit
def paged_decode_with_small_pages(q_ptr, k_ptr, v_ptr, table_ptr, len_ptr, out_ptr, width, PAGE: tl.constexpr, H: tl.constexpr, D: tl.constexpr):  # refuted
    b = tl.program_id(0)
    h = tl.program_id(1)
    d = tl.arange(0, D)
    o = tl.arange(0, PAGE)
    q = tl.load(q_ptr + (b * H + h) * D + d)
    length = tl.load(len_ptr + b)
    m = -float("inf")
    l = 0.0
    acc = tl.zeros((D,), tl.float32)
    for i in range(0, tl.cdiv(length, PAGE)):
        page = tl.load(table_ptr + b * width + i)
        row = (page * 8 + o) * H + h
        valid = i * PAGE + o < length
        k = tl.load(k_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        v = tl.load(v_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        x = tl.where(valid, tl.sum(q[None, :] * k, 1) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 0))
        p = tl.exp(x - new)
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 0)
        acc = acc * alpha + tl.sum(p[:, None] * v, 0)
        m = new
    tl.store(out_ptr + (b * H + h) * D + d, acc / l)


@kernel({"out_ptr": PAGED}, inputs={"q_ptr": "Q:B H D", "k_ptr": "K:P s H D", "v_ptr": "V:P s H D", "table_ptr": "table:B W", "len_ptr": "len:B"}, assume=["len:B >= 1", "len:B <= size(N)", "table in P"],
  scalars={"width": W}, consts=dict(PAGE=16, H=4, D=32), grid=(B, H))
@triton.jit
def paged_decode_without_the_length(q_ptr, k_ptr, v_ptr, table_ptr, len_ptr, out_ptr, width, PAGE: tl.constexpr, H: tl.constexpr, D: tl.constexpr):  # refuted
    b = tl.program_id(0)
    h = tl.program_id(1)
    d = tl.arange(0, D)
    o = tl.arange(0, PAGE)
    q = tl.load(q_ptr + (b * H + h) * D + d)
    length = tl.load(len_ptr + b)
    m = -float("inf")
    l = 0.0
    acc = tl.zeros((D,), tl.float32)
    for i in range(0, tl.cdiv(length, PAGE)):
        page = tl.load(table_ptr + b * width + i)
        row = (page * PAGE + o) * H + h
        valid = i * PAGE + o < length
        k = tl.load(k_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        v = tl.load(v_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        x = tl.sum(q[None, :] * k, 1) * 0.25
        new = tl.maximum(m, tl.max(x, 0))
        p = tl.exp(x - new)
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 0)
        acc = acc * alpha + tl.sum(p[:, None] * v, 0)
        m = new
    tl.store(out_ptr + (b * H + h) * D + d, acc / l)


@kernel({"out_ptr": PAGED}, inputs={"q_ptr": "Q:B H D", "k_ptr": "K:P s H D", "v_ptr": "V:P s H D", "table_ptr": "table:B W", "len_ptr": "len:B"}, assume=["len:B >= 1", "len:B <= size(N)", "table in P"],
  scalars={"width": W}, consts=dict(PAGE=16, H=4, D=32), grid=(B, H))
@triton.jit
def paged_decode_of_whole_pages(q_ptr, k_ptr, v_ptr, table_ptr, len_ptr, out_ptr, width, PAGE: tl.constexpr, H: tl.constexpr, D: tl.constexpr):  # refuted
    b = tl.program_id(0)
    h = tl.program_id(1)
    d = tl.arange(0, D)
    o = tl.arange(0, PAGE)
    q = tl.load(q_ptr + (b * H + h) * D + d)
    length = tl.load(len_ptr + b)
    m = -float("inf")
    l = 0.0
    acc = tl.zeros((D,), tl.float32)
    for i in range(0, length // PAGE):
        page = tl.load(table_ptr + b * width + i)
        row = (page * PAGE + o) * H + h
        valid = i * PAGE + o < length
        k = tl.load(k_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        v = tl.load(v_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        x = tl.where(valid, tl.sum(q[None, :] * k, 1) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 0))
        p = tl.exp(x - new)
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 0)
        acc = acc * alpha + tl.sum(p[:, None] * v, 0)
        m = new
    tl.store(out_ptr + (b * H + h) * D + d, acc / l)


@kernel({"out_ptr": PAGED}, inputs={"q_ptr": "Q:B H D", "k_ptr": "K:P s H D", "v_ptr": "V:P s H D", "table_ptr": "table:B W", "len_ptr": "len:B"}, assume=["len:B >= 1", "len:B <= size(N)", "table in P"],
  scalars={"width": W}, consts=dict(PAGE=16, H=4, D=32), grid=(B, H))
@triton.jit
def paged_decode_of_the_first_sequence(q_ptr, k_ptr, v_ptr, table_ptr, len_ptr, out_ptr, width, PAGE: tl.constexpr, H: tl.constexpr, D: tl.constexpr):  # refuted
    b = tl.program_id(0)
    h = tl.program_id(1)
    d = tl.arange(0, D)
    o = tl.arange(0, PAGE)
    q = tl.load(q_ptr + (b * H + h) * D + d)
    length = tl.load(len_ptr + b)
    m = -float("inf")
    l = 0.0
    acc = tl.zeros((D,), tl.float32)
    for i in range(0, tl.cdiv(length, PAGE)):
        page = tl.load(table_ptr + i)
        row = (page * PAGE + o) * H + h
        valid = i * PAGE + o < length
        k = tl.load(k_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        v = tl.load(v_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        x = tl.where(valid, tl.sum(q[None, :] * k, 1) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 0))
        p = tl.exp(x - new)
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 0)
        acc = acc * alpha + tl.sum(p[:, None] * v, 0)
        m = new
    tl.store(out_ptr + (b * H + h) * D + d, acc / l)


@kernel({"out_ptr": PAGED}, inputs={"q_ptr": "Q:B H D", "k_ptr": "K:P s H D", "v_ptr": "V:P s H D", "table_ptr": "table:B W", "len_ptr": "len:B"}, assume=["len:B >= 1", "len:B <= size(N)", "table in P"],
  scalars={"width": W}, consts=dict(PAGE=16, H=4, D=32), grid=(B, H))
@triton.jit
def paged_decode_without_the_table(q_ptr, k_ptr, v_ptr, table_ptr, len_ptr, out_ptr, width, PAGE: tl.constexpr, H: tl.constexpr, D: tl.constexpr):  # refuted
    b = tl.program_id(0)
    h = tl.program_id(1)
    d = tl.arange(0, D)
    o = tl.arange(0, PAGE)
    q = tl.load(q_ptr + (b * H + h) * D + d)
    length = tl.load(len_ptr + b)
    m = -float("inf")
    l = 0.0
    acc = tl.zeros((D,), tl.float32)
    for i in range(0, tl.cdiv(length, PAGE)):
        page = i
        row = (page * PAGE + o) * H + h
        valid = i * PAGE + o < length
        k = tl.load(k_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        v = tl.load(v_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        x = tl.where(valid, tl.sum(q[None, :] * k, 1) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 0))
        p = tl.exp(x - new)
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 0)
        acc = acc * alpha + tl.sum(p[:, None] * v, 0)
        m = new
    tl.store(out_ptr + (b * H + h) * D + d, acc / l)


@kernel({"out_ptr": PAGED}, inputs={"q_ptr": "Q:B H D", "k_ptr": "K:P s H D", "v_ptr": "V:P s H D", "table_ptr": "table:B W", "len_ptr": "len:B"}, assume=["len:B >= 1", "len:B <= size(N)", "table in P"],
  scalars={"width": W}, consts=dict(BN=32, H=4, D=32), grid=(B, H))
@triton.jit
def paged_decode_by_tokens(q_ptr, k_ptr, v_ptr, table_ptr, len_ptr, out_ptr, width, BN: tl.constexpr, H: tl.constexpr, D: tl.constexpr):  # proved
    b = tl.program_id(0)
    h = tl.program_id(1)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + (b * H + h) * D + d)
    length = tl.load(len_ptr + b)
    m = -float("inf")
    l = 0.0
    acc = tl.zeros((D,), tl.float32)
    for start in range(0, length, BN):
        t = start + tl.arange(0, BN)
        valid = t < length
        page = tl.load(table_ptr + b * width + t // 16, mask=valid, other=0)
        row = (page * 16 + t % 16) * H + h
        k = tl.load(k_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        v = tl.load(v_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        x = tl.where(valid, tl.sum(q[None, :] * k, 1) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 0))
        p = tl.exp(x - new)
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 0)
        acc = acc * alpha + tl.sum(p[:, None] * v, 0)
        m = new
    tl.store(out_ptr + (b * H + h) * D + d, acc / l)


@kernel({"out_ptr": PAGED}, inputs={"q_ptr": "Q:B H D", "k_ptr": "K:P s H D", "v_ptr": "V:P s H D", "table_ptr": "table:B W", "len_ptr": "len:B"}, assume=["len:B >= 1", "len:B <= size(N)", "table in P"],
  scalars={"width": W}, consts=dict(BN=32, H=4, D=32), grid=(B, H))
@triton.jit
def paged_decode_by_tokens_with_the_offset_dropped(q_ptr, k_ptr, v_ptr, table_ptr, len_ptr, out_ptr, width, BN: tl.constexpr, H: tl.constexpr, D: tl.constexpr):  # refuted
    b = tl.program_id(0)
    h = tl.program_id(1)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + (b * H + h) * D + d)
    length = tl.load(len_ptr + b)
    m = -float("inf")
    l = 0.0
    acc = tl.zeros((D,), tl.float32)
    for start in range(0, length, BN):
        t = start + tl.arange(0, BN)
        valid = t < length
        page = tl.load(table_ptr + b * width + t // 16, mask=valid, other=0)
        row = (page * 16 + tl.arange(0, BN) % 8) * H + h
        k = tl.load(k_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        v = tl.load(v_ptr + row[:, None] * D + d[None, :], mask=valid[:, None], other=0.0)
        x = tl.where(valid, tl.sum(q[None, :] * k, 1) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 0))
        p = tl.exp(x - new)
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 0)
        acc = acc * alpha + tl.sum(p[:, None] * v, 0)
        m = new
    tl.store(out_ptr + (b * H + h) * D + d, acc / l)


VARLEN = ("let Kn = at[T := n](K:T H D) in let Vn = at[T := n](V:T H D) in "
          "(softmax[n where at[T := n](seg:T) == seg:T]((Q:T H D, Kn -> T H n) / 4), Vn -> T H D)")
CAUSAL = VARLEN.replace("== seg:T", "== seg:T && n <= T")


@kernel({"out_ptr": CAUSAL}, inputs={"q_ptr": "Q:T H D", "k_ptr": "K:T H D", "v_ptr": "V:T H D", "cu_ptr": "cu:B1"}, assume="seg sorted by B with offsets cu",
  consts=dict(H=4, D=32, BM=16, BN=16), grid=lambda c: (cdiv(T, c["BM"]), B, H))
@triton.jit
def packed_attention(q_ptr, k_ptr, v_ptr, cu_ptr, out_ptr, H: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # proved
    b = tl.program_id(1)
    h = tl.program_id(2)
    first = tl.load(cu_ptr + b)
    length = tl.load(cu_ptr + b + 1) - first
    if tl.program_id(0) * BM >= length:
        return
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], mask=rows[:, None] < length, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    l = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for i in range(0, tl.minimum((tl.program_id(0) + 1) * BM, length), BN):
        c = i + tl.arange(0, BN)
        k = tl.load(k_ptr + ((first + c[None, :]) * H + h) * D + d[:, None], mask=c[None, :] < length, other=0.0)
        v = tl.load(v_ptr + ((first + c[:, None]) * H + h) * D + d[None, :], mask=c[:, None] < length, other=0.0)
        visible = (c[None, :] < length) & (c[None, :] <= rows[:, None])
        x = tl.where(visible, tl.dot(q, k) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 1))
        p = tl.exp(x - new[:, None])
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None] + tl.dot(p, v)
        m = new
    tl.store(out_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], acc / l[:, None], mask=rows[:, None] < length)


@kernel({"out_ptr": CAUSAL}, inputs={"q_ptr": "Q:T H D", "k_ptr": "K:T H D", "v_ptr": "V:T H D", "cu_ptr": "cu:B1"}, assume="seg sorted by B with offsets cu",
  consts=dict(H=4, D=32, BM=16, BN=16), grid=lambda c: (cdiv(T, c["BM"]), B, H))
@triton.jit
def packed_attention_without_the_start_of_the_values(q_ptr, k_ptr, v_ptr, cu_ptr, out_ptr, H: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    b = tl.program_id(1)
    h = tl.program_id(2)
    first = tl.load(cu_ptr + b)
    length = tl.load(cu_ptr + b + 1) - first
    if tl.program_id(0) * BM >= length:
        return
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], mask=rows[:, None] < length, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    l = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for i in range(0, tl.minimum((tl.program_id(0) + 1) * BM, length), BN):
        c = i + tl.arange(0, BN)
        k = tl.load(k_ptr + ((first + c[None, :]) * H + h) * D + d[:, None], mask=c[None, :] < length, other=0.0)
        v = tl.load(v_ptr + (c[:, None] * H + h) * D + d[None, :], mask=c[:, None] < length, other=0.0)
        visible = (c[None, :] < length) & (c[None, :] <= rows[:, None])
        x = tl.where(visible, tl.dot(q, k) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 1))
        p = tl.exp(x - new[:, None])
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None] + tl.dot(p, v)
        m = new
    tl.store(out_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], acc / l[:, None], mask=rows[:, None] < length)


@kernel({"out_ptr": CAUSAL}, inputs={"q_ptr": "Q:T H D", "k_ptr": "K:T H D", "v_ptr": "V:T H D", "cu_ptr": "cu:B1"}, assume="seg sorted by B with offsets cu",
  consts=dict(H=4, D=32, BM=16, BN=16), grid=lambda c: (cdiv(T, c["BM"]), B, H))
@triton.jit
def packed_attention_that_is_not_causal(q_ptr, k_ptr, v_ptr, cu_ptr, out_ptr, H: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    b = tl.program_id(1)
    h = tl.program_id(2)
    first = tl.load(cu_ptr + b)
    length = tl.load(cu_ptr + b + 1) - first
    if tl.program_id(0) * BM >= length:
        return
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], mask=rows[:, None] < length, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    l = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for i in range(0, length, BN):
        c = i + tl.arange(0, BN)
        k = tl.load(k_ptr + ((first + c[None, :]) * H + h) * D + d[:, None], mask=c[None, :] < length, other=0.0)
        v = tl.load(v_ptr + ((first + c[:, None]) * H + h) * D + d[None, :], mask=c[:, None] < length, other=0.0)
        visible = (c[None, :] < length) & (rows[:, None] >= 0)
        x = tl.where(visible, tl.dot(q, k) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 1))
        p = tl.exp(x - new[:, None])
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None] + tl.dot(p, v)
        m = new
    tl.store(out_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], acc / l[:, None], mask=rows[:, None] < length)


@kernel({"out_ptr": CAUSAL}, inputs={"q_ptr": "Q:T H D", "k_ptr": "K:T H D", "v_ptr": "V:T H D", "cu_ptr": "cu:B1"}, assume="seg sorted by B with offsets cu",
  consts=dict(H=4, D=32, BM=16, BN=16), grid=lambda c: (cdiv(T, c["BM"]), B, H))
@triton.jit
def packed_attention_to_the_end_of_the_tokens(q_ptr, k_ptr, v_ptr, cu_ptr, out_ptr, H: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    b = tl.program_id(1)
    h = tl.program_id(2)
    first = tl.load(cu_ptr + b)
    length = tl.load(cu_ptr + b + 1) - first
    if tl.program_id(0) * BM >= length:
        return
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], mask=rows[:, None] < length, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    l = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for i in range(0, tl.minimum((tl.program_id(0) + 1) * BM, length), BN):
        c = i + tl.arange(0, BN)
        k = tl.load(k_ptr + ((first + c[None, :]) * H + h) * D + d[:, None], mask=c[None, :] < length, other=0.0)
        v = tl.load(v_ptr + ((first + c[:, None]) * H + h) * D + d[None, :], mask=c[:, None] < length, other=0.0)
        visible = (c[None, :] < length) & (c[None, :] <= rows[:, None])
        x = tl.where(visible, tl.dot(q, k) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 1))
        p = tl.exp(x - new[:, None])
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None] + tl.dot(p, v)
        m = new
    tl.store(out_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], acc / l[:, None], mask=first + rows[:, None] < tl.load(cu_ptr + b + 1) + 1)


@kernel({"out_ptr": CAUSAL}, inputs={"q_ptr": "Q:T H D", "k_ptr": "K:T H D", "v_ptr": "V:T H D", "cu_ptr": "cu:B1"}, assume="seg sorted by B with offsets cu",
  consts=dict(H=4, D=32, BM=16, BN=16), grid=lambda c: (cdiv(T, c["BM"]), B, H))
@triton.jit
def packed_attention_of_the_wrong_rows(q_ptr, k_ptr, v_ptr, cu_ptr, out_ptr, H: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    b = tl.program_id(1)
    h = tl.program_id(2)
    first = tl.load(cu_ptr + b)
    length = tl.load(cu_ptr + b + 1) - first
    if tl.program_id(0) * BM >= length:
        return
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], mask=rows[:, None] < length, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    l = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for i in range(0, tl.minimum((tl.program_id(0) + 1) * BM, length), BN):
        c = i + tl.arange(0, BN)
        k = tl.load(k_ptr + ((first + c[None, :]) * H + h) * D + d[:, None], mask=c[None, :] < length, other=0.0)
        v = tl.load(v_ptr + ((first + c[:, None]) * H + h) * D + d[None, :], mask=c[:, None] < length, other=0.0)
        visible = (c[None, :] < length) & (c[None, :] <= rows[:, None] + first)
        x = tl.where(visible, tl.dot(q, k) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 1))
        p = tl.exp(x - new[:, None])
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None] + tl.dot(p, v)
        m = new
    tl.store(out_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], acc / l[:, None], mask=rows[:, None] < length)


@kernel({"out_ptr": VARLEN}, inputs={"q_ptr": "Q:T H D", "k_ptr": "K:T H D", "v_ptr": "V:T H D", "cu_ptr": "cu:B1"}, assume="seg sorted by B with offsets cu",
  consts=dict(H=4, D=32, BM=16, BN=16), grid=lambda c: (cdiv(T, c["BM"]), B, H))
@triton.jit
def packed_attention_of_all(q_ptr, k_ptr, v_ptr, cu_ptr, out_ptr, H: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # proved
    b = tl.program_id(1)
    h = tl.program_id(2)
    first = tl.load(cu_ptr + b)
    length = tl.load(cu_ptr + b + 1) - first
    if tl.program_id(0) * BM >= length:
        return
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], mask=rows[:, None] < length, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    l = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for i in range(0, length, BN):
        c = i + tl.arange(0, BN)
        k = tl.load(k_ptr + ((first + c[None, :]) * H + h) * D + d[:, None], mask=c[None, :] < length, other=0.0)
        v = tl.load(v_ptr + ((first + c[:, None]) * H + h) * D + d[None, :], mask=c[:, None] < length, other=0.0)
        visible = (c[None, :] < length) & (rows[:, None] >= 0)
        x = tl.where(visible, tl.dot(q, k) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 1))
        p = tl.exp(x - new[:, None])
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None] + tl.dot(p, v)
        m = new
    tl.store(out_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], acc / l[:, None], mask=rows[:, None] < length)


@kernel({"out_ptr": VARLEN}, inputs={"q_ptr": "Q:T H D", "k_ptr": "K:T H D", "v_ptr": "V:T H D", "cu_ptr": "cu:B1"}, assume="seg sorted by B with offsets cu",
  consts=dict(H=4, D=32, BM=16, BN=16), grid=lambda c: (cdiv(T, c["BM"]), B, H))
@triton.jit
def packed_attention_without_a_length_mask(q_ptr, k_ptr, v_ptr, cu_ptr, out_ptr, H: tl.constexpr, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # refuted
    b = tl.program_id(1)
    h = tl.program_id(2)
    first = tl.load(cu_ptr + b)
    length = tl.load(cu_ptr + b + 1) - first
    if tl.program_id(0) * BM >= length:
        return
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], mask=rows[:, None] < length, other=0.0)
    m = tl.full((BM,), -float("inf"), tl.float32)
    l = tl.zeros((BM,), tl.float32)
    acc = tl.zeros((BM, D), tl.float32)
    for i in range(0, length, BN):
        c = i + tl.arange(0, BN)
        k = tl.load(k_ptr + ((first + c[None, :]) * H + h) * D + d[:, None], mask=c[None, :] < length, other=0.0)
        v = tl.load(v_ptr + ((first + c[:, None]) * H + h) * D + d[None, :], mask=c[:, None] < length, other=0.0)
        visible = (first + c[None, :] >= 0) & (rows[:, None] >= 0)
        x = tl.where(visible, tl.dot(q, k) * 0.25, -float("inf"))
        new = tl.maximum(m, tl.max(x, 1))
        p = tl.exp(x - new[:, None])
        alpha = tl.exp(m - new)
        l = l * alpha + tl.sum(p, 1)
        acc = acc * alpha[:, None] + tl.dot(p, v)
        m = new
    tl.store(out_ptr + ((first + rows[:, None]) * H + h) * D + d[None, :], acc / l[:, None], mask=rows[:, None] < length)
