"""One small kernel for each operation of Triton, on blocks of random shapes, and how its interpreter runs them.

Run as a script it takes a file of such kernels, a seed and a file for the results. ``TRITON_INTERPRET`` must be set
before Triton is imported, so that process is not the one that reads the kernels.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np

_POINTWISE = """
x + y ; x - y ; x * y ; x / y ; -x ; tl.div_rn(x, y) ; tl.fma(x, y, x) ; tl.maximum(x, y) ; tl.minimum(x, y)
tl.maximum(x, y, propagate_nan=tl.PropagateNan.ALL) ; tl.minimum(x, y, propagate_nan=tl.PropagateNan.ALL)
tl.exp(x) ; tl.exp2(x) ; tl.log(tl.abs(x) + 0.5) ; tl.log2(tl.abs(x) + 0.5) ; tl.sqrt(tl.abs(x))
tl.sqrt_rn(tl.abs(x)) ; tl.rsqrt(tl.abs(x) + 0.5) ; tl.sin(x) ; tl.cos(x) ; tl.erf(x) ; tl.sigmoid(x) ; tl.abs(x)
tl.floor(x) ; tl.ceil(x) ; tl.clamp(x, -0.5, 0.75) ; tl.where(x > y, x, y) ; tl.where(x >= y, x, -y)
tl.where(x < y, 2 * x, y) ; tl.where(x <= y, x, 1.0) ; tl.where(x == x, x, y) ; tl.where(x != y, x, y)
x.to(tl.float16, fp_downcast_rounding="rtz").to(tl.float32)
x.to(tl.float64).to(tl.float32) ; x.to(tl.float16).to(tl.float32) ; x.to(tl.bfloat16).to(tl.float32)
(10 * x).to(tl.int32).to(tl.float32) ; (10 * tl.abs(x)).to(tl.uint32).to(tl.float32) ; x % 0.5 ; tl.softmax(x, dim=1)
x + tl.sum(y, 1)[:, None] ; x + tl.sum(y, 0, keep_dims=True) ; x - tl.max(x, 1, keep_dims=True) ; x - tl.min(y)
x * tl.reduce(y, 1, product)[:, None] ; tl.cumsum(x, 1) ; tl.cumsum(x, 0) ; tl.cumsum(x, 1, reverse=True)
tl.cumprod(x, 1) ; tl.associative_scan(x, 0, total) ; tl.trans(tl.trans(x) + 1.0) ; tl.permute(x * y, 1, 0).trans()
tl.reshape(tl.reshape(x, (C, R)) * 2, (R, C)) ; tl.broadcast_to(tl.sum(x, 1)[:, None], (R, C))
tl.expand_dims(tl.sum(x, 0), 0) + y ; tl.sum(tl.join(x, y), 2) ; tl.split(tl.join(x, y))[1] + x
tl.dot(x16, tl.trans(y16), input_precision="ieee")[:, :] ; tl.dot(x16, y16, acc=x16, input_precision="ieee")
tl.reshape(tl.interleave(x, y), (R, 2, C)).sum(1)
tl.zeros((R, C), tl.float32) + y ; tl.full((R, C), 1.5, tl.float32) * x
"""

_INTEGERS = """
a + b ; a - b ; a * b ; (a + 5) // 3 ; (a + 5) % 3 ; -a ; tl.minimum(a, b) ; tl.maximum(a, b) ; a << 2 ; (a + 5) >> 1
tl.cdiv(a + 5, 4) ; tl.where(a < b, a, b) ; tl.where(a <= b, a, -b) ; tl.where(a > b, a, b) ; tl.where(a >= b, a, 1)
tl.where(a == b, a, 7) ; tl.where(a != b, a, 7) ; tl.where((a > 1) & (b > 2), a, b) ; tl.where((a > 1) | (b > 2), a, b)
tl.where((a > 1) ^ (b > 2), a, b) ; tl.where(~(a > 1), a, b) ; a.to(tl.int64) + 2 ; a.to(tl.int8).to(tl.int32) + b
(a + 5).to(tl.uint32) // 3 ; (a + 5).to(tl.uint32) % 3 ; tl.minimum((a + 5).to(tl.uint32), b.to(tl.uint32))
tl.maximum((a + 5).to(tl.uint32), b.to(tl.uint32)) ; (a + 5).to(tl.uint32).to(tl.uint64) ; (a > b).to(tl.int32) + a
(a + 5).to(tl.uint32) >> 1 ; tl.umulhi((a + 5).to(tl.uint32), b.to(tl.uint32)) ; tl.program_id(0) + a
tl.num_programs(0) * a + tl.num_programs(1) ; (a > b).to(tl.float32) + b ; a + 0.5
a & 5 ; a & -4 ; 6 & a ; a | 6 ; a | -7 ; a ^ 1 ; a ^ 13 ; a ^ -2 ; ~a ; (a & 11) ^ 9 ; (a << 2) | (b & 3)
(8 * a) ^ (b & 7) ; (8 * a) & (b & 7) ; tl.where(a & 1, a, b) ; tl.where((a >> 1) & 1, a, b)
tl.where((a - 5).to(tl.uint32) < 3, a, b) ; tl.where((a - 5).to(tl.uint32) >= b.to(tl.uint32), a, b)
a.to(tl.uint32) // 1000 ; a.to(tl.uint32) % 1000 ; a.to(tl.uint32) >> 3 ; tl.minimum(a.to(tl.uint32), 7)
a.to(tl.uint8)
tl.maximum(a.to(tl.uint32), 7) >> 5 ; a.to(tl.uint8).to(tl.int32) + b ; a.to(tl.uint8).to(tl.uint32) // 3
(a & 255).to(tl.uint8).to(tl.int32) ; ((40 * a) & 255).to(tl.int8).to(tl.int32) ; a.to(tl.uint32).to(tl.int64) >> 20
tl.where(((40 * a) & 255).to(tl.uint8) < 100, a, b) ; tl.where(((40 * a) & 255).to(tl.int8) >= 0, a, b)
tl.sum(a, 1)[:, None] + b ; tl.max(a - 2 * b, 0)[None, :] - a ; tl.min(a, 1)[:, None] * b ; tl.cumsum(a, 1)
tl.sum(a > b, 1)[:, None].to(tl.int32) * a
tl.where(tl.sum((a > b).to(tl.int32), 1)[:, None] > 2, a, b)
tl.maximum(tl.sum((a > b).to(tl.int32), 0), 1)[None, :] % 3 + a
tl.where(tl.sum(a > b, 0)[None, :] > 2, tl.sum(a > b, 0)[None, :].to(tl.int32), a)
tl.sum(a > b, 1)[:, None].to(tl.int64) + 0 * a
tl.where(tl.reduce_or(a > b, 1)[:, None], a, b)
"""

_BODIES = {
    "a loop over rows": "acc = x\nfor i in range(3):\n    acc = acc * 0.5 + y\nresult = acc",
    "a loop that is written out": "acc = x\nfor i in tl.static_range(3):\n    acc += i * y\nresult = acc",
    "a loop from a size": "acc = x\nfor i in range(1, n, 2):\n    acc += i\nresult = acc",
    "a branch on a size": "acc = x\nif n > 3:\n    acc = acc + y\nelse:\n    acc = acc - y\nresult = acc",
    "a branch on the program": "acc = x\nif tl.program_id(0) == 0:\n    acc = 2 * acc\nresult = acc",
    "masked lanes": "result = tl.load(x_ptr + place, mask=(a > 0) & (b > 1), other=-2.0)",
    "a masked store": "tl.store(out_ptr + place, y)\nresult = x\nkeep = a > 1",
    "assumptions and messages": "tl.assume(n > 0)\ntl.debug_barrier()\ntl.device_print('n', n)\nresult = x",
    "a store to no lane": "tl.store(out_ptr + place, 0.0 * x, mask=a < -1000)\nresult = x",
    "halves": ("low, high = tl.split(tl.reshape(x, (R, C // 2, 2)))\nresult = tl.reshape(tl.join(high, low), (R, C))"),
    "a scalar for a block": "result = x + tl.load(y_ptr + 1)",
    "a scalar condition": "result = x + (n > 3).to(tl.float32)",
    "blocks put together": "both = tl.cat(tl.sum(x, 1), tl.sum(y, 1), can_reorder=True)\nresult = x + tl.sum(both, 0)",
}

_HEAD = """
import triton
import triton.language as tl

