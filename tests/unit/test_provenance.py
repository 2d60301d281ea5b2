"""Which dims an axis runs along, read off the expressions that kernels make."""

from __future__ import annotations

import textwrap

import pytest

from stile_engine.check import check
from stile_engine.index.affine import Affine
from stile_engine.term.expression import Node, Read, Reduce, Reindex, Tensor, add, bounds, multiply, reduce
from stile_engine.term.provenance import Label, Provenance, Strand, axis_text, label, mismatch, strands_of
from stile_engine.trace.report import CheckRequest

N, D = Affine((), 512), Affine((), 64)
X = Tensor("X", ("N", "D"), (N, D))
Y = Tensor("Y", ("M", "D"), (N, D))
EXTENTS = {"N": N, "M": N, "D": D}


def v(name: str) -> Affine:
    return Affine.variable(name)


def read(tensor: Tensor, *index: Affine, **sizes: int) -> Node:
    return Read(tensor, index, {name: bounds(0, size) for name, size in sizes.items()})


def named(node: Node, variable: str) -> Label | None:
    return label(strands_of(Provenance().touches(node), variable, node.axes))


def text(node: Node, variable: str) -> str | None:
    low, high = node.axes[variable]
    return axis_text(named(node, variable), high - low, EXTENTS)


def test_rows_and_slices() -> None:
    assert text(read(X, v("i"), v("j"), i=512, j=64), "i") == "N"
    assert text(read(X, v("i") + 16, v("j"), i=16, j=64), "i") == "N[16:32]"
    assert text(read(X, v("i") * 2 + 1, v("j"), i=256, j=64), "i") == "N[1:512:2]"
    assert text(read(X, 511 - v("i"), v("j"), i=512, j=64), "i") == "N[::-1]"
    assert text(read(X, 40 - v("i"), v("j"), i=8, j=64), "i") == "N[40:32:-1]"
    assert text(read(X, v("i"), v("j") + v("round") * 16, i=512, j=16, round=4), "i") == "N"


def test_what_stands_outside_of_the_array_is_part_of_the_offset() -> None:
    node = read(X, v("t") * 64 + v("i"), v("j"), t=8, i=64, j=64)
    own = {name: node.axes[name] for name in ("i", "j")}
    found = label(strands_of(Provenance().touches(node), "i", own))
    assert found == (Strand("N", 1, v("t") * 64),)
    assert axis_text(found, Affine((), 64), EXTENTS) == "N[64 * t:64 * t + 64]"


def test_split_axes_keep_their_dim_with_their_stride() -> None:
    node = read(X, v("a") * 64 + v("b") * 8 + v("c"), v("j"), a=8, b=8, c=8, j=64)
    assert [text(node, name) for name in "abc"] == ["N//64", "N//8%8", "N%8"]
    overlapping = read(X, v("a") + v("b"), v("j"), a=8, b=8, j=64)
    assert [text(overlapping, name) for name in "ab"] == [None, None]


