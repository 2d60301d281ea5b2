"""Typed Triton: a kernel over slices of dims is lowered to plain Triton, and that is what is proved and run."""

import triton
import triton.language as tl

import stile_engine.triton as ttl
from stile_engine import cdiv, dim

M, N, K = dim("M"), dim("N"), dim("K")

PRODUCT = dict(
    inputs={"a_ptr": "A:M K", "b_ptr": "B:K N"},
    out_shape=(M, N),
    consts={"BM": 32, "BN": 16, "BK": 16},
    grid=lambda c: (cdiv(M, c["BM"]), cdiv(N, c["BN"])),
)


@ttl.jit(spec="(A:M K, B:K N -> M N)", **PRODUCT)
def matmul(a_ptr, b_ptr, c_ptr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # proved
    m, n = tl.program_id(0) * BM, tl.program_id(1) * BN
    acc = ttl.zeros(M[m : m + BM], N[n : n + BN])
    for k in ttl.range(0, K, BK, invariant={"acc": "(A:M K[0:k], B:K[0:k] N -> M N)"}):
        a = ttl.load(a_ptr, M[m : m + BM], K[k : k + BK], other=0.0)
        b = ttl.load(b_ptr, K[k : k + BK], N[n : n + BN], other=0.0)
        acc += tl.dot(a, b)
    ttl.store(c_ptr, acc, M[m : m + BM], N[n : n + BN])


@ttl.jit(spec="(A:M K, B:K N -> M N)", **PRODUCT)
def one_tile_for_the_sum(a_ptr, b_ptr, c_ptr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):  # refuted
    m, n = tl.program_id(0) * BM, tl.program_id(1) * BN
    a = ttl.load(a_ptr, M[m : m + BM], K[0:BK], other=0.0)
    b = ttl.load(b_ptr, K[0:BK], N[n : n + BN], other=0.0)
    ttl.store(c_ptr, tl.dot(a, b), M[m : m + BM], N[n : n + BN])


@ttl.jit(spec="softmax[N](X:M N)", inputs={"x_ptr": "X:M N"}, out_shape=(M, N), consts={"BLOCK": 64}, grid=(M,))
def softmax(x_ptr, out_ptr, BLOCK: tl.constexpr):  # proved
    m = tl.program_id(0)
    largest = ttl.full(M[m : m + 1], value=-float("inf"))
    total = ttl.zeros(M[m : m + 1])
    for n in ttl.range(0, N, BLOCK):
        x = ttl.load(x_ptr, M[m : m + 1], N[n : n + BLOCK], other=-float("inf"))
        new = tl.maximum(largest, tl.max(x, 1))
        total = total * tl.exp(largest - new) + tl.sum(tl.exp(x - new[:, None]), 1)
        largest = new
    for n in ttl.range(0, N, BLOCK):
        x = ttl.load(x_ptr, M[m : m + 1], N[n : n + BLOCK], other=-float("inf"))
        ttl.store(out_ptr, tl.exp(x - largest[:, None]) / total[:, None], M[m : m + 1], N[n : n + BLOCK])


if __name__ == "__main__":
    import torch

    a, b = torch.randn(100, 50), torch.randn(50, 70)
    c = matmul[(triton.cdiv(100, 32), triton.cdiv(70, 16))](a, b)
    print(c, (c.arr - a @ b).abs().max())
