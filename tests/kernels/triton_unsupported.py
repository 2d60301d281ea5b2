"""Triton: what has no model, by the name that the source has for it."""

import triton
import triton.language as tl

from stile_engine import dim, kernel

N, M = dim("N", max=16), dim("M")
A = dict(inputs={"x_ptr": "X:M N"}, scalars={"n": N, "m": M}, consts={"BLOCK": 16}, grid=(M,))


@kernel({"o_ptr": "max[N](X:M N)"}, **A)
@triton.jit
def argmaxes(x_ptr, o_ptr, n, m, BLOCK: tl.constexpr):  # unsupported: in tl.argmax
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + tl.program_id(0) * n + c, mask=c < n, other=-float("inf"))
    tl.store(o_ptr + tl.program_id(0), tl.argmax(x, 0).to(tl.float32))  # warning[unsupported]


@kernel({"o_ptr": "X:M N"}, **A)
@triton.jit
def sorts(x_ptr, o_ptr, n, m, BLOCK: tl.constexpr):  # unsupported: in tl.sort
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + tl.program_id(0) * n + c, mask=c < n, other=0.0)
    tl.store(o_ptr + tl.program_id(0) * n + c, tl.sort(x), mask=c < n)  # warning[unsupported]


@kernel({"o_ptr": "X:M N"}, **A)
@triton.jit
def dropout(x_ptr, o_ptr, n, m, BLOCK: tl.constexpr):  # unsupported: in tl.rand
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + tl.program_id(0) * n + c, mask=c < n, other=0.0)
    keep = tl.rand(1234, tl.program_id(0) * n + c) > 0.5  # warning[unsupported]
    tl.store(o_ptr + tl.program_id(0) * n + c, tl.where(keep, x * 2, 0.0), mask=c < n)


@kernel({"o_ptr": "X:M N"}, **A)
@triton.jit
def block_pointers(x_ptr, o_ptr, n, m, BLOCK: tl.constexpr):  # unsupported: Block pointers have been removed
    p = tl.make_block_ptr(x_ptr, shape=(m, n), strides=(n, 1), offsets=(0, 0), block_shape=(1, BLOCK), order=(1, 0))  # warning[unsupported]
    x = tl.load(p, boundary_check=(0, 1))
    c = tl.arange(0, BLOCK)
    tl.store(o_ptr + tl.program_id(0) * n + c, x, mask=c < n)


@kernel({"o_ptr": "X:M N"}, **A)
@triton.jit
def asm(x_ptr, o_ptr, n, m, BLOCK: tl.constexpr):  # unsupported: inline assembly
    c = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + tl.program_id(0) * n + c, mask=c < n, other=0.0)
    y = tl.inline_asm_elementwise("mov.b32 $0, $1;", "=r,r", [x], dtype=tl.float32, is_pure=True, pack=1)  # warning[unsupported]
    tl.store(o_ptr + tl.program_id(0) * n + c, y, mask=c < n)


STRIDED = dict(inputs={"x_ptr": "X:M N"}, scalars={"n": N}, strides={"x_ptr": ("sx", 1)}, consts={"BLOCK": 16}, grid=(M,))


@kernel({"o_ptr": "X:M N"}, **STRIDED)
@triton.jit
def stride_as_length(x_ptr, o_ptr, n, sx, BLOCK: tl.constexpr):  # unsupported: the stride sx has no number and is compared
    r, c = tl.program_id(0).to(tl.int64), tl.arange(0, BLOCK)
    x = tl.load(x_ptr + r * sx + c, mask=(c < n) & (c < sx), other=0.0)  # warning[unsupported]
    tl.store(o_ptr + r * n + c, x, mask=c < n)


@kernel({"o_ptr": "X:M N"}, **STRIDED)
@triton.jit
def stride_as_number(x_ptr, o_ptr, n, sx, BLOCK: tl.constexpr):  # unsupported: the stride sx has no number and is used
    r, c = tl.program_id(0).to(tl.int64), tl.arange(0, BLOCK)
    x = tl.load(x_ptr + r * sx + c, mask=c < n, other=0.0)
    tl.store(o_ptr + r * n + c, x + sx - n, mask=c < n)  # warning[unsupported]