def test_merged_axes_keep_both_dims() -> None:
    flat = {"t": 512 * 64}
    assert text(read(X, v("t") // 64, v("t") % 64, **flat), "t") == "(N D)"
    assert text(read(Y, v("h") // 4, v("j"), h=2048, j=64), "h") == "(M 4)"
    assert text(read(X, v("i"), v("j") % 64, i=512, j=192), "j") == "(3 D)"
    # in the other order it is another axis
    other = Reindex(
        read(X, v("i"), v("j"), i=512, j=64), {"i": v("t") % 512, "j": v("t") // 512}, {"t": bounds(0, 32768)}
    )
    assert text(other, "t") == "(D N)"
    assert mismatch(named(other, "t"), named(read(X, v("t") // 64, v("t") % 64, **flat), "t")) == "dims"


def test_reductions_hide_what_they_bind() -> None:
    left, right = read(X, v("i"), v("k"), i=512, k=64), read(Y, v("j"), v("k"), j=512, k=64)
    product = reduce("sum", {"k": bounds(0, 64)}, multiply(left, right))
    assert isinstance(product, Reduce)
    assert (text(product, "i"), text(product, "j")) == ("N", "M")
    window = reduce("sum", {"k": bounds(0, 3)}, read(X, v("i") + v("k"), v("j"), i=510, k=3, j=64))
    assert text(window, "i") is None  # a window slides: no place of the dim belongs to the axis
    heads = reduce("sum", {"k": bounds(0, 8)}, read(X, v("h") * 8 + v("k"), v("j"), h=64, k=8, j=64))
    assert text(heads, "h") == "N//8"


def test_an_axis_at_which_two_dims_are_read_has_no_name() -> None:
    both = add(read(X, v("i"), v("j"), i=512, j=64), read(Y, v("i"), v("j"), i=512, j=64))
    assert (text(both, "i"), text(both, "j")) == (None, "D")


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (Strand("N"), Strand("M"), "dims"),
        (Strand("N"), Strand("N"), None),
        (Strand("N"), Strand("N", 1, Affine((), 1)), "places"),
        (Strand("N", 2), Strand("N"), "places"),
        (Strand("E", 8, shared=True), Strand("E", shared=True, size=8), "places"),
        (Strand("E", shared=True, size=8), Strand("D"), None),  # a head's part of E is a dim elsewhere
    ],
)
def test_mismatches(left: Strand, right: Strand, expected: str | None) -> None:
    assert mismatch((left,), (right,)) == expected
    assert mismatch((left,), None) is None


HEADERS = {
    "numpy": "import numpy as np\n",
    "jax": "import jax.numpy as np\n",
    "torch": "import torch as np\n",
}

BODY = """
@kernel("X:N D")
def f(X, W, idx, Q):
    sliced = X[2:6]
    turned = X.T
    every = X[::2, 1:]
    parts = X.reshape(2, 4, 6)
    flat = X.reshape(48)
    wide = X[:, None, :] * W[None, :, :]
    product = X @ W.T
    joined = np.concatenate([X[:4], X[4:]])
    rows = X[idx]
    summed = X.sum({axis}=0)
    moved = np.einsum("nd,md->mn", X, W)
    mask = np.arange(8)[:, None] <= np.arange(6)[None, :]
    masked = np.where(mask, X, 0.0)
    shifted = X - X.{largest}({axis}=1, {keep}=True)
    heads = X.reshape(8, 2, 3).swapaxes(0, 1)
    return X
"""

DIMS = {
    "sliced": "N[2:6] D",
    "turned": "D N",
    "every": "N[0:8:2] D[1:6]",
    "parts": "N//4 N%4 D",
    "flat": "(N D)",
    "wide": "N M D",
    "product": "N M",
    "joined": "N D",
    "rows": "t D",
    "summed": "D",
    "moved": "M N",
    "mask": "8 6",
    "masked": "N D",
    "shifted": "N D",
    "heads": "D//3 N D%3",
}


@pytest.mark.parametrize("framework", sorted(HEADERS))
def test_every_front_end_shows_the_same_dims(framework: str) -> None:
    body = BODY
    if framework == "torch":
        body = body.replace("np.concatenate", "np.cat")
    axes = ("dim", "keepdim", "amax") if framework == "torch" else ("axis", "keepdims", "max")
    for name, value in zip(("axis", "keep", "largest"), axes, strict=True):
        body = body.replace("{" + name + "}", value)
    header = "from stile_engine import dim, kernel\n" + HEADERS[framework]
    header += "N, D, M, t = dim('N', 8), dim('D', 6), dim('M', 4), dim('t', 5)\n"
    inputs = "inputs={'X': 'X:N D', 'W': 'W:M D', 'idx': 'idx:t', 'Q': 'Q:t'}, assume='idx in N'"
    body = body.replace('@kernel("X:N D")', f'@kernel("X:N D", {inputs})')
    report = check(CheckRequest("/nowhere/k.py", header + textwrap.dedent(body)))
    assert [k.status.value for k in report.kernels] == ["proved"], report.kernels[0].message
    assert {v.name: v.dims for v in report.values if v.name in DIMS} == DIMS
    assert [d for d in report.diagnostics if d.code == "dim-mismatch"] == []
    dtypes = {v.name: v.dtype for v in report.values}
    assert (dtypes["sliced"], dtypes["mask"]) == ("float32", "bool")
