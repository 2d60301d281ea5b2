"""Triton: pointwise kernels on flat tensors, ragged tails, in-place updates, scalars, several outputs."""

import triton
import triton.language as tl

from stile_engine import cdiv, dim, kernel

N = dim("N")

BLOCKS = {"BLOCK": 32}


def tiles(meta):
    return (cdiv(N, meta["BLOCK"]),)


ADD = {
    "inputs": {"x_ptr": "X:N", "y_ptr": "Y:N"},
    "scalars": {"n": N},
    "consts": BLOCKS,
    "grid": tiles,
}


@kernel({"out_ptr": "X:N + Y:N"}, **ADD)
@triton.jit
def add(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(out_ptr + offsets, x + y, mask=mask)


@kernel({"out_ptr": "X:N + Y:N"}, **ADD)
@triton.jit
def add_reads_past_the_end(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: reads x_ptr out of bounds
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets)  # error[out-of-bounds]: element 1 of 1, at size(N)=1
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(out_ptr + offsets, x + y, mask=mask)


@kernel({"out_ptr": "X:N + Y:N"}, **ADD)
@triton.jit
def add_writes_past_the_end(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: writes out_ptr out of bounds
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets, mask=offsets < n, other=0.0)
    y = tl.load(y_ptr + offsets, mask=offsets < n, other=0.0)
    tl.store(out_ptr + offsets, x + y)  # error[out-of-bounds]


@kernel({"out_ptr": "X:N + Y:N"}, **ADD)
@triton.jit
def add_off_by_one(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: out of bounds
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets <= n
    x = tl.load(x_ptr + offsets, mask=mask)  # error[out-of-bounds]
    y = tl.load(y_ptr + offsets, mask=mask)  # error[out-of-bounds]
    tl.store(out_ptr + offsets, x + y, mask=mask)  # error[out-of-bounds]


@kernel({"out_ptr": "X:N + Y:N"}, inputs=ADD["inputs"], scalars={"n": N}, consts=BLOCKS, grid=lambda m: (N // m["BLOCK"],))
@triton.jit
def add_without_the_last_tile(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: never written
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(out_ptr + offsets, x + y, mask=mask)  # error[coverage-gap]


@kernel({"out_ptr": "X:N + Y:N"}, **ADD)
@triton.jit
def add_overlapping(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: write the same element
    offsets = tl.program_id(axis=0) * (BLOCK // 2) + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(out_ptr + offsets, x + y, mask=mask)  # error[race]  # warning[unsupported]


@kernel({"out_ptr": "X:N + Y:N"}, **ADD)
@triton.jit
def add_loads_another_tile(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + tl.arange(0, BLOCK), mask=tl.arange(0, BLOCK) < n, other=0.0)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(out_ptr + offsets, x + y, mask=mask)


@kernel({"out_ptr": "X:N + Y:N"}, **ADD)
@triton.jit
def add_forgets_a_negation(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    x = -x
    tl.store(out_ptr + offsets, x + y, mask=mask)


@kernel({"out_ptr": "X:N + Y:N"}, **ADD)
@triton.jit
def add_uses_a_masked_lane(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted: masked-off lane
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=offsets < n - 1)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(out_ptr + offsets, x + y, mask=mask)


@kernel({"x_ptr": "scalar(alpha) * X:N + Y:N"}, **ADD)
@triton.jit
def axpy_in_place(x_ptr, y_ptr, alpha, n, BLOCK: tl.constexpr):  # proved
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(x_ptr + offsets, alpha * x + y, mask=mask)


@kernel({"x_ptr": "X:N + at[N := N + 1](X:N)  where N < size(N) - 1"}, inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts=BLOCKS, grid=tiles)
@triton.jit
def neighbours_in_place(x_ptr, n, BLOCK: tl.constexpr):  # refuted: read and write the same element
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n - 1
    x = tl.load(x_ptr + offsets, mask=mask, other=0.0)
    after = tl.load(x_ptr + offsets + 1, mask=mask, other=0.0)
    tl.store(x_ptr + offsets, x + after, mask=offsets < n)  # error[race]  # warning[unsupported]


@kernel({"s_ptr": "X:N + Y:N", "d_ptr": "X:N - Y:N"}, **ADD)
@triton.jit
def two_outputs(x_ptr, y_ptr, s_ptr, d_ptr, n, BLOCK: tl.constexpr):  # proved
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(s_ptr + offsets, x + y, mask=mask)
    tl.store(d_ptr + offsets, x - y, mask=mask)


@kernel({"s_ptr": "X:N + Y:N", "d_ptr": "X:N - Y:N"}, **ADD)
@triton.jit
def two_outputs_one_wrong(x_ptr, y_ptr, s_ptr, d_ptr, n, BLOCK: tl.constexpr):  # refuted
    offsets = tl.program_id(axis=0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(s_ptr + offsets, x + y, mask=mask)
    tl.store(d_ptr + offsets, y - x, mask=mask)


@kernel({"out_ptr": "silu(X:N) * Y:N"}, **ADD)
@triton.jit
def swiglu(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    offsets = tl.program_id(axis=0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask, other=0).to(tl.float32)
    y = tl.load(y_ptr + offsets, mask=mask, other=0)
    tl.store(out_ptr + offsets, x * tl.sigmoid(x) * y, mask=mask)


@kernel({"out_ptr": "silu(X:N) * Y:N"}, **ADD)
@triton.jit
def swiglu_swapped(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):  # refuted
    offsets = tl.program_id(axis=0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask, other=0).to(tl.float32)
    y = tl.load(y_ptr + offsets, mask=mask, other=0)
    tl.store(out_ptr + offsets, y * tl.sigmoid(y) * x, mask=mask)


@kernel({"out_ptr": "relu(X:N)"}, inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts={"BLOCK": 16}, grid=lambda m: (cdiv(N, m["BLOCK"]),))
@triton.jit
def relu_with_return(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    start = tl.program_id(axis=0) * BLOCK
    if start >= n:
        return
    offsets = start + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets, mask=offsets < n, other=0.0)
    tl.store(out_ptr + offsets, tl.where(x > 0, x, 0.0), mask=offsets < n)


@triton.jit
def scaled(x, factor: tl.constexpr):
    return x * factor


@kernel({"out_ptr": "2 * X:N"}, inputs={"x_ptr": "X:N"}, scalars={"n": N}, consts=BLOCKS, grid=tiles)
@triton.jit
def strided_loop(x_ptr, out_ptr, n, BLOCK: tl.constexpr):  # proved
    for part in tl.static_range(2):
        offsets = tl.program_id(axis=0) * BLOCK + part * (BLOCK // 2) + tl.arange(0, BLOCK // 2)
        x = tl.load(x_ptr + offsets, mask=offsets < n, other=0.0)
        tl.store(out_ptr + offsets, scaled(x, 2.0), mask=offsets < n)