from stile_engine import dim, kernel

R, C = dim("R", {rows}), dim("C", {columns})
OPTIONS = dict(
    inputs={{"x_ptr": "X:R C", "y_ptr": "Y:R C"}}, scalars={{"n": R}}, consts={{"R": {rows}, "C": {columns}}}, grid=(1,)
)


@triton.jit
def product(a, b):
    return a * b


@triton.jit
def total(a, b):
    return a + b

"""

_KERNEL = """
@kernel({{"out_ptr": "X:R C + Y:R C"}}, **OPTIONS)
@triton.jit
def {name}(x_ptr, y_ptr, out_ptr, n, R: tl.constexpr, C: tl.constexpr):
    r, c = tl.arange(0, R), tl.arange(0, C)
    place = r[:, None] * C + c[None, :]
    x, y = tl.load(x_ptr + place), tl.load(y_ptr + place)
    a, b = r[:, None] * 3 + c[None, :] - 5, c[None, :] + 1 + 0 * r[:, None]
    keep = a == a
{body}
    tl.store(out_ptr + place, result, mask=keep)

"""


def cases(rows: int, columns: int) -> dict[str, str]:
    """The bodies of the kernels by their names, for blocks of this shape."""
    found: dict[str, str] = {}
    for kind, texts in (("pointwise", _POINTWISE), ("integers", _INTEGERS)):
        for number, expression in enumerate(_expressions(texts)):
            if "x16" in expression and (rows != columns or rows < 16):
                continue
            value = f"({expression}).to(tl.float32)" if kind == "integers" else expression
            found[f"{kind}_{number}"] = f"result = {value}".replace("x16", "x").replace("y16", "y")
    return found | {f"body_{number}": body for number, body in enumerate(_BODIES.values())}


def kernels(rows: int, columns: int) -> str:
    """The text of a file with a kernel for each operation."""
    texts = [_KERNEL.format(name=name, body=_indented(body)) for name, body in cases(rows, columns).items()]
    return "".join([_HEAD.format(rows=rows, columns=columns), *texts])


def _expressions(text: str) -> list[str]:
    return [e.strip() for line in text.strip().splitlines() for e in line.split(" ; ")]


def _indented(body: str) -> str:
    return "\n".join(f"    {line}" for line in body.splitlines())


def inputs(seed: int, rows: int, columns: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {name: generator.uniform(-2, 2, (rows, columns)).round(3) for name in "XY"}


def main(path: str, seed: str, target: str) -> None:
    import torch

    from stile_engine.decorator import recording_declarations

    with recording_declarations() as declarations:
        module: dict[str, Any] = runpy.run_path(path)
    rows, columns = int(module["R"]), int(module["C"])
    given = {n: torch.tensor(v, dtype=torch.float32) for n, v in inputs(int(seed), rows, columns).items()}
    found: dict[str, np.ndarray] = {}
    for declaration in declarations:
        out = torch.full((rows, columns), float("nan"))
        declaration.target[(1,)](given["X"].clone(), given["Y"].clone(), out, rows, R=rows, C=columns)
        found[declaration.target.fn.__name__] = out.numpy()
    np.savez(Path(target), **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
